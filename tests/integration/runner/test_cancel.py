"""Runs that are cancelled: by the runner that has them, or by any, begun or not."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from support.event_recorder import ENDS, EventRecorder
from support.eventually import eventually
from support.processes import ESCAPE, PYTHON, is_alive, none_alive
from support.runners import QUICK_LEASES, Caller, RunningRunner, runner_process, running_runner
from support.tcp_proxy import tcp_proxy
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.events import RunEnded, RunRunning, RunSuccess
from webjobs_events.jetstream import Bus, TakenMessage
from webjobs_rules.job import JobType
from webjobs_rules.status import Reason
from webjobs_runner.domain.attempt import Attempt
from webjobs_runner.runs.claimed_runs import ClaimedRuns
from webjobs_runner.runs.finish import Finish
from webjobs_runner.runs.queue_lookup import FoundCommand

TRIGGERED = JobType.TRIGGERED
FOREVER = "echo $$; exec sleep 1000"


async def numbers_of(folder: Path, job_name: str, run_id: str, count: int = 1) -> list[int]:
    """The numbers that the script wrote."""
    log = folder / "site/data/jobs/triggered" / job_name / run_id / f"output_{run_id}.log"

    def said() -> list[int] | None:
        lines = [line.partition("] ")[2] for line in log.read_text().splitlines()] if log.exists() else []
        numbers = [int(line) for line in lines if line.isdigit()]
        return numbers if len(numbers) == count else None

    pids = await eventually(said)
    assert pids is not None
    return pids


async def no_request_is_left(bus: Bus) -> bool:
    async with bus.leases.mirror(keys="cancel.>") as mirror:
        return not mirror.entries


async def test_a_cancelled_run_is_aborted_when_none_of_its_processes_is_left(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, bus: Bus, tmp_path: Path
) -> None:
    """The script does not hear, and has a child that left its session and its environment."""
    script = f'trap "" TERM; echo $$; {" ".join(PYTHON[:-1])} -c "{ESCAPE}"; while :; do sleep 0.05; done'
    await caller.deploy(TRIGGERED, "deaf", {"run.sh": script, "settings.job": '{"stopping_wait_time": 0.3}'})
    run_id = await caller.run("deaf")
    pids = await numbers_of(tmp_path, "deaf", run_id, 2)
    await caller.cancel("deaf", run_id)
    end = await recorder.end_of(run_id)
    assert not any(is_alive(pid) for pid in pids)
    assert (end.name, end.reason) == ("Aborted", Reason.CANCELLED)
    assert end.evidence == "Cancelled by Test. It was killed after 0.3 s of grace."
    await eventually(lambda: caller.is_free("deaf"))
    await eventually(lambda: no_request_is_left(bus))


async def test_a_run_that_no_runner_has_taken_is_ended_without_being_begun(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    async with running_runner(bus, nats_url, tmp_path):
        await caller.deploy(TRIGGERED, "job", {"run.sh": f"touch {tmp_path}/ran"})
    run_id = await caller.run("job")
    await caller.cancel("job", run_id)
    async with running_runner(bus, nats_url, tmp_path):
        end = await recorder.end_of(run_id)
        await eventually(lambda: caller.is_free("job"))
        await eventually(lambda: no_request_is_left(bus))
    assert (end.name, end.reason, end.started_at) == ("Aborted", Reason.CANCELLED, None)
    assert [event.name for event in recorder.of_run(run_id)] == ["Initializing", "Aborted"]
    assert not (tmp_path / "ran").exists()


async def test_a_queued_run_is_ended_while_the_one_before_it_goes_on(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    settings = json.dumps({"concurrency": {"policy": "queue"}})
    await caller.deploy(TRIGGERED, "job", {"run.sh": FOREVER, "settings.job": settings})
    first = await caller.line_up("job")
    await numbers_of(tmp_path, "job", first)
    second = await caller.line_up("job")
    await caller.cancel("job", second)
    end = await recorder.end_of(second)
    assert end.evidence == "Cancelled by Test. It had not begun."
    assert [event.name for event in recorder.of_run(second)] == ["Initializing", "Aborted"]
    assert len(recorder.of_run(first)) == 2


async def test_a_run_that_is_delivered_while_it_is_cancelled_is_ended_once(
    runner: RunningRunner,
    caller: Caller,
    recorder: EventRecorder,
    bus: Bus,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The claim is this runner's own: it was taken to end the run, not to start it."""
    settings = json.dumps({"concurrency": {"policy": "queue"}})
    script = f"while [ ! -e {tmp_path}/gate ]; do sleep 0.02; done"
    await caller.deploy(TRIGGERED, "job", {"run.sh": script, "settings.job": settings})
    first, second = await caller.line_up("job"), await caller.line_up("job")
    await eventually(lambda: len(recorder.of_run(first)) == 2)
    publishing, decided, finishers = asyncio.Event(), asyncio.Event(), 0
    publish, decide_again = Finish.publish, ClaimedRuns._of_earlier_claim

    async def held_publish(self: Finish, attempt: Attempt, *args: Any, **named: Any) -> RunEnded:
        nonlocal finishers
        if attempt.run_id == second:
            finishers += 1
            publishing.set()
            await decided.wait()
        return await publish(self, attempt, *args, **named)

    async def noted_decision(self: ClaimedRuns, command: RunTriggeredJob, message: TakenMessage) -> Any:
        try:
            return await decide_again(self, command, message)
        finally:
            if command.run_id == second and not isinstance(message, FoundCommand):
                decided.set()

    monkeypatch.setattr(Finish, "publish", held_publish)
    monkeypatch.setattr(ClaimedRuns, "_of_earlier_claim", noted_decision)
    await caller.cancel("job", second)
    await publishing.wait()
    (tmp_path / "gate").touch()
    end = await recorder.end_of(second)
    assert (end.reason, end.evidence) == (Reason.CANCELLED, "Cancelled by Test. It had not begun.")
    await eventually(lambda: no_request_is_left(bus))
    assert finishers == 1


async def test_a_request_to_cancel_a_run_that_has_ended_is_dropped(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, bus: Bus
) -> None:
    await caller.deploy(TRIGGERED, "job", {"run.sh": "echo done"})
    run_id = await caller.run("job")
    assert isinstance(await recorder.end_of(run_id), RunSuccess)
    await eventually(lambda: caller.is_free("job"))
    await caller.cancel("job", run_id)
    await eventually(lambda: no_request_is_left(bus))
    await recorder.until_published()
    assert [event.name for event in recorder.of_run(run_id)] == ["Initializing", "Running", "Success"]


async def test_a_request_made_while_the_runner_is_cut_off_is_met_when_it_is_back(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    async with tcp_proxy(nats_url) as line, running_runner(bus, line.url, tmp_path):
        await caller.deploy(TRIGGERED, "job", {"run.sh": FOREVER})
        run_id = await caller.run("job")
        (pid,) = await numbers_of(tmp_path, "job", run_id)
        await eventually(lambda: recorder.of(RunRunning))
        line.cut()
        await caller.cancel("job", run_id)
        line.mend()
        end = await recorder.end_of(run_id)
        assert (end.name, end.reason) == ("Aborted", Reason.CANCELLED)
        assert not is_alive(pid)


async def test_a_run_whose_runner_dies_with_the_request_ends_once_and_cancelled(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path, instance_id: str
) -> None:
    script = 'trap "" TERM; echo $$; while :; do sleep 0.05; done'
    settings = json.dumps({"retry": {"max_attempts": 3, "backoff": 0}})
    async with runner_process(bus, nats_url, tmp_path, instance_id=instance_id, terms=QUICK_LEASES) as dying:
        await caller.deploy(TRIGGERED, "job", {"run.sh": script, "settings.job": settings})
        run_id = await caller.run("job")
        pids = await numbers_of(tmp_path, "job", run_id)
        await caller.cancel("job", run_id)
        async with running_runner(bus, nats_url, tmp_path, terms=QUICK_LEASES):
            await dying.kill()
            await eventually(lambda: none_alive(pids))
            end = await recorder.end_of(run_id, 5 * QUICK_LEASES.seconds)
            assert (end.name, end.reason, end.next_run_id) == ("Aborted", Reason.CANCELLED, None)
            assert end.evidence == f"Cancelled by Test. Its runner {instance_id} was lost."
            await eventually(lambda: caller.is_free("job"))
            await recorder.until_published()
            assert len([event for event in recorder.of_run(run_id) if isinstance(event, ENDS)]) == 1
