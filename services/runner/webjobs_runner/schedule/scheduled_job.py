"""One job with a schedule, as this runner knows it."""

from dataclasses import dataclass, field
from datetime import datetime

from webjobs_events.job import JobDefinition
from webjobs_rules.job import JobName
from webjobs_rules.job_settings import JobSettings, read_job_settings
from webjobs_rules.schedule import Schedule, schedule_of

from webjobs_runner.schedule.ticks import Cursor


@dataclass(slots=True, eq=False)
class ScheduledJob:
    """A job and its schedule.

    Attributes:
        name: Of the job.
        settings: From its `settings.job`.
        schedule: When it is due.
        since: No due time before counts.
        next_at: When it is to be looked at.
        cursor: How far its due times are recorded; None when that has to be read.
        trace_seed: Part of the traces of its runs; another one for a job of this name elsewhere.
    """

    name: JobName
    settings: JobSettings
    schedule: Schedule
    since: datetime
    next_at: datetime
    cursor: Cursor | None = None
    trace_seed: str = ""
    _seen_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._seen_at = self.next_at

    @property
    def trigger(self) -> str:
        """Returns the trigger text of its runs, as Kudu writes it."""
        return f"Schedule - {self.schedule.expression}"

    def recorded_until(self, cursor: Cursor) -> datetime:
        """Every due time up to here is recorded, or does not count.

        A schedule that differs from the last recorded one, because WEBSITE_TIME_ZONE was
        changed, counts from when it was first seen here: a change starts nothing.
        """
        if cursor.recorded_until is None:
            return self.since
        current = (cursor.schedule, cursor.time_zone)
        is_other = current != (self.schedule.expression, self.schedule.time_zone)
        if is_other and self.since <= cursor.recorded_until:
            return max(self._seen_at, cursor.recorded_until)
        return max(self.since, cursor.recorded_until)


def scheduled_job(
    definition: JobDefinition, site_zone: str | None, now: datetime, *, is_change: bool
) -> ScheduledJob | None:
    """A definition's schedule; None when it has none.

    Args:
        definition: Of the job.
        site_zone: WEBSITE_TIME_ZONE.
        now: This instant.
        is_change: Whether WEBSITE_TIME_ZONE has just changed.

    Raises:
        InvalidJobSettings, InvalidSchedule, UnknownTimeZone: The settings were never checked.
    """
    settings = read_job_settings(definition.settings)
    schedule = schedule_of(settings, site_zone)
    if schedule is None:
        return None
    since = now if is_change or definition.scheduled_since is None else definition.scheduled_since
    return ScheduledJob(definition.job_name, settings, schedule, since, now, trace_seed=definition.digest_key)
