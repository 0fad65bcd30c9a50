"""When a schedule is due: instants in UTC, for any time zone, over every change of its clocks.

Each wall-clock time that the expression names is due once a day that has it. A time that is skipped,
because the clock is put forward over it, is due when the old clock would have shown it. A time that
comes twice, because the clock is put back, is due the first time. Only a schedule that comes round every
hour goes by elapsed time instead: it neither pauses nor doubles when the clocks are changed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from webjobs_rules.cron import Cron, parse_cron
from webjobs_rules.errors import UnknownTimeZone, WebJobsError
from webjobs_rules.job_settings import JobSettings, read_job_settings
from webjobs_rules.time_zone import Offset, offsets, parse_time_zone
from webjobs_rules.windows_zones import WINDOWS_ZONES

_MARGIN = timedelta(days=2)  # more than any two clocks of a zone can differ
_WINDOW = timedelta(days=32)
_MINUTE = timedelta(minutes=1)
_INSTANT = timedelta(microseconds=1)
_EVERY_HOUR = frozenset(range(24))


@dataclass(frozen=True, slots=True)
class Schedule:
    """A cron expression in a time zone. Made by `parse_schedule`."""

    cron: Cron
    zone: ZoneInfo

    @property
    def expression(self) -> str:
        """As it was written."""
        return self.cron.text

    @property
    def time_zone(self) -> str:
        """Name of the zone."""
        return self.zone.key

    def due_times(self, after: datetime) -> Iterator[datetime]:
        """Every due time later than `after`, in order, UTC.

        Source: Kudu, Schedule.cs, for times that are skipped; what comes twice is ours.
        """
        after = after.astimezone(UTC)
        while (wall := next(self.cron.after(_wall(after, self.zone) - _MARGIN), None)) is not None:
            after = max(after, wall.replace(tzinfo=UTC) - _MARGIN)
            end = after + _WINDOW
            for stretch in offsets(self.zone, after, end):
                yield from self._within(stretch, after, end)
            after = end

    def next_due(self, after: datetime) -> datetime | None:
        """The first due time later than `after`; None when there is none for fifty years."""
        return next(self.due_times(after), None)

    def due_between(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Every due time later than `after` and not later than `until`, in order."""
        for due in self.due_times(after):
            if due > until:
                return
            yield due

    def _within(self, stretch: Offset, after: datetime, until: datetime) -> Iterator[datetime]:
        """Due times in a stretch of even time, later than `after` and not later than `until`."""
        begin, end = max(after, stretch.start - _INSTANT), min(until, stretch.end - _INSTANT)
        if not self.goes_by_elapsed_time(stretch.shift):
            changed = stretch.start + abs(stretch.shift) - _INSTANT
            if stretch.shift > timedelta(0) and begin < changed:
                both = {
                    *self._shown(stretch.offset, begin, min(end, changed)),
                    *self._shown(stretch.offset - stretch.shift, begin, min(end, changed)),
                }
                yield from sorted(both)
            begin = max(begin, changed)
        yield from self._shown(stretch.offset, begin, end)

    def _shown(self, offset: timedelta, begin: datetime, end: datetime) -> Iterator[datetime]:
        """Instants later than `begin`, up to `end`, at which a clock with this offset shows a due time."""
        if begin >= end:
            return
        last = (end + offset).replace(tzinfo=None)
        for wall in self.cron.after((begin + offset).replace(tzinfo=None)):
            if wall > last:
                return
            yield wall.replace(tzinfo=UTC) - offset

    def goes_by_elapsed_time(self, shift: timedelta) -> bool:
        """Whether the schedule looks the same on a clock that was put forward or back by this."""
        if self.cron.hours != _EVERY_HOUR or shift % _MINUTE:
            return False
        minutes = shift // _MINUTE
        return self.cron.minutes == {(minute + minutes) % 60 for minute in self.cron.minutes}


@lru_cache(maxsize=4096)
def parse_schedule(expression: str, time_zone: str) -> Schedule:
    """A schedule from what a person wrote.

    Raises:
        InvalidSchedule: The expression cannot be understood.
        UnknownTimeZone: There is no such time zone.
    """
    return Schedule(parse_cron(expression), parse_time_zone(time_zone))


def schedule_of(settings: JobSettings, site_zone: str | None) -> Schedule | None:
    """The schedule of a job; None when it has none.

    Args:
        settings: Of the job.
        site_zone: WEBSITE_TIME_ZONE, for jobs that name no zone of their own. One that does not exist counts
            as UTC, as Kudu does.

    Raises:
        InvalidSchedule: The expression cannot be understood.
        UnknownTimeZone: The job's own time zone does not exist.
    """
    if settings.schedule is None:
        return None
    return parse_schedule(settings.schedule, settings.time_zone or known_zone(site_zone))


def enabled_schedule(settings: Mapping[str, Any], site_zone: str | None) -> Schedule | None:
    """The schedule that starts runs of a job; None without one, when disabled, or with faulty settings.

    Args:
        settings: Of the job, as they are stored.
        site_zone: As in `schedule_of`.
    """
    try:
        read = read_job_settings(settings)
        return schedule_of(read, site_zone) if read.enabled else None
    except WebJobsError:  # the job has an error, which is shown elsewhere
        return None


def known_zone(site_zone: str | None) -> str:
    """WEBSITE_TIME_ZONE as it counts: an IANA name, or one of Windows; UTC when it is not set, or neither."""
    name = (site_zone or "").strip()
    try:
        return parse_time_zone(WINDOWS_ZONES.get(name, name)).key if name else "UTC"
    except UnknownTimeZone:
        return "UTC"


def _wall(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)
