"""How a watched script ends: by itself, by a request, over its time limit, idle, or with the lease."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from structlog.testing import capture_logs
from support.definitions import job_definition
from support.eventually import eventually, stays
from webjobs_events.events import RunAborted, RunFailed, RunSuccess
from webjobs_rules.job import JobType
from webjobs_rules.job_settings import JobSettings
from webjobs_rules.status import Reason
from webjobs_runner.domain.resource_usage import ResourceUsage
from webjobs_runner.domain.run_outcome import Outcome, ended_by_request
from webjobs_runner.processes.process import ProcessExit
from webjobs_runner.processes.script_stop import ScriptEnd
from webjobs_runner.runs import script_watch
from webjobs_runner.runs.script_watch import EndRequest, ScriptWatch

USAGE = ResourceUsage(cpu_seconds=1.5, peak_memory_bytes=20_000_000)
EXITED = ProcessExit(exit_code=0, usage=USAGE)
KILLED = ProcessExit(signal=signal.SIGKILL, usage=USAGE)
CANCELLED = ended_by_request(Reason.CANCELLED, "Cancelled by Ada.")
REPLACED = ended_by_request(Reason.REPLACED, "Replaced by another run.")
IDLE = "It has been idle for 2 minutes."
OVERDUE = "Its runner could not renew its lease for 6 s."


class Script:
    """A started script, its process, its log, the app settings, and what tells whether it is idle.

    Attributes:
        is_killed: Whether it was ended without being asked.
        stops: What each call of `stop` was given.
        lines: That were written to the log.
        idle: Set when it has been idle for long enough.
        is_measured: Whether a measurement goes on.
        idle_checks: Arguments of each measurement; the next ones raise `idle_errors`.
        idle_limit: WEBJOBS_IDLE_TIMEOUT.
    """

    pid = 4711

    def __init__(self) -> None:
        self.process = self.script = self
        self.over: ProcessExit | None = None
        self.is_killed = False
        self.stops: list[tuple[JobSettings, JobType]] = []
        self.stop_raises: Exception | None = None
        self.lines: list[tuple[str, str]] = []
        self.received = 17
        self.idle = asyncio.Event()
        self.idle_checks: list[tuple[Any, ...]] = []
        self.idle_errors: list[Exception] = []
        self.is_measured = False
        self.idle_limit = 0.01
        self._on_over: Callable[[], None] = lambda: None

    def when_over(self, callback: Callable[[], None]) -> None:
        self._on_over = callback

    def end(self, how: ProcessExit) -> None:
        self.over = how
        self._on_over()

    def kill(self) -> None:
        self.is_killed = True
        self.end(KILLED)

    async def wait(self) -> ProcessExit:
        assert self.over is not None
        return self.over

    async def stop(self, settings: JobSettings, job_type: JobType, woken: asyncio.Event) -> ScriptEnd:
        self.stops.append((settings, job_type))
        if self.stop_raises is not None:
            raise self.stop_raises
        asyncio.get_running_loop().call_soon(self.end, EXITED)
        await woken.wait()
        return ScriptEnd(EXITED, "It ended within its grace.")

    def write_system(self, text: str, level: str) -> None:
        self.lines.append((text, level))

    def number(self, name: str, default: float) -> float:
        assert (name, default) == ("WEBJOBS_IDLE_TIMEOUT", script_watch.IDLE_TIMEOUT_SECONDS)
        return self.idle_limit

    async def wait_until_idle(self, *arguments: Any) -> str:
        self.idle_checks.append(arguments)
        if self.idle_errors:
            raise self.idle_errors.pop()
        self.is_measured = True
        try:
            await self.idle.wait()
        finally:
            self.is_measured = False
        return IDLE


class FakeFence:
    """A lease that is overdue or has expired when a test says so."""

    evidence = OVERDUE

    def __init__(self) -> None:
        self.has_expired = False
        self.is_around = False
        self.overdue: Callable[[], None] = lambda: None

    @contextmanager
    def around(self, _process: object, stop: Callable[[], None]) -> Iterator[None]:
        self.is_around, self.overdue = True, stop
        yield
        self.is_around = False


class Watched:
    """A script that is watched by the code under test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.script, self.request, self.limit_changed = Script(), EndRequest(), asyncio.Event()
        self.fence: FakeFence | None = None
        self.settings: dict[str, Any] = {}
        monkeypatch.setattr(script_watch, "wait_until_idle", self.script.wait_until_idle)

    def begin(self) -> "asyncio.Task[Outcome]":
        script = cast(Any, self.script)
        watch = ScriptWatch(script, script, script, self.request, cast(Any, self.fence), self.limit_changed)
        return asyncio.create_task(watch.outcome(job_definition(settings=self.settings)))


@pytest.fixture
async def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


async def begun(watched: Watched) -> "asyncio.Task[Outcome]":
    """The watch waits for the script by now."""
    task = watched.begin()
    await eventually(lambda: watched.script.idle_checks)
    return task


@pytest.mark.parametrize("is_over_before", [True, False])
async def test_a_script_that_ends_by_itself_ends_the_run_with_its_exit_code(
    watched: Watched, is_over_before: bool
) -> None:
    if is_over_before:
        watched.script.end(ProcessExit(exit_code=3))
        outcome = await watched.begin()
    else:
        task = await begun(watched)
        watched.script.end(ProcessExit(exit_code=3))
        outcome = await task
    assert (outcome.event, outcome.reason, outcome.exit_code) == (RunFailed, Reason.EXIT_CODE, 3)
    assert (watched.script.stops, watched.script.is_killed, watched.script.lines) == ([], False, [])


async def test_a_request_stops_the_script_as_its_settings_say_and_is_the_outcome(watched: Watched) -> None:
    watched.settings = {"stopping_wait_time": 17}
    task = await begun(watched)
    watched.request.make(CANCELLED)
    outcome = await task
    assert (outcome.event, outcome.reason) == (RunAborted, Reason.CANCELLED)
    assert outcome.evidence == "Cancelled by Ada. It ended within its grace."
    assert [(each.stopping_wait_time, job_type) for each, job_type in watched.script.stops] == [
        (17, JobType.TRIGGERED)
    ]
    assert watched.script.lines == [("Cancelled by Ada.", "SYS WARN")]


async def test_a_request_made_before_the_watch_begins_stops_the_script(watched: Watched) -> None:
    watched.request.make(CANCELLED)
    assert (await watched.begin()).reason is Reason.CANCELLED


async def test_the_first_request_counts(watched: Watched) -> None:
    watched.request.make(REPLACED)
    watched.request.make(CANCELLED)
    assert (await watched.begin()).reason is Reason.REPLACED


async def test_a_script_that_has_ended_is_not_ended_by_a_request_of_the_same_moment(
    watched: Watched,
) -> None:
    task = await begun(watched)
    watched.request.make(CANCELLED)
    watched.script.end(EXITED)
    assert (await task).event is RunSuccess
    assert watched.script.stops == []


async def test_a_script_over_its_time_limit_is_stopped_and_failed(watched: Watched) -> None:
    watched.settings = {"timeout": 0.05}
    outcome = await watched.begin()
    assert (outcome.event, outcome.reason) == (RunFailed, Reason.MAX_DURATION)
    assert "the limit is 0.05 s" in outcome.evidence
    assert outcome.evidence.endswith("It ended within its grace.")
    assert len(watched.script.stops) == 1


async def test_an_idle_script_is_stopped_and_failed(watched: Watched) -> None:
    watched.script.idle.set()
    outcome = await watched.begin()
    assert (outcome.event, outcome.reason) == (RunFailed, Reason.IDLE_TIMEOUT)
    assert outcome.evidence == f"{IDLE} It ended within its grace."
    assert watched.script.lines == [(IDLE, "SYS WARN")]


async def test_idleness_is_measured_with_the_output_and_the_limit_of_the_moment(watched: Watched) -> None:
    task = await begun(watched)
    ((pid, output_bytes, limit_seconds, changed, started_at),) = watched.script.idle_checks
    watched.script.received, watched.script.idle_limit = 99, 300
    assert (pid, output_bytes(), limit_seconds()) == (4711, 99, 300)
    assert changed is watched.limit_changed
    assert 0 < started_at <= asyncio.get_running_loop().time()
    watched.script.end(EXITED)
    await task


@pytest.mark.parametrize("idle_limit", [1000, 2, 0, -1])
async def test_a_script_that_ends_at_once_is_spared_the_measurements(
    watched: Watched, idle_limit: float
) -> None:
    watched.script.idle_limit = idle_limit
    task = watched.begin()
    await stays(lambda: not watched.script.idle_checks, 0.05)
    watched.script.end(EXITED)
    await task


async def test_idleness_that_cannot_be_measured_ends_no_run_and_is_left_for_a_while(watched: Watched) -> None:
    watched.script.idle_errors = [OSError(24, "Too many open files")]
    watched.script.idle.set()
    with capture_logs() as lines:
        task = await begun(watched)
        await stays(lambda: len(watched.script.idle_checks) == 1 and not task.done(), 0.1)
    watched.script.end(EXITED)
    assert (await task).event is RunSuccess
    assert [(line["log_level"], line["pid"]) for line in lines] == [("error", 4711)]


async def test_idleness_that_could_not_be_measured_is_measured_again(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script_watch, "IDLE_TIMEOUT_SECONDS", 0.01)
    watched.script.idle_errors = [OSError(24, "Too many open files")]
    watched.script.idle.set()
    with capture_logs():
        assert (await watched.begin()).reason is Reason.IDLE_TIMEOUT


async def test_nothing_is_requested_or_measured_of_a_script_that_has_ended(watched: Watched) -> None:
    watched.settings = {"timeout": 0.05}
    task = await begun(watched)
    assert watched.script.is_measured
    watched.script.end(EXITED)
    await task
    await eventually(lambda: not watched.script.is_measured)
    await stays(lambda: not watched.request.outcome.done(), 0.1)


async def test_no_script_outlives_its_watch(watched: Watched) -> None:
    task = await begun(watched)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert watched.script.is_killed


async def test_a_script_that_cannot_be_stopped_is_killed(watched: Watched) -> None:
    watched.script.stop_raises = LookupError("made to fail")
    watched.request.make(CANCELLED)
    with pytest.raises(LookupError):
        await watched.begin()
    assert watched.script.is_killed


async def test_a_script_whose_lease_is_overdue_is_stopped_and_aborted(watched: Watched) -> None:
    fence = watched.fence = FakeFence()
    task = await begun(watched)
    assert fence.is_around
    fence.overdue()
    outcome = await task
    assert (outcome.event, outcome.reason) == (RunAborted, Reason.RUNNER_LOST)
    assert (outcome.evidence, outcome.usage) == (f"{OVERDUE} It ended within its grace.", USAGE)
    assert not fence.is_around


@pytest.mark.parametrize(
    ("ended_by", "has_expired", "event", "reason"),
    [
        (KILLED, True, RunAborted, Reason.RUNNER_LOST),
        (KILLED, False, RunFailed, Reason.SIGNAL),
        (ProcessExit(signal=signal.SIGTERM), True, RunFailed, Reason.SIGNAL),
        (EXITED, True, RunSuccess, Reason.EXIT_CODE),
    ],
    ids=["killed with the lease", "killed before", "by another signal", "by itself"],
)
async def test_a_script_that_was_killed_with_its_lease_is_aborted(
    watched: Watched, ended_by: ProcessExit, has_expired: bool, event: Any, reason: Reason
) -> None:
    fence = watched.fence = FakeFence()
    task = await begun(watched)
    fence.has_expired = has_expired
    watched.script.end(ended_by)
    outcome = await task
    assert (outcome.event, outcome.reason, outcome.usage) == (event, reason, ended_by.usage)
    assert (outcome.evidence == OVERDUE) is (reason is Reason.RUNNER_LOST)
