"""A definition notes since when its schedule means what it means."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.definitions import job_definition
from webjobs_events.job import JobDefinition
from webjobs_rules.job import JobType
from webjobs_runner.domain.schedule_start import scheduled_since

THEN = datetime(2026, 6, 1, 12, tzinfo=UTC)
NOW = THEN + timedelta(days=1)
SETTINGS = {"schedule": "0 * * * * *", "time_zone": "UTC"}


def before(settings: dict[str, Any], since: datetime | None = THEN) -> JobDefinition:
    """A definition that is replaced."""
    return job_definition(settings=settings, changed_at=THEN, scheduled_since=since)


def test_a_new_schedule_counts_from_now_on() -> None:
    assert scheduled_since(None, JobType.TRIGGERED, SETTINGS, NOW) == NOW
    assert scheduled_since(before({}, None), JobType.TRIGGERED, SETTINGS, NOW) == NOW


def test_what_leaves_the_schedule_as_it_was_leaves_its_beginning() -> None:
    settings = SETTINGS | {"timeout": 5}
    assert scheduled_since(before(SETTINGS), JobType.TRIGGERED, settings, NOW) == THEN


@pytest.mark.parametrize(
    "change",
    [{"schedule": "0 0 * * * *"}, {"time_zone": "Asia/Tokyo"}, {"time_zone": None}, {"enabled": False}],
)
def test_a_change_of_its_meaning_counts_from_now_on(change: dict[str, Any]) -> None:
    assert scheduled_since(before(SETTINGS), JobType.TRIGGERED, SETTINGS | change, NOW) == NOW


def test_without_a_schedule_nothing_is_noted() -> None:
    assert scheduled_since(before(SETTINGS), JobType.TRIGGERED, {"time_zone": "UTC"}, NOW) is None
    assert scheduled_since(None, JobType.CONTINUOUS, SETTINGS, NOW) is None
