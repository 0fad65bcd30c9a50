"""An outage is logged once at its beginning, once a minute, and once at its end, however many tries fail."""

import ast
import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from webjobs_events.errors import BusUnavailable, CommandRefused
from webjobs_events.outage import Outage


class Lines:
    """A logger that keeps what is written, and a clock that the test moves."""

    def __init__(self) -> None:
        self.written: list[tuple[str, str, dict[str, Any]]] = []
        self.now = 0.0

    def __getattr__(self, level: str) -> Any:
        def write(event: str, **fields: Any) -> None:
            if level != "debug":
                self.written.append((level, event, fields))

        return write

    @property
    def texts(self) -> list[str]:
        return [event for _, event, _ in self.written]


def outage(lines: Lines, **options: Any) -> Outage:
    return Outage(lines, "nats", clock=lambda: lines.now, **options)


def fail_for(lines: Lines, broken: Outage, seconds: float, reasons: tuple[str, ...] = ("refused",)) -> None:
    """Fifteen tries a second, each with the next of some reasons."""
    for number in range(round(seconds * 15)):
        broken.failed(reasons[number % len(reasons)])
        lines.now += 1 / 15


def test_many_tries_are_one_line_a_minute() -> None:
    lines = Lines()
    broken = outage(lines)
    fail_for(lines, broken, 150)
    broken.ended()
    assert lines.texts == [
        "nats unavailable",
        "nats still unavailable",
        "nats still unavailable",
        "nats available again",
    ]
    assert lines.written[-1][2] == {"seconds": 150.0, "tries": 2250}


def test_a_reason_that_differs_at_each_try_makes_no_line_of_its_own() -> None:
    lines = Lines()
    fail_for(lines, outage(lines), 30, ("refused by ::1", "refused by 127.0.0.1", "timed out"))
    assert lines.texts == ["nats unavailable"]


def test_success_without_an_outage_is_no_news() -> None:
    lines = Lines()
    broken = outage(lines)
    broken.ended()
    broken.ended()
    assert lines.texts == []


def test_the_next_outage_begins_anew() -> None:
    lines = Lines()
    broken = outage(lines)
    for _ in range(2):
        broken.failed("refused")
        broken.ended()
    assert lines.texts == ["nats unavailable", "nats available again"] * 2


def test_a_patient_one_does_not_log_what_is_over_soon() -> None:
    lines = Lines()
    broken = outage(lines, patience=3.0)
    fail_for(lines, broken, 2)
    broken.ended()
    assert lines.texts == []
    fail_for(lines, broken, 4)
    broken.ended()
    assert lines.texts == ["nats unavailable", "nats available again"]


def test_what_another_outage_explains_is_not_logged_until_that_is_over() -> None:
    lines = Lines()
    is_explained = True
    broken = outage(lines, patience=3.0, explained_by=lambda: is_explained)
    fail_for(lines, broken, 600)
    assert lines.texts == [] and broken.is_on
    is_explained = False
    fail_for(lines, broken, 2.5)
    assert lines.texts == []  # it may take a moment more than its cause
    fail_for(lines, broken, 1)
    assert lines.texts == ["nats unavailable"]


def work_of(*results: Exception | str) -> Callable[[], Awaitable[str]]:
    """Work that raises or returns the next of some results at each try."""
    left = list(results)

    async def work() -> str:
        result = left.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    return work


AWAY = BusUnavailable("reading a key", "the connection is down")


async def test_work_is_retried_until_it_succeeds_and_logged_once_at_either_end() -> None:
    lines = Lines()
    assert await outage(lines).retry(work_of(AWAY, AWAY, AWAY, "done"), delay=0, job="nightly") == "done"
    assert lines.written == [
        ("warning", "nats unavailable", {"reason": str(AWAY), "job": "nightly"}),
        ("info", "nats available again", {"seconds": 0.0, "tries": 3}),
    ]


async def test_work_that_succeeds_at_once_is_no_news() -> None:
    lines = Lines()
    assert await outage(lines).retry(work_of("done")) == "done"
    assert lines.written == []


@pytest.mark.parametrize("errors", [(BusUnavailable,), (BusUnavailable, TimeoutError)])
async def test_other_errors_end_the_retries_at_once(errors: tuple[type[Exception], ...]) -> None:
    with pytest.raises(CommandRefused):
        await outage(Lines()).retry(
            work_of(*(error("a", "b") for error in errors), CommandRefused("x")), errors=errors, delay=0
        )


async def test_the_reason_of_an_error_without_words_is_its_kind() -> None:
    lines = Lines()
    await outage(lines).retry(work_of(TimeoutError(), "done"), errors=(TimeoutError,), delay=0)
    assert lines.written[0][2] == {"reason": "TimeoutError"}


async def test_a_cancellation_ends_the_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    async def cancelled(_seconds: float) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr("webjobs_events.outage.asyncio.sleep", cancelled)
    with pytest.raises(asyncio.CancelledError):
        await outage(Lines()).retry(work_of(AWAY, "done"))


ROOT = Path(__file__).parents[3]
BOUNDED = {"ensure_streams", "_record"}  # give up after a while, which Outage.retry never does


def waits_after_an_outage(function: ast.AST) -> bool:
    """Whether a function sleeps where it has caught that NATS is away."""
    return any(
        "BusUnavailable" in ast.unparse(handler.type) and "asyncio.sleep(" in ast.unparse(handler)
        for handler in ast.walk(function)
        if isinstance(handler, ast.ExceptHandler) and handler.type is not None
    )


def test_no_other_loop_waits_for_nats() -> None:
    paths = [path for folder in ("libs", "services") for path in (ROOT / folder).rglob("*.py")]
    texts = [text for path in paths if "except BusUnavailable" in (text := path.read_text())]
    functions = [each for text in texts for each in ast.walk(ast.parse(text))]
    waiting = {
        each.name
        for each in functions
        if isinstance(each, ast.AsyncFunctionDef) and waits_after_an_outage(each)
    }
    assert waiting == BOUNDED
