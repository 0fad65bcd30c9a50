"""A schedule that belongs to no job yet: when it is due, or why it is refused; pure."""

from datetime import datetime
from typing import Any

import msgspec
from webjobs_rules.cron_words import cron_in_words
from webjobs_rules.job import JobType
from webjobs_rules.schedule import schedule_of
from webjobs_rules.settings_check import check_settings, warnings_of

from webjobs_api.schedules.preview import DueTimeJson, next_due_times


class TypedScheduleJson(msgspec.Struct, frozen=True):
    """A schedule as it would be if a job had it.

    Attributes:
        schedule: The cron expression as it was given.
        normalized: The six fields that it stands for.
        words: When it is due, as a sentence.
        time_zone: The zone that it is meant in.
        warnings: What is doubtful about it.
        next: The next due times.
    """

    schedule: str
    normalized: str
    words: str
    time_zone: str
    warnings: list[str]
    next: list[DueTimeJson]


def typed_schedule(
    expression: str, time_zone: str, site_zone: str | None, count: int, now: datetime
) -> TypedScheduleJson | None:
    """Returns when a schedule is due; None for a blank one.

    Args:
        expression: Six cron fields.
        time_zone: That it is meant in; blank: that of the site.
        site_zone: WEBSITE_TIME_ZONE.
        count: How many due times to look ahead.
        now: This instant.

    Raises:
        InvalidJobSettings: As a job's settings with this schedule and zone would be refused.
    """
    settings: dict[str, Any] = {"schedule": expression.strip(), "time_zone": time_zone.strip() or None}
    schedule = schedule_of(check_settings(settings, JobType.TRIGGERED), site_zone)
    if schedule is None:
        return None
    return TypedScheduleJson(
        schedule=expression,
        normalized=schedule.cron.normalized,
        words=cron_in_words(schedule.cron),
        time_zone=schedule.time_zone,
        warnings=warnings_of(settings),
        next=next_due_times(schedule, now, count),
    )
