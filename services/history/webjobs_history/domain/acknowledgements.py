"""Which events give acknowledgements, and which end them."""

import msgspec
from webjobs_events.ending_evidence import ending_evidence
from webjobs_events.events import (
    Acknowledged,
    AcknowledgementWithdrawn,
    ContinuousEvent,
    ContinuousPendingRestart,
    Deleted,
    Deployed,
    Event,
    RunFailed,
    RunSuccess,
    ScheduleTicked,
    SettingsChanged,
    Term,
    TickOutcome,
)
from webjobs_events.queries import AcknowledgementView
from webjobs_rules.job import JobType

from webjobs_history.domain.crashes import has_recovered
from webjobs_history.domain.rows import InstanceRow

_FAILED = frozenset({"failed"})
_OF_RUNS = frozenset({"failed", "long_run"})
_OF_DUE_TIMES = frozenset({"missed", "skipped"})
_OF_DEFINITIONS = frozenset({"refused"})
_OF_PROCESSES = frozenset({"crash_loop"})


class PutAcknowledgement(msgspec.Struct, frozen=True):
    """This reason for attention of a job is acknowledged; an earlier acknowledgement of it is replaced."""

    row: AcknowledgementView


class EndAcknowledgements(msgspec.Struct, frozen=True, kw_only=True):
    """These acknowledgements of a job have ended.

    Attributes:
        job_type: Of the job.
        job_name: Of the job.
        kinds: Those of these reasons for attention; None: of all.
        acknowledgement_id: Those with this id; None: with any.
        unless: Those that last until the evidence changes, and were given for other evidence; None: all.
    """

    job_type: JobType
    job_name: str
    kinds: frozenset[str] | None = None
    acknowledgement_id: str | None = None
    unless: str | None = None

    def ends(self, row: AcknowledgementView) -> bool:
        """Whether an acknowledgement is among them."""
        return (
            (row.job_type, row.job_name) == (self.job_type, self.job_name)
            and (self.kinds is None or row.kind in self.kinds)
            and self.acknowledgement_id in (None, row.acknowledgement_id)
            and (self.unless is None or _is_other(row, self.unless))
        )


def _is_other(row: AcknowledgementView, evidence: str) -> bool:
    return row.term is Term.CHANGE and bool(row.evidence) and row.evidence != evidence


AcknowledgementChange = PutAcknowledgement | EndAcknowledgements


def job_of(event: Event) -> tuple[JobType, str] | None:
    """The job whose acknowledgements an event can change; None when it changes none."""
    match event:
        case Acknowledged() | AcknowledgementWithdrawn() | Deleted() | Deployed() | SettingsChanged():
            return event.job_type, event.job_name
        case RunSuccess() | RunFailed() | ScheduleTicked():
            return JobType.TRIGGERED, event.job_name
        case ContinuousEvent():
            return JobType.CONTINUOUS, event.job_name
    return None


def acknowledgement_changes(instance: InstanceRow | None, event: Event) -> list[AcknowledgementChange]:
    """What an event means for the acknowledgements of its job.

    An acknowledgement ends when what it covers has turned out well: a run succeeded, a due time ran, a
    definition was accepted, a process stayed up. One that lasts until the evidence changes ends when a run
    fails, or a process crashes, in another way. Only the reader knows whether an instant has passed, and
    compares the evidence of the other kinds.

    Args:
        instance: The row, before the event, that an event of a continuous job changes.
        event: What has happened.
    """
    kinds: frozenset[str] | None = None
    match event:
        case Acknowledged():
            return [PutAcknowledgement(each) for each in _rows_of(event)]
        case AcknowledgementWithdrawn():
            return [_ended(event, None, event.acknowledgement_id)]
        case Deleted():
            return [_ended(event, None)]
        case RunSuccess():
            kinds = _OF_RUNS
        case RunFailed():
            evidence = ending_evidence(event.reason, event.exit_code, event.signal)
            return [_ended(event, _FAILED, unless=evidence)]
        case ScheduleTicked(outcome=TickOutcome.RAN):
            kinds = _OF_DUE_TIMES
        case Deployed() | SettingsChanged():
            kinds = _OF_DEFINITIONS
        case ContinuousEvent() if instance is not None and has_recovered(instance, event):
            kinds = _OF_PROCESSES
        case ContinuousPendingRestart():
            return [_ended(event, _OF_PROCESSES, unless=ending_evidence(event.reason, event.exit_code))]
    return [_ended(event, kinds)] if kinds else []


def _rows_of(event: Acknowledged) -> list[AcknowledgementView]:
    return [
        AcknowledgementView(
            job_type=event.job_type,
            job_name=event.job_name,
            kind=each.kind,
            acknowledgement_id=event.acknowledgement_id,
            at=event.at,
            by=event.by,
            note=event.note,
            term=event.term,
            until=event.until,
            evidence=each.evidence,
            text=each.text,
        )
        for each in event.covers
    ]


def _ended(
    event: Event,
    kinds: frozenset[str] | None,
    acknowledgement_id: str | None = None,
    *,
    unless: str | None = None,
) -> EndAcknowledgements:
    job = job_of(event)
    assert job is not None
    return EndAcknowledgements(
        job_type=job[0],
        job_name=job[1],
        kinds=kinds,
        acknowledgement_id=acknowledgement_id,
        unless=unless,
    )
