"""A deployment, its log, and how the list of them changes; pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import IntEnum

import msgspec
from msgspec.structs import replace
from webjobs_events.instant import Instant

from webjobs_api.site_deployments.errors import DeploymentExists, DeploymentInProgress

MOST_KEPT = 50
"""Deployments that are listed; older ones are forgotten."""

RENEWAL_SECONDS = 5.0
"""How often an api that performs a deployment says so in the record."""

_LOST_AFTER = timedelta(seconds=30)
_MOST_ENTRIES = 300
_LONGEST_ENTRY = 2000  # characters
_LOST = "The api that performed the deployment ended before it was complete. Deploy again."


class Status(IntEnum):
    """How far a deployment is; the numbers that clients know. Source: Kudu: DeployStatus."""

    PENDING = 0
    BUILDING = 1
    DEPLOYING = 2
    FAILED = 3
    SUCCESS = 4


class EntryType(IntEnum):
    """How bad an entry of the log is. Source: Kudu: LogEntryType."""

    MESSAGE = 0
    WARNING = 1
    ERROR = 2


class LogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One sentence about a deployment."""

    at: Instant
    message: str
    type: EntryType = EntryType.MESSAGE


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment as it is kept.

    Attributes:
        id: Of the deployment.
        status: How far it is.
        status_text: Why it failed; or what is wrong with it though it did not.
        author: As the client named it.
        author_email: The same.
        deployer: Name of the way by which it came.
        message: As the client gave it.
        received_at: When all of the package was here.
        renewed_at: When the api that performs it last renewed it.
        ended_at: When it was complete.
        warnings: About the package and the jobs in it, refused jobs included.
    """

    id: str
    status: Status
    status_text: str = ""
    author: str = "N/A"
    author_email: str = "N/A"
    deployer: str
    message: str
    received_at: Instant
    renewed_at: Instant
    ended_at: Instant | None = None
    warnings: list[str] = []

    @property
    def is_complete(self) -> bool:
        """Whether it has succeeded or failed."""
        return self.status in (Status.FAILED, Status.SUCCESS)


def ended(deployment: Deployment, status: Status, text: str, now: datetime) -> Deployment:
    """The deployment, complete."""
    return replace(deployment, status=status, status_text=text, ended_at=now, renewed_at=now)


def settled(deployments: Sequence[Deployment], now: datetime) -> list[Deployment]:
    """The same list, in which a deployment whose api is gone has failed."""
    return [
        ended(each, Status.FAILED, _LOST, each.renewed_at)
        if not each.is_complete and now - each.renewed_at > _LOST_AFTER
        else each
        for each in deployments
    ]


def with_new(deployments: Sequence[Deployment], new: Deployment) -> list[Deployment]:
    """The settled list with one more at its head, as long as it may be.

    Raises:
        DeploymentInProgress: Another one is not complete.
        DeploymentExists: Its id is taken.
    """
    for each in deployments:
        if each.id == new.id:
            raise DeploymentExists(new.id)
        if not each.is_complete and not new.is_complete:
            raise DeploymentInProgress(each.id)
    return [new, *deployments][:MOST_KEPT]


def latest(deployments: Sequence[Deployment]) -> Deployment | None:
    """The one that is not complete; if there is none, the one that ended last."""
    pending = next((each for each in deployments if not each.is_complete), None)
    complete = [each for each in deployments if each.ended_at is not None]
    return pending or max(complete, key=lambda each: each.ended_at or each.received_at, default=None)


def active_id(deployments: Sequence[Deployment]) -> str | None:
    """The id of the last one that succeeded."""
    return getattr(latest([each for each in deployments if each.status is Status.SUCCESS]), "id", None)


def bounded_log(entries: Sequence[LogEntry]) -> list[LogEntry]:
    """The entries that are kept, with a line for those that are not."""
    kept = [
        replace(each, message=f"{each.message[: _LONGEST_ENTRY - 1]}…")
        if len(each.message) > _LONGEST_ENTRY
        else each
        for each in entries
    ]
    if len(kept) <= _MOST_ENTRIES:
        return kept
    left_out = LogEntry(
        at=kept[-1].at,
        message=f"{len(kept) - _MOST_ENTRIES} entries are left out here.",
        type=EntryType.WARNING,
    )
    return [*kept[: _MOST_ENTRIES - 1], left_out, kept[-1]]
