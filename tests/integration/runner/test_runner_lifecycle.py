"""A runner's own life: how it starts, stops, is refused, and what happens around it meanwhile."""

import asyncio
import os
import signal
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from nats.js.errors import NotFoundError
from support.event_recorder import EventRecorder
from support.eventually import eventually, stays
from support.processes import is_alive
from support.runners import Caller, runner_process, running_runner
from support.site_paths import data_folder
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.errors import BusUnavailable
from webjobs_events.events import (
    ContinuousPendingRestart,
    InstanceStarted,
    InstanceStopped,
    Purged,
    RunAborted,
    RunSuccess,
)
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobName, JobType
from webjobs_rules.status import Reason
from webjobs_runner.app import run_runner
from webjobs_runner.errors import InstanceInUse
from webjobs_runner.runs.claims import Claims
from webjobs_runner.settings import RunnerSettings
from webjobs_stack.ports import free_port

TRIGGERED, CONTINUOUS = JobType.TRIGGERED, JobType.CONTINUOUS
FOREVER = "echo $$; exec sleep 1000"


async def test_a_runner_tells_its_start_and_its_stop(
    bus: Bus, nats_url: str, recorder: EventRecorder, tmp_path: Path
) -> None:
    async with running_runner(bus, nats_url, tmp_path) as runner:
        await eventually(lambda: recorder.of(InstanceStarted))
        await runner.stop()
        await recorder.until_published()
    started, stopped = recorder.of(InstanceStarted)[0], recorder.of(InstanceStopped)[0]
    assert (started.about_instance, stopped.about_instance) == (runner.id, runner.id)
    assert started.boot == stopped.boot
    assert await bus.leases.get(f"instance.{runner.id}") is None


async def test_the_process_ends_well_on_a_signal(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    async with runner_process(bus, nats_url, tmp_path) as runner:
        await caller.deploy(CONTINUOUS, "steady", {"run.sh": FOREVER})
        await eventually(lambda: recorder.statuses("steady")[-1:] == ["Running"])
        children = psutil.Process(runner.pid).children(recursive=True)
        assert len(children) == 2  # the launcher and the script
        assert await runner.terminate() == 0
        assert not any(is_alive(child.pid) for child in children)
    await eventually(lambda: recorder.events[-1].name == "InstanceStopped")


async def test_a_second_runner_of_the_same_id_is_refused(bus: Bus, nats_url: str, tmp_path: Path) -> None:
    async with running_runner(bus, nats_url, tmp_path) as runner:
        with pytest.raises(InstanceInUse):
            await run_runner(runner.settings, {}, asyncio.Event())


async def test_a_runner_that_waits_for_nats_can_be_stopped(tmp_path: Path) -> None:
    settings = RunnerSettings(
        nats_url=f"nats://127.0.0.1:{free_port()}", data=tmp_path / "site", temp=tmp_path, health_port=0
    )
    stop = asyncio.Event()
    running = asyncio.create_task(run_runner(settings, {}, stop))
    await eventually(lambda: (tmp_path / "site" / "data" / ".runner").exists())
    stop.set()
    async with asyncio.timeout(30):
        await running


async def test_an_impatient_stop_leaves_nothing_alive(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path, instance_id: str
) -> None:
    deaf = "trap '' TERM; echo $$ > {}; while :; do sleep 0.02; done"
    pids = [tmp_path / "one", tmp_path / "two"]
    async with running_runner(bus, nats_url, tmp_path, environment={"WEBJOBS_STOPPED": "1"}):
        await caller.deploy(TRIGGERED, "job", {"run.sh": deaf.format(pids[0])})
        await caller.deploy(CONTINUOUS, "steady", {"run.sh": deaf.format(pids[1])})
    before = asyncio.all_tasks()
    async with running_runner(bus, nats_url, tmp_path, instance_id=instance_id) as runner:
        run_id = await caller.run("job")
        await eventually(lambda: all(file.exists() and file.read_text().strip() for file in pids))
        numbers = [int(file.read_text()) for file in pids]
        runner.stop_event.set()
        await eventually(lambda: recorder.statuses("steady")[-1] == "Stopping")
        await runner.abandon()
        assert not any(map(is_alive, numbers))
    await eventually(lambda: asyncio.all_tasks() <= before)
    async with running_runner(bus, nats_url, tmp_path, instance_id=instance_id):
        end = await recorder.end_of(run_id)
        assert (end.name, end.reason) == ("Aborted", Reason.RUNNER_LOST)


async def test_what_a_killed_deployment_left_is_cleared_away(
    bus: Bus, nats_url: str, caller: Caller, tmp_path: Path, instance_id: str
) -> None:
    downloads = tmp_path / "site" / "data" / ".runner" / instance_id / "downloads"
    (downloads / "half.folder" / "lib").mkdir(parents=True)
    (downloads / "half.folder" / "run.sh").touch()
    (downloads / "half.upload").touch()
    async with running_runner(bus, nats_url, tmp_path, instance_id=instance_id):
        await caller.deploy(TRIGGERED, "job", {"run.sh": "echo"})
        assert list(downloads.iterdir()) == []


async def test_the_death_of_the_launcher_ends_runs_and_starts_continuous_jobs_again(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    environment = {"WEBJOBS_RESTART_TIME": "0.1"}
    async with runner_process(bus, nats_url, tmp_path, environment=environment) as runner:
        await caller.deploy(TRIGGERED, "job", {"run.sh": FOREVER})
        await caller.deploy(CONTINUOUS, "steady", {"run.sh": FOREVER})
        run_id = await caller.run("job")
        await eventually(lambda: len(recorder.of_run(run_id)) == 2)
        await eventually(lambda: recorder.statuses("steady")[-1] == "Running")
        (launcher,) = psutil.Process(runner.pid).children()
        launcher.send_signal(signal.SIGKILL)
        end = await recorder.end_of(run_id)
        assert isinstance(end, RunAborted) and end.reason is Reason.RUNNER_LOST
        await eventually(lambda: recorder.statuses("steady").count("Running") == 2)
        assert recorder.of(ContinuousPendingRestart)[0].reason is Reason.RUNNER_LOST
        await eventually(lambda: caller.is_free("job"))
        again = await caller.run("job")
        await eventually(lambda: len(recorder.of_run(again)) == 2)


async def test_a_run_whose_claim_was_answered_by_nobody_is_begun_all_the_same(
    bus: Bus,
    nats_url: str,
    caller: Caller,
    recorder: EventRecorder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    take = Claims.take
    asked: list[str] = []

    async def without_answer(self: Claims, command: RunTriggeredJob, after: int) -> bool:
        is_ours = await take(self, command, after)
        asked.append(command.run_id)
        if len(asked) == 1:
            raise BusUnavailable("claiming", "the answer was lost")
        return is_ours

    monkeypatch.setattr(Claims, "take", without_answer)
    async with running_runner(bus, nats_url, tmp_path):
        await caller.deploy(TRIGGERED, "job", {"run.sh": "echo"})
        run_id = await caller.run("job")
        assert isinstance(await recorder.end_of(run_id), RunSuccess)
        assert asked == [run_id, run_id]
        await eventually(lambda: caller.is_free("job"))
        assert [event.name for event in recorder.of_run(run_id)] == ["Initializing", "Running", "Success"]


async def test_a_command_that_is_handed_out_again_while_it_runs_is_not_begun_again(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    async with running_runner(bus, nats_url, tmp_path, name="a"):
        async with running_runner(bus, nats_url, tmp_path, name="b"):
            await caller.deploy(TRIGGERED, "job", {"run.sh": f"while [ ! -e {gate} ]; do sleep 0.02; done"})
            run_id = await caller.run("job")
            await eventually(lambda: len(recorder.of_run(run_id)) == 2)
            # As after an acknowledgement wait in which no sign of life came through.
            stream, durable = bus.subjects.commands_stream, "runs"
            await bus.connection.js.delete_consumer(stream, durable)

            async def is_handed_out_again() -> bool:
                with suppress(NotFoundError):  # until a runner has made it again
                    info = await bus.connection.js.consumer_info(stream, durable)
                    return bool(info.delivered.consumer_seq)
                return False

            await eventually(is_handed_out_again)
            await stays(lambda: len(recorder.of_run(run_id)) == 2, 0.5)
            gate.touch()
            await recorder.end_of(run_id)
            await eventually(lambda: caller.is_free("job"))
            await recorder.until_published()
            names = [event.name for event in recorder.of_run(run_id)]
            assert names == ["Initializing", "Running", "Success"]


async def test_runs_that_retention_took_go_from_the_disk_too(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path, instance_id: str
) -> None:
    data = data_folder(tmp_path, TRIGGERED, "job")
    async with running_runner(bus, nats_url, tmp_path, instance_id=instance_id):
        await caller.deploy(TRIGGERED, "job", {"run.sh": "echo"})
        run_ids = []
        for _ in range(3):
            run_ids.append(await caller.run("job"))
            await recorder.end_of(run_ids[-1])
            await eventually(lambda: caller.is_free("job"))
        await bus.publish_event(purged(run_ids[2:], "../triggered/job"))  # no job has this name
        await bus.publish_event(purged(run_ids[:1]))
        await eventually(lambda: sorted(os.listdir(data)) == run_ids[1:])
    await bus.publish_event(purged(run_ids[1:2]))
    async with running_runner(bus, nats_url, tmp_path, instance_id=instance_id):
        await eventually(lambda: os.listdir(data) == run_ids[2:])


def purged(run_ids: list[str], job_name: str = "job") -> Purged:
    return Purged(
        at=datetime.now(UTC),
        instance="history",
        job_name=JobName(job_name),
        run_ids=list(run_ids),  # type: ignore[arg-type]
        limit=1,
    )
