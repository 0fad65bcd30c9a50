"""Acknowledgements as answers; pure."""

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
from webjobs_events.events import Acknowledged, Term
from webjobs_events.instant import Instant
from webjobs_events.queries import AcknowledgementView

from webjobs_api.backends.failing_hook import HookAcknowledgement
from webjobs_api.overview.attention import HOOK, AttentionKind


class AcknowledgementJson(msgspec.Struct, frozen=True, kw_only=True):
    """One acknowledgement.

    Attributes:
        id: Its id.
        job: Name of the job; empty when a hook is acknowledged.
        type: Triggered or continuous; `hook` when a hook is acknowledged.
        kinds: The reasons for attention that it covers.
        by: Who gave it.
        at: When.
        until: `change`, until the evidence changes; `forever`; or an instant.
        note: Of the person; empty without one.
        hook: Id of the hook that is acknowledged; null of a job.
    """

    id: str
    job: str
    type: str
    kinds: list[str]
    by: str
    at: Instant
    until: str
    note: str
    hook: str | None = None


def given_json(event: Acknowledged) -> AcknowledgementJson:
    """An acknowledgement that was just given."""
    return AcknowledgementJson(
        id=event.acknowledgement_id,
        job=event.job_name,
        type=event.job_type.value,
        kinds=[each.kind for each in event.covers],
        by=event.by,
        at=event.at,
        until=_until(event.term, event.until),
        note=event.note,
    )


def listed_json(rows: Iterable[AcknowledgementView]) -> list[AcknowledgementJson]:
    """Acknowledgements, each with all reasons that it covers."""
    found: dict[tuple[str, str, str], AcknowledgementJson] = {}
    for row in rows:
        key = (row.job_type.value, row.job_name, row.acknowledgement_id)
        kinds = found[key].kinds if key in found else []
        found[key] = AcknowledgementJson(
            id=row.acknowledgement_id,
            job=row.job_name,
            type=row.job_type.value,
            kinds=[*kinds, row.kind],
            by=row.by,
            at=row.at,
            until=_until(row.term, row.until),
            note=row.note,
        )
    return list(found.values())


def hook_json(given: HookAcknowledgement) -> AcknowledgementJson:
    """The acknowledgement of a hook."""
    return AcknowledgementJson(
        id=given.acknowledgement_id,
        job="",
        type=HOOK,
        kinds=[AttentionKind.HOOK_FAILING.value],
        by=given.by,
        at=given.at,
        until=_until(given.term, given.until),
        note=given.note,
        hook=given.hook,
    )


def _until(term: Term, until: datetime | None) -> str:
    if until is None:
        return term.value
    return until.astimezone(UTC).isoformat().replace("+00:00", "Z")
