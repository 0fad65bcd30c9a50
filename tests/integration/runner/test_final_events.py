"""Whatever ends a run, the same is done about it: log, status file, final event, next attempt."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.event_recorder import ENDS, EventRecorder
from support.eventually import eventually
from support.processes import none_alive
from support.runners import QUICK_LEASES, Caller, runner_process, running_runner
from webjobs_events.events import RunEnded, RunInitializing, RunRunning
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobType
from webjobs_rules.status import Reason
from webjobs_runner.processes.script_start import ScriptStarter
from webjobs_runner.runs import executor, script_watch
from webjobs_runner.runs.status_file import read_status

TRIGGERED = JobType.TRIGGERED
RETRY = json.dumps({"retry": {"max_attempts": 2, "backoff": 0}, "stopping_wait_time": 0.2})
PID = "echo $$ > {pid}; exec sleep 1000"


def run_folder(site: Path, run_id: str, job_name: str = "job") -> Path:
    return site / "data/jobs/triggered" / job_name / run_id


def log_of(site: Path, run_id: str) -> str:
    return (run_folder(site, run_id) / f"output_{run_id}.log").read_text()


def failing_once(real: Callable[..., Any]) -> Callable[..., Any]:
    """Raises what no caller expects the first time, and does its work from then on."""
    calls = 0

    def fails_once(*args: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise LookupError("made to fail")
        return real(*args, **named)

    return fails_once


# Where the runner is made to raise, and what the run of it has to say.
STEPS = [
    (ScriptStarter, "prepare", Reason.START_ERROR),
    (ScriptStarter, "begin", Reason.START_ERROR),
    (executor, "initializing_event", Reason.START_ERROR),
    (executor, "running_event", Reason.RUNNER_LOST),
    (executor, "settings_of", Reason.START_ERROR),
    (script_watch, "settings_of", Reason.RUNNER_LOST),
]


@pytest.mark.parametrize(
    ("owner", "name", "reason"), STEPS, ids=[f"{name}-{reason}" for _, name, reason in STEPS]
)
async def test_a_run_whose_runner_raises_is_written_down_and_tried_again(
    bus: Bus,
    nats_url: str,
    caller: Caller,
    recorder: EventRecorder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
    reason: Reason,
) -> None:
    async with running_runner(bus, nats_url, tmp_path):
        await caller.deploy(TRIGGERED, "job", {"run.sh": "echo done", "settings.job": RETRY})
        monkeypatch.setattr(owner, name, failing_once(getattr(owner, name)))
        run_id = await caller.run("job")
        end = await recorder.end_of(run_id)
        assert (end.name, end.reason) == ("Aborted", reason)
        assert end.evidence == "The runner failed: made to fail"
        assert end.next_run_id is not None and end.digest
        folder = tmp_path / "site"
        assert read_status(run_folder(folder, run_id)) == end
        log = log_of(folder, run_id)
        assert "SYS ERROR] The runner failed: made to fail\n" in log
        assert "SYS INFO] Status changed to Aborted\n" in log
        assert f"Attempt 2 is the run {end.next_run_id}" in log
        assert (await recorder.end_of(end.next_run_id)).name == "Success"
        await eventually(lambda: caller.is_free("job"))


async def test_an_outcome_that_is_known_is_kept_when_the_runner_raises_after_it(
    bus: Bus,
    nats_url: str,
    caller: Caller,
    recorder: EventRecorder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def finish(_log: object) -> None:
        raise LookupError("made to fail")

    monkeypatch.setattr("webjobs_runner.logs.script_log.ScriptLog.finish", finish)
    async with running_runner(bus, nats_url, tmp_path):
        await caller.deploy(TRIGGERED, "job", {"run.sh": "exit 3", "settings.job": '{"retry": {"on": []}}'})
        end = await recorder.end_of(await caller.run("job"))
        assert (end.name, end.reason, end.exit_code) == ("Failed", Reason.EXIT_CODE, 3)


async def test_an_orphaned_run_ends_with_what_it_ran_and_is_tried_again(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    """The job was deployed anew meanwhile: the event names the version that the lost runner ran."""
    async with runner_process(bus, nats_url, tmp_path, name="lost", terms=QUICK_LEASES) as lost:
        await caller.deploy(
            TRIGGERED, "job", {"run.sh": PID.format(pid=tmp_path / "pid"), "settings.job": RETRY}
        )
        run_id = await caller.run("job")
        pid = int(await eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
        (running,) = await eventually(lambda: recorder.of(RunRunning))
        async with running_runner(bus, nats_url, tmp_path, name="other", terms=QUICK_LEASES):
            await caller.deploy(TRIGGERED, "job", {"run.sh": "echo new", "settings.job": RETRY})
            await lost.kill()
            await eventually(lambda: none_alive([pid]))
            end = await recorder.end_of(run_id, 5 * QUICK_LEASES.seconds)
            assert (end.name, end.reason) == ("Aborted", Reason.RUNNER_LOST)
            assert (end.digest, end.started_at) == (running.digest, running.at)
            assert read_status(run_folder(tmp_path / "other", run_id)) == end
            assert end.next_run_id is not None
            follower = await recorder.end_of(end.next_run_id, 20)
            assert follower.name == "Success" and follower.digest != running.digest


async def test_a_cancelled_run_whose_runner_was_killed_is_not_tried_again_when_that_returns(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path, instance_id: str
) -> None:
    deaf = f'trap "" TERM; echo $$ > {tmp_path}/pid; while :; do sleep 0.05; done'
    settings = json.dumps({"retry": {"max_attempts": 2, "backoff": 0}})
    async with runner_process(bus, nats_url, tmp_path, instance_id=instance_id) as dying:
        await caller.deploy(TRIGGERED, "job", {"run.sh": deaf, "settings.job": settings})
        run_id = await caller.run("job")
        await eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        await caller.cancel("job", run_id)
        await dying.kill()
    async with running_runner(bus, nats_url, tmp_path, instance_id=instance_id):
        end = await recorder.end_of(run_id)
        assert (end.name, end.reason, end.next_run_id) == ("Aborted", Reason.CANCELLED, None)
        assert end.evidence == f"Cancelled by Test. Its runner {instance_id} was lost."
        assert read_status(run_folder(tmp_path / "site", run_id)) == end
        assert "SYS INFO] Status changed to Aborted\n" in log_of(tmp_path / "site", run_id)
        await recorder.until_published()
        assert len([event for event in recorder.of_run(run_id) if isinstance(event, ENDS)]) == 1


async def test_a_run_that_is_cancelled_in_the_queue_has_a_log_and_a_status_file(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    settings = json.dumps({"concurrency": {"policy": "queue"}, "stopping_wait_time": 0.2})
    async with running_runner(bus, nats_url, tmp_path):
        await caller.deploy(TRIGGERED, "job", {"run.sh": "exec sleep 1000", "settings.job": settings})
        await caller.line_up("job")
        await eventually(lambda: recorder.of(RunRunning))
        waiting = await caller.line_up("job")
        await caller.cancel("job", waiting)
        end = await recorder.end_of(waiting)
        assert read_status(run_folder(tmp_path / "site", waiting)) == end
        said = [line.partition(": ")[2] for line in log_of(tmp_path / "site", waiting).splitlines()]
        assert said == [
            "SYS INFO] Status changed to Initializing",
            "SYS ERROR] Cancelled by Test. It had not begun.",
            "SYS INFO] Status changed to Aborted",
        ]
        subject = bus.subjects.log(TRIGGERED, "job", waiting)
        log = (run_folder(tmp_path / "site", waiting) / f"output_{waiting}.log").read_bytes()
        await eventually(lambda: recorder.log(subject, f"output_{waiting}.log") == log)


async def test_the_runs_of_a_deleted_job_leave_nothing_on_disk(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    settings = json.dumps({"concurrency": {"policy": "queue"}, "stopping_wait_time": 0.2})
    async with running_runner(bus, nats_url, tmp_path):
        await caller.deploy(TRIGGERED, "job", {"run.sh": "exec sleep 1000", "settings.job": settings})
        runs = [await caller.line_up("job")]
        await eventually(lambda: recorder.of(RunRunning))
        runs += [await caller.line_up("job") for _ in range(3)]
        await caller.delete(TRIGGERED, "job")
        ends: list[RunEnded] = [await recorder.end_of(run_id) for run_id in runs]
        assert [end.reason for end in ends] == [Reason.DELETED] * 4
        assert len(recorder.of(RunInitializing)) == 4
        await eventually(lambda: not (tmp_path / "site/data/jobs/triggered/job").exists())
