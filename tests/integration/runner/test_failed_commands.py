"""Run commands that the runner fails to handle are tried a few times, and end with the reason then."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.event_recorder import ENDS, EventRecorder
from support.eventually import eventually
from support.runners import QUICK_LEASES, Caller, RunningRunner, running_runner
from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobType
from webjobs_rules.status import Reason
from webjobs_runner.domain import redelivery
from webjobs_runner.runs.claims import Claims
from webjobs_runner.runs.executor import RunExecution
from webjobs_runner.runs.failed_commands import FailedCommands
from webjobs_runner.runs.finish import Finish

TRIGGERED = JobType.TRIGGERED


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redelivery, "_FIRST_DELAY", 0.01)


def failing_for(job_name: str, real: Callable[..., Any], times: int, error: Exception) -> Callable[..., Any]:
    """Raises for one job, so many times; `calls` of it counts."""

    def fails(self: Any, first: Any, *args: Any, **named: Any) -> Any:
        about = next(each for each in (*args, first) if hasattr(each, "job_name") or hasattr(each, "attempt"))
        if (
            about if hasattr(about, "job_name") else about.attempt
        ).job_name == job_name and fails.calls < times:  # type: ignore[attr-defined]
            fails.calls += 1  # type: ignore[attr-defined]
            raise error
        return real(self, first, *args, **named)

    fails.calls = 0  # type: ignore[attr-defined]
    return fails


async def test_a_command_that_the_runner_never_can_handle_ends_with_the_reason(
    runner: RunningRunner,
    caller: Caller,
    recorder: EventRecorder,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for job_name in ("bad", "good"):
        script = f"echo ran >> {tmp_path}/{job_name}"
        await caller.deploy(TRIGGERED, job_name, {"run.sh": script})
    fails = failing_for("bad", RunExecution.__init__, 1000, LookupError("made to fail"))
    monkeypatch.setattr(RunExecution, "__init__", fails)
    run_id = await caller.run("bad")
    assert (await recorder.end_of(await caller.run("good"))).name == "Success"
    end = await recorder.end_of(run_id)
    assert (end.name, end.reason) == ("Aborted", Reason.START_ERROR)
    assert end.evidence == (
        "The runner failed 5 times to handle the command of this run, the last time with: made to fail"
    )
    assert [event.name for event in recorder.of_run(run_id)] == ["Initializing", "Aborted"]
    await eventually(lambda: caller.is_free("bad"))
    assert not (tmp_path / "bad").exists()


async def test_a_command_that_fails_a_few_times_is_run_once(
    runner: RunningRunner,
    caller: Caller,
    recorder: EventRecorder,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    await caller.deploy(TRIGGERED, "job", {"run.sh": f"echo ran >> {tmp_path}/ran"})
    fails = failing_for("job", RunExecution.__init__, 3, LookupError("made to fail"))
    monkeypatch.setattr(RunExecution, "__init__", fails)
    assert (await recorder.end_of(await caller.run("job"))).name == "Success"
    assert (tmp_path / "ran").read_text() == "ran\n"


async def test_a_run_given_up_is_tried_again_when_its_job_says_so(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = json.dumps({"retry": {"max_attempts": 2, "backoff": 0}})
    await caller.deploy(TRIGGERED, "job", {"run.sh": "echo ran", "settings.job": settings})
    fails = failing_for("job", RunExecution.__init__, redelivery.MOST_FAILURES, LookupError("made to fail"))
    monkeypatch.setattr(RunExecution, "__init__", fails)
    end = await recorder.end_of(await caller.run("job"))
    assert end.reason is Reason.START_ERROR and end.next_run_id is not None
    assert (await recorder.end_of(end.next_run_id)).name == "Success"


async def test_a_claim_that_comes_too_late_because_the_loop_was_blocked_counts_as_the_runners_failure(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    await caller.deploy(TRIGGERED, "job", {"run.sh": "echo ran"})
    blocked = 0.0

    real = Claims.take
    takes = failing_for("job", real, redelivery.MOST_FAILURES, BusUnavailable("claiming", "too late"))

    async def take(self: Claims, *args: Any) -> bool:
        nonlocal blocked
        try:
            return await takes(self, *args)
        except BusUnavailable:
            blocked += 7.0
            raise

    monkeypatch.setattr(Claims, "take", take)
    monkeypatch.setattr(FailedCommands, "blocked_seconds", property(lambda _: blocked))
    end = await recorder.end_of(await caller.run("job"))
    assert (end.name, end.reason) == ("Aborted", Reason.START_ERROR)
    assert end.evidence.endswith("The event loop of the runner was blocked for 7 s.")


async def test_nats_being_away_is_no_failure_of_the_runner(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webjobs_runner.runs.handler._RETRY_DELAY", 0.01)
    await caller.deploy(TRIGGERED, "job", {"run.sh": "echo ran"})
    away = BusUnavailable("claiming", "no answer in time")
    fails = failing_for("job", Claims.take, 3 * redelivery.MOST_FAILURES, away)

    async def take(self: Claims, *args: Any) -> bool:
        return await fails(self, *args)

    monkeypatch.setattr(Claims, "take", take)
    assert (await recorder.end_of(await caller.run("job"))).name == "Success"


async def test_a_script_is_not_started_again_when_the_runner_fails_after_its_end(
    runner: RunningRunner,
    caller: Caller,
    recorder: EventRecorder,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    await caller.deploy(TRIGGERED, "job", {"run.sh": f"echo ran >> {tmp_path}/ran; exit 3"})
    fails = failing_for("job", Finish.publish, 1, LookupError("made to fail"))
    monkeypatch.setattr(Finish, "publish", fails)
    run_id = await caller.run("job")
    end = await recorder.end_of(run_id)
    assert (end.name, end.reason, end.exit_code) == ("Failed", Reason.EXIT_CODE, 3)
    await eventually(lambda: caller.is_free("job"))
    assert (tmp_path / "ran").read_text() == "ran\n"
    assert len([event for event in recorder.of_run(run_id) if isinstance(event, ENDS)]) == 1


async def test_a_run_whose_claim_cannot_be_read_ends_as_orphaned(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    async with running_runner(bus, nats_url, tmp_path):
        await caller.deploy(TRIGGERED, "job", {"run.sh": f"touch {tmp_path}/ran"})
    command = caller.run_command("job")
    await bus.leases.put(Subjects.claim_key(command.job_name, command.run_id), b'{"v":2}')
    await bus.publish_command(command)
    async with running_runner(bus, nats_url, tmp_path, terms=QUICK_LEASES):
        end = await recorder.end_of(command.run_id, 20)  # its runner is looked for first
        assert (end.name, end.reason) == ("Aborted", Reason.RUNNER_LOST)
        assert end.evidence == "The claim on this run could not be read, so no runner has it."
        await eventually(lambda: caller.is_free("job"))
    assert not (tmp_path / "ran").exists()
