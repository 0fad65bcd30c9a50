"""A step of a loop: its error is logged with what it was about, and ends the step only."""

import asyncio

import pytest
from structlog import get_logger
from structlog.testing import capture_logs
from webjobs_events.errors import BusUnavailable, StorageFull
from webjobs_events.run_step import run_step


async def step(error: BaseException | None = None) -> None:
    if error is not None:
        raise error


async def test_a_step_that_succeeds_logs_nothing() -> None:
    with capture_logs() as lines:
        assert await run_step(step(), get_logger(), "item left alone", item=1)
    assert lines == []


async def test_an_error_is_logged_once_with_its_traceback_and_what_it_was_about() -> None:
    with capture_logs() as lines:
        assert not await run_step(step(ValueError("odd")), get_logger(), "item left alone", item=1)
    assert lines == [{"event": "item left alone", "item": 1, "log_level": "error", "exc_info": True}]


@pytest.mark.parametrize(
    "error",
    [BusUnavailable("reading", "away"), StorageFull("a message", "full"), asyncio.CancelledError()],
    ids=lambda error: type(error).__name__,
)
async def test_an_outage_and_a_cancellation_reach_the_loop(error: BaseException) -> None:
    with capture_logs() as lines, pytest.raises(type(error)):
        await run_step(step(error), get_logger(), "item left alone")
    assert lines == []
