"""A job's schedule as an answer: its next due times, and what became of the last ones; pure."""

import itertools
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec
from webjobs_events.events import ScheduleTicked, TickOutcome
from webjobs_events.job import JobDefinition
from webjobs_rules.clock_changes import ClockChange, ClockEffect, clock_change_of, clock_changes
from webjobs_rules.cron_words import cron_in_words
from webjobs_rules.errors import WebJobsError
from webjobs_rules.job_settings import Missed, read_job_settings
from webjobs_rules.schedule import Schedule, known_zone, schedule_of

from webjobs_api.http.legacy_responses import instant
from webjobs_api.http.urls import Urls

MOST_DUE_TIMES = 100
LAST_TICKS = 10

_HORIZON = timedelta(days=50 * 366)
_YEAR = timedelta(days=366)


class ClockChangeJson(msgspec.Struct, frozen=True):
    """A change of the clocks in the zone of a schedule: when it is, and what it does to its times."""

    at: str
    effect: ClockEffect
    words: str


class DueTimeJson(msgspec.Struct, frozen=True):
    """A due time, in UTC and as the clock of its zone shows it.

    Attributes:
        due: In UTC.
        local: By the clock of the zone.
        clock_change: The change of the clocks that moves it, or shows it twice; null without one.
    """

    due: str
    local: str
    clock_change: ClockChangeJson | None = None


class TickJson(msgspec.Struct, frozen=True):
    """What became of a due time, or of `count` of them from `due` until `until`."""

    due: str
    until: str | None
    count: int
    outcome: TickOutcome
    reason: str
    run_id: str | None
    run_url: str | None
    told_at: str


class ScheduleJson(msgspec.Struct, frozen=True):
    """A triggered job's schedule; `schedule` is null when it has none.

    Attributes:
        schedule: The cron expression as it is written.
        normalized: The six fields that it stands for; null when there is none, or it is refused.
        words: When it is due, as a sentence; null as above.
        time_zone: The zone that it is meant in.
        enabled: False while the job's settings keep it from running.
        held_back: Why it starts nothing at the moment; null when it does.
        missed: What becomes of due times that passed unseen.
        next: The next due times.
        clock_change: The next change of the clocks within a year that touches the schedule; null: none does.
        last: What became of the last ones, newest first.
        log_url: Of the scheduler log.
    """

    schedule: str | None
    normalized: str | None
    words: str | None
    time_zone: str
    enabled: bool
    held_back: str | None
    missed: Missed
    next: list[DueTimeJson]
    clock_change: ClockChangeJson | None
    last: list[TickJson]
    log_url: str | None


def schedule_json(
    definition: JobDefinition,
    *,
    site_zone: str | None,
    held_back: str | None,
    ticks: Iterable[ScheduleTicked],
    count: int,
    urls: Urls,
    now: datetime,
) -> ScheduleJson:
    """A job's schedule.

    Args:
        definition: Of the job.
        site_zone: WEBSITE_TIME_ZONE.
        held_back: Which setting of the site keeps schedules from starting anything.
        ticks: The last recorded ones, oldest first.
        count: How many due times to look ahead.
        urls: Of this client's dialect.
        now: This instant.
    """
    last = [_tick_json(tick, urls) for tick in ticks][::-1]
    try:
        settings = read_job_settings(definition.settings)
        schedule = schedule_of(settings, site_zone)
    except WebJobsError as error:  # settings from before they were checked
        zone, written = known_zone(site_zone), definition.settings.get("schedule")
        return ScheduleJson(
            schedule=written if isinstance(written, str) else None,
            normalized=None,
            words=None,
            time_zone=zone,
            enabled=definition.settings.get("enabled") is not False,
            held_back=str(error),
            missed=Missed(),
            next=[],
            clock_change=None,
            last=last,
            log_url=urls.scheduler_log(definition.job_name) if last else None,
        )
    if not settings.enabled:
        held_back = "enabled is false in settings.job."
    return ScheduleJson(
        schedule=settings.schedule,
        normalized=schedule.cron.normalized if schedule else None,
        words=cron_in_words(schedule.cron) if schedule else None,
        time_zone=schedule.time_zone if schedule else settings.time_zone or known_zone(site_zone),
        enabled=settings.enabled,
        held_back=held_back,
        missed=settings.missed,
        next=[] if schedule is None else next_due_times(schedule, now, count),
        clock_change=None if schedule is None else _next_clock_change(schedule, now),
        last=last,
        log_url=urls.scheduler_log(definition.job_name) if last else None,
    )


def next_due_times(schedule: Schedule, now: datetime, count: int) -> list[DueTimeJson]:
    """The first `count` due times of a schedule within fifty years."""
    found = itertools.islice(schedule.due_between(now, now + _HORIZON), count)
    return [
        DueTimeJson(
            instant(due),
            due.astimezone(schedule.zone).isoformat(),
            _clock_change(clock_change_of(schedule, due)),
        )
        for due in found
    ]


def _next_clock_change(schedule: Schedule, now: datetime) -> ClockChangeJson | None:
    """The next change of the clocks within a year that touches a schedule."""
    return _clock_change(next(clock_changes(schedule, now, now + _YEAR), None))


def _clock_change(change: ClockChange | None) -> ClockChangeJson | None:
    return ClockChangeJson(instant(change.at), change.effect, change.words) if change else None


def _tick_json(tick: ScheduleTicked, urls: Urls) -> TickJson:
    return TickJson(
        due=instant(tick.due),
        until=instant(tick.until) if tick.until else None,
        count=tick.count,
        outcome=tick.outcome,
        reason=tick.reason,
        run_id=tick.run_id,
        run_url=urls.run(tick.job_name, tick.run_id) if tick.run_id else None,
        told_at=instant(tick.at),
    )
