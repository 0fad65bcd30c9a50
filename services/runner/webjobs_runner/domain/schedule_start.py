"""The instant from which the due times of a job's schedule count."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from webjobs_events.job import JobDefinition
from webjobs_rules.job import JobType

_MEANING = ("schedule", "time_zone", "enabled")


def scheduled_since(
    before: JobDefinition | None, job_type: JobType, settings: Mapping[str, Any], now: datetime
) -> datetime | None:
    """Returns the instant for a new definition; a changed schedule never starts a run for the past.

    Args:
        before: The definition that is replaced; None when there is none.
        job_type: Of the job.
        settings: Of the new definition.
        now: This instant.
    """
    if job_type is not JobType.TRIGGERED or settings.get("schedule") is None:
        return None
    if before is None or before.scheduled_since is None:
        return now
    is_same = all(before.settings.get(key) == settings.get(key) for key in _MEANING)
    return before.scheduled_since if is_same else now
