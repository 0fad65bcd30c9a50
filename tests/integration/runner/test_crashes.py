"""Runners that are killed or cut off, and NATS that is killed: every run ends once, and as it did."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from support.event_recorder import ENDS, EventRecorder, recorder_of
from support.eventually import eventually, pause, stays
from support.processes import ESCAPE, PYTHON, is_alive, none_alive
from support.runners import QUICK_LEASES, Caller, runner_process, running_runner
from support.site_paths import output_log, run_folder
from support.tcp_proxy import tcp_proxy
from webjobs_events.events import InstanceLost, RunAborted, RunRunning, RunSuccess
from webjobs_events.jetstream import Bus, connect_bus
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobType
from webjobs_rules.status import Reason
from webjobs_stack.nats_server import NatsServer, run_nats_server

TRIGGERED, CONTINUOUS = JobType.TRIGGERED, JobType.CONTINUOUS
FOREVER = "echo $$; exec sleep 1000"


async def pids_of(folder: Path, job_name: str, run_id: str, count: int = 1) -> list[int]:
    """The numbers that the script wrote."""
    log = output_log(folder, job_name, run_id)

    def said() -> list[int] | None:
        lines = [line.partition("] ")[2] for line in log.read_text().splitlines()] if log.exists() else []
        numbers = [int(line) for line in lines if line.isdigit()]
        return numbers if len(numbers) == count else None

    pids = await eventually(said)
    assert pids is not None
    return pids


def ends_of(recorder: EventRecorder, run_id: str) -> list[str]:
    return [event.name for event in recorder.of_run(run_id) if isinstance(event, ENDS)]


@asynccontextmanager
async def own_nats(
    folder: Path, namespace: str
) -> AsyncIterator[tuple[NatsServer, Bus, Caller, EventRecorder]]:
    """A server that may be killed."""
    async with (
        run_nats_server(folder / "nats") as server,
        connect_bus(server.url, name="test", subjects=Subjects(namespace)) as bus,
        recorder_of(bus) as recorder,
    ):
        yield server, bus, Caller(bus), recorder


async def test_a_killed_runner_leaves_no_process_and_its_next_start_ends_the_run(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path, instance_id: str
) -> None:
    script = f'echo $$; {" ".join(PYTHON[:-1])} -c "{ESCAPE}"; exec sleep 1000'
    async with runner_process(bus, nats_url, tmp_path, instance_id=instance_id) as runner:
        await caller.deploy(TRIGGERED, "job", {"run.sh": script})
        await caller.deploy(CONTINUOUS, "steady", {"run.sh": f"echo $$ >> {tmp_path}/steady; {script}"})
        run_id = await caller.run("job")
        pids = await pids_of(tmp_path, "job", run_id, 2)
        await eventually(lambda: recorder.of(RunRunning))
        await eventually(lambda: recorder.statuses("steady")[-1:] == ["Running"])
        await eventually((tmp_path / "steady").exists)
        pids.append(int((tmp_path / "steady").read_text()))
        await runner.kill()
        await eventually(lambda: none_alive(pids))
        assert ends_of(recorder, run_id) == []
    async with runner_process(bus, nats_url, tmp_path, instance_id=instance_id):
        end = await recorder.end_of(run_id, 4)
        await eventually(lambda: caller.is_free("job"), 3)
        assert (end.name, end.reason) == ("Aborted", Reason.RUNNER_LOST)
        assert end.evidence == f"Runner {instance_id} died while it had the run; its processes were ended."
        await eventually(lambda: recorder.statuses("steady") == ["Initializing", "Starting", "Running"] * 2)
        again = await caller.run("job")
        await pids_of(tmp_path, "job", again, 2)
        await recorder.until_published()
        assert ends_of(recorder, run_id) == ["Aborted"]
        subject, name = bus.subjects.log(TRIGGERED, "job", run_id), f"output_{run_id}.log"
        on_disk = (run_folder(tmp_path, "job", run_id) / name).read_bytes()
        assert f"SYS ERROR] Runner {instance_id} died".encode() in on_disk
        await eventually(lambda: recorder.log(subject, name) == on_disk)


async def test_an_outcome_that_could_not_be_told_before_the_kill_is_told_after_it(
    namespace: str, tmp_path: Path, instance_id: str
) -> None:
    gate = tmp_path / "gate"
    script = f"while [ ! -e {gate} ]; do sleep 0.02; done; echo done; exit 7"
    async with own_nats(tmp_path, namespace) as (server, bus, caller, recorder):
        async with runner_process(bus, server.url, tmp_path, instance_id=instance_id) as runner:
            await caller.deploy(TRIGGERED, "job", {"run.sh": script})
            run_id = await caller.run("job")
            await eventually(lambda: recorder.of(RunRunning))
            server.kill()
            await server.wait()
            gate.touch()
            status = run_folder(tmp_path, "job", run_id) / "status"
            await eventually(lambda: status.exists() and status.read_bytes().endswith(b"}"))
            await runner.kill()
        await server.start()
        async with runner_process(bus, server.url, tmp_path, instance_id=instance_id):
            end = await recorder.end_of(run_id)
            assert (end.name, end.reason, end.exit_code) == ("Failed", Reason.EXIT_CODE, 7)
            await eventually(lambda: caller.is_free("job"))
            subject, name = bus.subjects.log(TRIGGERED, "job", run_id), f"output_{run_id}.log"
            on_disk = (run_folder(tmp_path, "job", run_id) / name).read_bytes()
            await eventually(lambda: recorder.log(subject, name) == on_disk)
            await recorder.until_published()
            assert [event.name for event in recorder.of_run(run_id)] == ["Initializing", "Running", "Failed"]


async def test_survivors_end_the_runs_of_a_runner_that_never_comes_back(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path, instance_id: str
) -> None:
    async with runner_process(bus, nats_url, tmp_path, instance_id=instance_id, terms=QUICK_LEASES) as runner:
        await caller.deploy(TRIGGERED, "job", {"run.sh": FOREVER})
        run_id = await caller.run("job")
        await pids_of(tmp_path, "job", run_id)
        async with (
            running_runner(bus, nats_url, tmp_path, terms=QUICK_LEASES) as survivor,
            running_runner(bus, nats_url, tmp_path, terms=QUICK_LEASES),
        ):
            await runner.kill()
            end = await recorder.end_of(run_id, 2.5 * QUICK_LEASES.seconds)
            assert (end.name, end.reason) == ("Aborted", Reason.RUNNER_LOST)
            assert end.evidence == f"Runner {instance_id} was lost while it had the run."
            await eventually(lambda: caller.is_free("job"))
            await pids_of(tmp_path, "job", await caller.run("job"))
            await survivor.stop()
            await recorder.until_published()
            assert ends_of(recorder, run_id) == ["Aborted"]
            # On a machine that stands still for two seconds, the others may be taken for lost too.
            lost = [event.about_instance for event in recorder.of(InstanceLost)]
            assert lost.count(instance_id) == 1


async def test_a_runner_that_was_cut_off_ends_no_run_a_second_time_and_stops_what_others_have_ended(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    """Its last words are on the way, and arrive when others have long ended its runs in its place."""
    gate = tmp_path / "gate"
    async with (
        tcp_proxy(nats_url) as line,
        running_runner(bus, line.url, tmp_path, terms=QUICK_LEASES) as cut_off,
    ):
        await caller.deploy(TRIGGERED, "brief", {"run.sh": f"while [ ! -e {gate} ]; do sleep 0.02; done"})
        await caller.deploy(TRIGGERED, "long", {"run.sh": FOREVER})
        await caller.deploy(CONTINUOUS, "steady", {"run.sh": FOREVER})
        run_ids = [await caller.run("brief"), await caller.run("long")]
        (pid,) = await pids_of(tmp_path, "long", run_ids[1])
        await eventually(lambda: len(recorder.of(RunRunning)) == 2)
        async with running_runner(bus, nats_url, tmp_path, name="other", terms=QUICK_LEASES):
            line.cut()
            gate.touch()
            for run_id in run_ids:
                end = await recorder.end_of(run_id, 3 * QUICK_LEASES.seconds)
                assert (end.name, end.reason) == ("Aborted", Reason.RUNNER_LOST)
            assert is_alive(pid)
            line.mend()
            await eventually(lambda: not is_alive(pid))
            # The continuous job went on, and that is told to those who took it for stopped.
            await eventually(
                lambda: recorder.statuses("steady", cut_off.id) == ["Initializing", "Starting", "Running"] * 2
            )
            await recorder.end_of(await caller.run("brief"))
            await cut_off.stop()
            await recorder.until_published()
            for run_id in run_ids:
                names = [event.name for event in recorder.of_run(run_id)]
                assert names == ["Initializing", "Running", "Aborted"]


async def test_nobody_is_taken_for_lost_when_nats_stood_still(namespace: str, tmp_path: Path) -> None:
    async with own_nats(tmp_path, namespace) as (server, bus, caller, recorder):
        async with (
            running_runner(bus, server.url, tmp_path, terms=QUICK_LEASES),
            running_runner(bus, server.url, tmp_path, terms=QUICK_LEASES),
        ):
            await caller.deploy(TRIGGERED, "job", {"run.sh": FOREVER})
            run_id = await caller.run("job")
            await eventually(lambda: recorder.of(RunRunning))
            await pause(QUICK_LEASES.seconds, "a runner decides about others after a whole term")
            os.kill(server.pid, signal.SIGSTOP)
            await pause(1.25 * QUICK_LEASES.seconds, "long enough for every lease to end")
            os.kill(server.pid, signal.SIGCONT)
            await stays(
                lambda: not recorder.of(InstanceLost) and not ends_of(recorder, run_id),
                1.5 * QUICK_LEASES.seconds,
            )
            await recorder.until_published()
            assert recorder.of(InstanceLost) == []
            assert ends_of(recorder, run_id) == []


async def test_scripts_go_on_while_nats_is_away_and_everything_is_told_afterwards(
    namespace: str, tmp_path: Path
) -> None:
    count = 6
    script = "for i in $(seq 300); do echo line $i; echo error $i >&2; sleep 0.005; done"
    async with own_nats(tmp_path, namespace) as (server, bus, caller, recorder):
        async with running_runner(bus, server.url, tmp_path):
            for number in range(count):
                await caller.deploy(TRIGGERED, f"job{number}", {"run.sh": script})
            run_ids = [await caller.run(f"job{number}") for number in range(count)]
            await eventually(lambda: len(recorder.of(RunRunning)) == count)
            logs = [output_log(tmp_path, f"job{number}", run_id) for number, run_id in enumerate(run_ids)]
            for _ in range(2):
                server.kill()
                await server.wait()
                before = sum(log.stat().st_size for log in logs)
                await eventually(lambda before=before: sum(log.stat().st_size for log in logs) > before)
                await server.start()
            for number, run_id in enumerate(run_ids):
                assert isinstance(await recorder.end_of(run_id, 20), RunSuccess)
                await eventually(lambda number=number: caller.is_free(f"job{number}"))
                names = [event.name for event in recorder.of_run(run_id)]
                assert names == ["Initializing", "Running", "Success"]
                folder = run_folder(tmp_path, f"job{number}", run_id)
                subject = bus.subjects.log(TRIGGERED, f"job{number}", run_id)
                for name in (f"output_{run_id}.log", f"error_{run_id}.log"):
                    on_disk = (folder / name).read_bytes()
                    assert on_disk.count(b" 300\n") >= 1
                    await eventually(
                        lambda subject=subject, name=name, on_disk=on_disk: (
                            recorder.log(subject, name) == on_disk
                        )
                    )
            await recorder.until_published()
            assert len(recorder.ids) == len(set(recorder.ids))
            assert recorder.of(RunAborted) == []


async def test_a_runner_stops_in_time_though_nats_is_away(
    namespace: str, tmp_path: Path, instance_id: str
) -> None:
    async with own_nats(tmp_path, namespace) as (server, bus, caller, recorder):
        async with runner_process(bus, server.url, tmp_path, instance_id=instance_id) as runner:
            await caller.deploy(TRIGGERED, "job", {"run.sh": FOREVER})
            run_id = await caller.run("job")
            (pid,) = await pids_of(tmp_path, "job", run_id)
            server.kill()
            await server.wait()
            async with asyncio.timeout(30):
                assert await runner.terminate() == 0
            assert not is_alive(pid)
        await server.start()
        async with runner_process(bus, server.url, tmp_path, instance_id=instance_id):
            end = await recorder.end_of(run_id)
            assert (end.name, end.reason) == ("Aborted", Reason.HOST_SHUTDOWN)
