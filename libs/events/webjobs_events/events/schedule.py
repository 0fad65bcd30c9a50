"""What became of the due times of a schedule."""

from enum import StrEnum

from webjobs_rules.run_id import SentRunId, run_id_at

from webjobs_events.events.event import TriggeredEvent
from webjobs_events.instant import Instant
from webjobs_events.subjects import token_of


class TickOutcome(StrEnum):
    """What became of a due time."""

    RAN = "ran"
    """A run was asked for."""
    SKIPPED = "skipped"
    """No run was asked for: the job may not run now, or it runs already."""
    MISSED = "missed"
    """It had passed unseen too long ago, and no run stands for it."""
    MERGED = "merged"
    """It had passed unseen, and one run stands for it and later ones."""


class ScheduleTicked(TriggeredEvent, frozen=True, kw_only=True, tag="ScheduleTicked"):
    """The outcome of a due time of a triggered job's schedule, or of many that passed unseen.

    Attributes:
        due: The due time, UTC; the first one when there are many.
        until: The last one when there are many; else None.
        count: How many due times it records.
        outcome: What became of it.
        run_id: The run that was asked for, or stands for it; None when there is none.
        reason: A sentence saying why, when no run was asked for.
        schedule: The cron expression.
        time_zone: The zone that it is meant in.
    """

    due: Instant
    until: Instant | None = None
    count: int = 1
    outcome: TickOutcome
    run_id: SentRunId | None = None
    reason: str = ""
    schedule: str
    time_zone: str

    @property
    def event_id(self) -> str:
        until = f"-{run_id_at(self.until)}" if self.until else ""
        return f"triggered/{token_of(self.job_name)}/ScheduleTicked/{run_id_at(self.due)}{until}"
