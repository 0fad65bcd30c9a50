"""After a gap in the lease, scripts of runs that other runners have ended are stopped; others go on."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any, cast

import pytest
from structlog.testing import capture_logs
from support.commands import numbered_command
from support.eventually import eventually, stays
from support.memory_bucket import MemoryBus
from webjobs_events.envelope import encode_event
from webjobs_events.events import RunAborted, RunEnded, RunFailed
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Reason
from webjobs_runner.domain.attempt import Attempt, first_attempt
from webjobs_runner.runs import finished_elsewhere
from webjobs_runner.runs.finished_elsewhere import FinishedElsewhere
from webjobs_runner.runs.run_registry import Execution, RunRegistry

FIRST, SECOND, THIRD = (first_attempt(numbered_command(number)) for number in (1, 2, 3))
RETRY = RunId("202601020304060000")
STOPPED = (Reason.RUNNER_LOST, "Other runners took this one for lost.")


class Running:
    """A run whose script runs here: remembers why it was asked to end."""

    def __init__(self, attempt: Attempt, after: int = 0) -> None:
        self.attempt, self.after = attempt, after
        self.asked: list[tuple[Reason, str]] = []

    def request_end(self, reason: Reason, evidence: str) -> None:
        self.asked.append((reason, evidence))


class Unreadable(Running):
    """A run of which the events cannot be looked up at first."""

    def __init__(self, attempt: Attempt, times: float = math.inf) -> None:
        super().__init__(attempt)
        self.failures_left = times

    @property
    def after(self) -> int:
        if self.failures_left:
            self.failures_left -= 1
            raise ValueError("a value of a later release")
        return 0

    @after.setter
    def after(self, _sequence: int) -> None: ...


class Runner:
    """A runner of which only `FinishedElsewhere` runs, on a bus in memory.

    Attributes:
        lapse: Calls as `Peers` does when the lease holds again after a gap.
    """

    task: "asyncio.Task[None]"
    lapse: Callable[[], None]

    def __init__(self, *runs: Running) -> None:
        self.bus, self.registry, self.runs = MemoryBus(), RunRegistry(), runs

    def on_lapse(self, listener: Callable[[], None]) -> None:
        self.lapse = listener

    def end_elsewhere(self, attempt: Attempt, kind: type[RunEnded] = RunAborted, **facts: Any) -> None:
        """Another runner publishes the final event of an attempt."""
        command = attempt.command
        event = kind(
            at=command.requested_at + timedelta(seconds=1),
            instance="bbbbbb",
            job_name=attempt.job_name,
            run_id=attempt.run_id,
            attempt=attempt.number,
            trigger="test",
            digest="d1",
            requested_at=command.requested_at,
            started_at=None,
            reason=Reason.RUNNER_LOST,
            **facts,
        )
        headers, data = encode_event(event)
        self.bus.store(event.subject(self.bus.subjects), data, headers)

    async def has_stopped(self, run: Running) -> None:
        await eventually(lambda: self.task.done() or run.asked)
        assert not self.task.done(), "the loop goes on"


@asynccontextmanager
async def running(runner: Runner) -> AsyncIterator[None]:
    with ExitStack() as stack:
        for run in runner.runs:
            stack.enter_context(runner.registry.executing(cast(Execution, run)))
        bus, peers = cast(Any, runner.bus), cast(Any, runner)
        runner.task = asyncio.create_task(FinishedElsewhere(bus, runner.registry, peers).run())
        try:
            yield
        finally:
            runner.task.cancel()
            await asyncio.gather(runner.task, return_exceptions=True)


async def test_a_run_that_another_runner_has_ended_is_stopped_and_the_others_go_on() -> None:
    ended, going_on = Running(FIRST), Running(SECOND)
    runner = Runner(going_on, ended)
    runner.end_elsewhere(FIRST)
    async with running(runner):
        runner.lapse()
        await runner.has_stopped(ended)
    assert (ended.asked, going_on.asked) == ([STOPPED], [])


async def test_a_run_whose_next_attempt_is_announced_is_stopped_too() -> None:
    run = Running(FIRST)
    runner = Runner(run)
    runner.end_elsewhere(FIRST, RunFailed, next_run_id=RETRY)
    async with running(runner):
        runner.lapse()
        await runner.has_stopped(run)
    assert run.asked == [STOPPED]


async def test_the_end_of_the_attempt_before_stops_no_run() -> None:
    """It is published before the sequence from which on the events of the next attempt are read."""
    second, ended = Running(FIRST.after(RETRY, None), after=1), Running(SECOND)
    runner = Runner(second, ended)
    runner.end_elsewhere(FIRST, RunFailed, next_run_id=RETRY)
    runner.end_elsewhere(SECOND)
    async with running(runner):
        runner.lapse()
        await runner.has_stopped(ended)
    assert second.asked == []


async def test_nothing_is_looked_up_before_a_lapse_and_again_at_each() -> None:
    first, second = Running(FIRST), Running(SECOND)
    runner = Runner(first, second)
    runner.end_elsewhere(FIRST)
    async with running(runner):
        await stays(lambda: not first.asked, 0.1)
        runner.lapse()
        await runner.has_stopped(first)
        runner.end_elsewhere(SECOND)
        assert second.asked == []
        runner.lapse()
        await runner.has_stopped(second)


async def test_a_run_that_cannot_be_looked_up_holds_up_no_other_and_is_left_for_a_while() -> None:
    failing, ended = Unreadable(FIRST), Running(SECOND)
    runner = Runner(failing, ended)
    runner.end_elsewhere(SECOND)
    with capture_logs() as lines:
        async with running(runner):
            runner.lapse()
            await runner.has_stopped(ended)
            errors = lambda: [line["run_id"] for line in lines if line["log_level"] == "error"]  # noqa: E731
            await eventually(errors)
            await stays(lambda: errors() == [FIRST.run_id], 0.1)
            assert not runner.task.done()


async def test_a_run_that_cannot_be_looked_up_is_looked_up_again_without_another_lapse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(finished_elsewhere, "_FAILURE_DELAY", 0)
    failing = Unreadable(FIRST, times=2)
    runner = Runner(failing)
    runner.end_elsewhere(FIRST)
    with capture_logs():
        async with running(runner):
            runner.lapse()
            await runner.has_stopped(failing)
    assert failing.asked == [STOPPED]


async def test_the_stream_is_read_once_nats_answers() -> None:
    run = Running(FIRST)
    runner = Runner(run)
    runner.end_elsewhere(FIRST)
    runner.bus.is_away = True
    with capture_logs() as lines:
        async with running(runner):
            runner.lapse()
            await eventually(lambda: lines)
            runner.bus.is_away = False
            await runner.has_stopped(run)
    assert {line["log_level"] for line in lines} <= {"warning", "info", "debug"}
