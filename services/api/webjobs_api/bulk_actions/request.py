"""The body of a request for an action on many jobs → what it asks for; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import msgspec
from webjobs_events.errors import MALFORMED
from webjobs_events.events import Term
from webjobs_rules.job import JobType

from webjobs_api.bulk_actions.errors import InvalidBulkAction, TooManyAtOnce
from webjobs_api.http.json_body import json_text
from webjobs_api.overview.acknowledge_request import Note
from webjobs_api.overview.selection import JobFilter, job_filter_of

MAX_NAMED = 1000
"""Jobs or runs that one request names."""

MAX_MATCHING = 10_000
"""Jobs or runs that pass the filter of one request."""

MAX_BODY_BYTES = 2 * 1024 * 1024
"""More than 1,000 jobs with the longest names need."""

_EXAMPLE = (
    '{"action": "run", "jobs": [{"type": "triggered", "name": "hello"}]}, or with '
    '"filter": {"filter": "failed", "text": "report"} in place of jobs'
)
T = TypeVar("T")


class Action(StrEnum):
    """What is done to each job."""

    RUN = "run"
    CANCEL = "cancel"
    """Cancel every run of the job that has not ended."""
    ENABLE = "enable"
    DISABLE = "disable"
    ACKNOWLEDGE = "acknowledge"
    """Acknowledge all that needs attention of the job."""


class NamedJob(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of the jobs."""

    type: JobType
    name: str


class FilterJson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every job that `GET /api/overview` lists with these parameters."""

    filter: str | None = None
    text: str | None = None
    type: str | None = None


class BulkActionJson(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An action, and either the jobs or a filter for them.

    Attributes:
        action: What is done to each job.
        jobs: Those that are named.
        filter: Those that pass it.
        until: Of `acknowledge` alone: `change`, `forever` or an instant; absent or null: `change`.
        note: Of `acknowledge` alone: at most 1,000 characters.
    """

    action: Action
    jobs: list[NamedJob] | None = None
    filter: FilterJson | None = None
    until: str | None = None
    note: Note | None = None


@dataclass(frozen=True, slots=True)
class BulkAction:
    """An action on jobs: those that are named, or else those that pass the filter.

    Attributes:
        action: What is done to each job.
        jobs: Those that are named.
        filter: Those that pass it.
        until: Of acknowledgements, as their own route takes it.
        note: Likewise.
    """

    action: Action
    jobs: list[NamedJob] | None
    filter: JobFilter
    until: str = Term.CHANGE
    note: str = ""


def bulk_action_of(body: bytes) -> BulkAction:
    """What a request's body asks for.

    Raises:
        InvalidBulkAction: It is no JSON object of this form.
        InvalidJobFilter: The filter has a value that it cannot have.
        TooManyAtOnce: It names more than `MAX_NAMED`.
    """
    asked = decoded(body, BulkActionJson, _EXAMPLE)
    if (asked.jobs is None) == (asked.filter is None):
        raise InvalidBulkAction("it needs either jobs or filter", _EXAMPLE)
    if asked.action is not Action.ACKNOWLEDGE and (asked.until is not None or asked.note is not None):
        reason = f"until and note are for {Action.ACKNOWLEDGE}, not for {asked.action}"
        raise InvalidBulkAction(reason, _EXAMPLE)
    check_named(asked.jobs or (), "jobs")
    given = msgspec.structs.asdict(asked.filter) if asked.filter else {}
    parameters = {name: value for name, value in given.items() if value is not None}
    return BulkAction(
        asked.action, asked.jobs, job_filter_of(parameters), asked.until or Term.CHANGE, asked.note or ""
    )


def decoded(body: bytes, form: type[T], example: str) -> T:
    """A body of this form.

    Raises:
        InvalidBulkAction: It has another one.
    """
    try:
        return msgspec.json.decode(json_text(body), type=form)
    except MALFORMED as error:
        raise InvalidBulkAction(str(error).rstrip("."), example) from error


def check_named(named: Sequence[object], what: str) -> None:
    """Check that one request may name so many jobs or runs.

    Raises:
        TooManyAtOnce: It may not.
    """
    if len(named) > MAX_NAMED:
        raise TooManyAtOnce(what, MAX_NAMED, "names")


def check_matching(matching: Sequence[object], what: str) -> None:
    """Check that one request may be about all of these, which pass its filter.

    Raises:
        TooManyAtOnce: It may not.
    """
    if len(matching) > MAX_MATCHING:
        raise TooManyAtOnce(what, MAX_MATCHING, "matches")
