"""A blocked event loop is reported; a busy one is not."""

import asyncio
import selectors
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.eventually import eventually, pause
from webjobs_service import loop_watchdog
from webjobs_service.lifetime import run_service
from webjobs_service.loop_watchdog import watched_loop


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    monkeypatch.setattr(loop_watchdog, "_TICK_SECONDS", 0.02)
    monkeypatch.setattr(loop_watchdog, "BLOCKED_SECONDS", 0.2)
    with capture_logs() as lines:
        yield lines


def block_the_loop(seconds: float = 0.5) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


async def test_a_blocked_loop_is_reported_with_its_time_and_what_it_was_doing(
    logged: list[dict[str, Any]],
) -> None:
    with watched_loop() as watchdog:
        await asyncio.sleep(0)
        block_the_loop()
        assert watchdog.blocked_seconds > 0.2
        (line,) = await eventually(lambda: logged)
        assert watchdog.blocked_seconds > 0.2  # still counted when it is over
    assert (line["event"], line["log_level"]) == ("the event loop was blocked", "warning")
    assert line["seconds"] > 0.2 and line["cpu_seconds"] > 0
    assert "block_the_loop (test_loop_watchdog.py:" in line["stack"]


async def test_a_loop_that_only_waits_is_not_reported(
    logged: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_watchdog, "BLOCKED_SECONDS", 1.0)
    with watched_loop() as watchdog:
        await pause(1.5, "the loop waits for longer than it may be blocked")
        assert watchdog.blocked_seconds == 0
    assert logged == []


async def test_a_loop_that_waits_is_not_woken_up(
    logged: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, woken = asyncio.get_running_loop(), []
    wake = loop.call_soon_threadsafe

    def count(callback: Callable[[], None]) -> asyncio.Handle:
        woken.append(callback)
        return wake(callback)

    monkeypatch.setattr(loop, "call_soon_threadsafe", count)
    with watched_loop() as watchdog:
        began = watchdog._lived_at
        await pause(0.5, "the watchdog looks at it about 25 times")
        assert watchdog._lived_at > began
    assert len(woken) <= 3  # it may be looked at just when it begins to wait
    assert logged == []


async def test_a_callback_that_waits_blocks_the_loop(logged: list[dict[str, Any]]) -> None:
    """As a call of subprocess does, by the same function that the loop waits in."""
    with watched_loop(), selectors.DefaultSelector() as selector:
        await asyncio.sleep(0)
        selector.select(0.5)
        (line,) = await eventually(lambda: logged)
    assert line["event"] == "the event loop was blocked" and line["cpu_seconds"] < line["seconds"]


async def test_a_process_that_stood_still_is_reported_though_its_loop_waits(
    logged: list[dict[str, Any]],
) -> None:
    with watched_loop() as watchdog:
        watchdog._lived_at -= 5
        (line,) = await eventually(lambda: logged)
        assert 5 <= line["seconds"] < 6 and watchdog.blocked_seconds >= 5


async def test_a_loop_that_stays_blocked_is_reported_meanwhile(
    logged: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_watchdog, "_HUNG_SECONDS", 0.3)
    with watched_loop():
        await asyncio.sleep(0)
        block_the_loop(1.0)
        assert [line["event"] for line in logged] == ["the event loop is blocked"]


async def test_a_loop_has_one_watchdog() -> None:
    with watched_loop() as outer, watched_loop() as inner:
        assert outer is inner


def test_every_service_is_watched(logged: list[dict[str, Any]]) -> None:
    async def main(_stop: asyncio.Event) -> None:
        await asyncio.sleep(0)
        block_the_loop()
        await eventually(lambda: logged)

    assert run_service(main) == 0
    assert [line["event"] for line in logged] == ["the event loop was blocked"]
