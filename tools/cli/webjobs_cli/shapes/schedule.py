"""What `schedule` prints with `--json`."""

from datetime import datetime

import msgspec


class DueTime(msgspec.Struct, frozen=True):
    """A due time, in UTC and as the clock of its zone shows it."""

    due: str
    local: str


class SchedulePreview(msgspec.Struct, frozen=True):
    """When a job is due."""

    schedule: str
    time_zone: str
    words: str
    next: list[DueTime]


class DueShown(msgspec.Struct, frozen=True):
    """When a job is due, in `schedule next`."""

    job: str
    due: datetime
    local: str
    """By the clock of the job's time zone; in the list of all jobs, of this machine."""
    time_zone: str | None
    held_back: str | None
    """Why it is not started all the same."""
