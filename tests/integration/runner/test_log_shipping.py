"""What scripts write reaches the stream of logs byte by byte, whatever they write and however they end."""

import hashlib
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.event_recorder import EventRecorder
from support.eventually import eventually
from support.runners import Caller, RunningRunner, running_runner
from support.site_paths import job_log, output_log
from webjobs_events.events import RunSuccess
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobType
from webjobs_rules.log_format import APPLICATION_LOG, JOB_LOG
from webjobs_runner.logs import continuous_log, log_shipper

TRIGGERED, CONTINUOUS = JobType.TRIGGERED, JobType.CONTINUOUS
MEGABYTE = 1024 * 1024


@pytest.fixture
async def runner(bus: Bus, nats_url: str, tmp_path: Path) -> AsyncIterator[RunningRunner]:
    async with running_runner(
        bus, nats_url, tmp_path, environment={"WEBJOBS_RESTART_TIME": "0.1"}
    ) as running:
        yield running


async def shipped(recorder: EventRecorder, bus: Bus, log: Path, job_name: str, run_id: str) -> bytes:
    """The log as readers see it, once all of it is there."""
    subject, name = bus.subjects.log(TRIGGERED, job_name, run_id), log.name
    await eventually(lambda: recorder.log_size(subject, name) >= log.stat().st_size, 60)
    return recorder.log(subject, name)


async def test_fifty_megabytes_arrive_as_they_are_on_disk(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, bus: Bus, tmp_path: Path
) -> None:
    script = (
        "import sys\n"
        "block = (b'x' * 99 + b'\\n') * 10486\n"
        "for _ in range(50):\n"
        " sys.stdout.buffer.write(block)\n"
    )
    await caller.deploy(TRIGGERED, "chatty", {"run.py": script})
    run_id = await caller.run("chatty")
    assert isinstance(await recorder.end_of(run_id, 60), RunSuccess)
    log = output_log(tmp_path, "chatty", run_id)
    assert log.stat().st_size > 50 * MEGABYTE
    content = await shipped(recorder, bus, log, "chatty", run_id)
    assert hashlib.sha256(content).digest() == hashlib.sha256(log.read_bytes()).digest()
    assert content.count(b"x" * 99 + b"\n") == 524300


async def test_lines_of_ten_megabytes_and_binary_output_do_no_harm(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, bus: Bus, tmp_path: Path
) -> None:
    script = (
        "import os, sys\n"
        "out = sys.stdout.buffer\n"
        "out.write(b'a' * 10485760 + b'\\n')\n"
        "out.write(bytes(range(256)) * 4096 + b'\\n')\n"
        "out.write(b'last')\n"
    )
    await caller.deploy(TRIGGERED, "odd", {"run.py": script})
    run_id = await caller.run("odd")
    assert isinstance(await recorder.end_of(run_id, 60), RunSuccess)
    log = output_log(tmp_path, "odd", run_id)
    content = await shipped(recorder, bus, log, "odd", run_id)
    assert content == log.read_bytes()
    lines = content.decode().split("\n")  # it is valid UTF-8, whatever the script wrote
    assert any(line.endswith("a" * 10 * MEGABYTE) for line in lines)
    assert any(line.endswith("INFO] last") for line in lines)


async def test_the_last_lines_before_a_kill_are_stored(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, bus: Bus, tmp_path: Path
) -> None:
    script = "for i in $(seq 100); do echo line $i; done; kill -KILL $$"
    await caller.deploy(TRIGGERED, "doomed", {"run.sh": script})
    for _ in range(5):
        run_id = await caller.run("doomed")
        end = await recorder.end_of(run_id)
        assert end.signal == 9
        content = await shipped(recorder, bus, output_log(tmp_path, "doomed", run_id), "doomed", run_id)
        said = [line.partition("] ")[2] for line in content.decode().splitlines()]
        assert [line for line in said if line.startswith("line")] == [f"line {n}" for n in range(1, 101)]
        await eventually(lambda: caller.is_free("doomed"))


@pytest.fixture
def new_logs_gather_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run is a short one then, also on a busy machine."""
    monkeypatch.setattr(log_shipper, "_GATHER_SECONDS", 60.0)


@pytest.mark.usefixtures("new_logs_gather_for_long")
async def test_the_log_of_a_short_run_is_one_chunk_which_its_end_does_not_wait_for(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, bus: Bus, tmp_path: Path
) -> None:
    scripts = {
        "silent": ("true", ["output"]),
        "hello": ("echo hello; sleep 0.05; echo again", ["output"]),
        "chatty": ("for i in $(seq 700); do echo line $i; done", ["output"]),
        "failing": ("echo hello; echo oops >&2; sleep 0.02; echo oops >&2; exit 1", ["output", "error"]),
    }
    for job_name, (script, files) in scripts.items():
        await caller.deploy(TRIGGERED, job_name, {"run.sh": script})
        run_id = await caller.run(job_name)
        event = await recorder.end_of(run_id)
        subject = bus.subjects.log(TRIGGERED, job_name, run_id)
        sizes = {"output": event.output_log_bytes, "error": event.error_log_bytes}
        expected = [(f"{file}_{run_id}.log", sizes[file]) for file in files]
        await eventually(lambda s=subject, e=expected: sorted(recorder.chunk_sizes(s)) == sorted(e), 10)


@pytest.mark.usefixtures("new_logs_gather_for_long")
async def test_a_new_log_ships_full_chunks_while_it_gathers_the_rest(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, bus: Bus, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    write = "head -c 200000 /dev/zero | tr '\\0' x; echo"
    script = f"{write}; while [ ! -e {gate} ]; do sleep 0.02; done; echo last"
    await caller.deploy(TRIGGERED, "large", {"run.sh": script})
    run_id = await caller.run("large")
    subject, name = bus.subjects.log(TRIGGERED, "large", run_id), f"output_{run_id}.log"
    await eventually(lambda: len(recorder.log(subject, name)) >= 3 * 65536)
    gate.touch()
    event = await recorder.end_of(run_id)
    await eventually(lambda: len(recorder.log(subject, name)) == event.output_log_bytes)
    assert [size for _, size in recorder.chunk_sizes(subject)][:3] == [65536] * 3


async def test_a_log_that_is_removed_while_its_script_writes_does_not_stop_the_others(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, bus: Bus, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    script = f"echo first; while [ ! -e {gate} ]; do sleep 0.02; done; echo second"
    await caller.deploy(TRIGGERED, "bare", {"run.sh": script})
    await caller.deploy(TRIGGERED, "hello", {"run.sh": "echo hello"})
    run_id = await caller.run("bare")
    log = output_log(tmp_path, "bare", run_id)
    await eventually(lambda: log.exists() and b"first" in log.read_bytes())
    subject = bus.subjects.log(TRIGGERED, "bare", run_id)
    await eventually(lambda: b"first" in recorder.log(subject, log.name))
    log.unlink()
    gate.touch()
    await recorder.end_of(run_id)
    await eventually(lambda: b"second" in recorder.log(subject, log.name))
    assert isinstance(await recorder.end_of(await caller.run("hello")), RunSuccess)


async def test_a_full_disk_stops_neither_the_script_nor_the_runner(
    runner: RunningRunner,
    caller: Caller,
    recorder: EventRecorder,
    bus: Bus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gates = [tmp_path / "full", tmp_path / "done"]
    wait = [f"while [ ! -e {gate} ]; do sleep 0.02; done;" for gate in gates]
    write = "for i in $(seq 50); do echo lost $i; done;"
    script = f"echo before; {wait[0]} {write} {wait[1]} echo after"
    await caller.deploy(TRIGGERED, "job", {"run.sh": script})
    run_id = await caller.run("job")
    log = output_log(tmp_path, "job", run_id)
    await eventually(lambda: log.exists() and b"before" in log.read_bytes())
    refused: set[bytes] = set()

    def no_space(descriptor: int, data: bytes) -> int:
        refused.update(re.findall(rb"lost \d+\n", data))
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full_disk:
        full_disk.setattr(os, "write", no_space)
        gates[0].touch()
        await eventually(lambda: refused)
    gates[1].touch()
    assert isinstance(await recorder.end_of(run_id), RunSuccess)
    content = await shipped(recorder, bus, log, "job", run_id)
    # The script writes in pieces: what comes when the disk has room again is stored.
    dropped = sum(int(count) for count in re.findall(rb"SYS ERROR\] (\d+) lines were dropped here", content))
    stored = re.findall(rb"INFO\] (lost \d+\n)", content)
    assert dropped >= len(refused) and dropped + len(stored) == 50
    assert refused.isdisjoint(stored)
    assert b"INFO] after\n" in content


def application_log(tmp_path: Path, runner: RunningRunner, job_name: str) -> Path:
    folder = tmp_path / "site" / "LogFiles" / "Application" / "continuous" / job_name
    return folder / f"{runner.id}.log"


async def test_the_jobs_log_has_the_head_of_each_start_and_the_application_log_all(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, bus: Bus, tmp_path: Path
) -> None:
    script = "for i in $(seq 150); do echo line $i; done; echo oops >&2; exit 1"
    await caller.deploy(CONTINUOUS, "steady", {"run.sh": script})
    await eventually(lambda: recorder.statuses("steady").count("PendingRestart") >= 2)
    await caller.stop("steady")
    await eventually(lambda: recorder.statuses("steady")[-1] == "Stopped")
    log = job_log(tmp_path, "steady")
    lines = [line.partition("> ")[2].partition(": ")[2] for line in log.read_text().splitlines()]
    starts = "\n".join(lines).split("SYS INFO] Status changed to Starting\n")[1:]
    assert len(starts) >= 2
    for start in starts[:2]:
        said = start.splitlines()
        assert [line for line in said if line.startswith("INFO]")] == [
            f"INFO] line {n}" for n in range(1, 101)
        ]
        cut = said.index(
            "SYS WARN] These are the first 100 lines of this start; all are in the application log."
        )
        assert said[cut - 1] == "INFO] line 100"
        assert any(line.startswith("SYS ERROR] Job failed due to exit code 1") for line in said[cut:])
        assert "SYS INFO] Status changed to PendingRestart" in said[cut:]
    application = application_log(tmp_path, runner, "steady")
    assert application.read_bytes().count(b"INFO] line 150\n") >= 2
    subject = bus.subjects.log(CONTINUOUS, "steady", runner.id)
    await eventually(lambda: recorder.log(subject, APPLICATION_LOG) == application.read_bytes())
    subject = bus.subjects.log(CONTINUOUS, "steady", f"{runner.id}-job")
    await eventually(lambda: recorder.log(subject, JOB_LOG) == log.read_bytes())


async def test_logs_of_a_continuous_job_go_on_over_restarts_and_changes_of_files(
    bus: Bus,
    nats_url: str,
    caller: Caller,
    recorder: EventRecorder,
    tmp_path: Path,
    instance_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One log for readers, though on disk it is set aside at 20 kB again and again."""
    monkeypatch.setattr(continuous_log, "_APPLICATION_LOG_ROLL_BYTES", 20_000)
    monkeypatch.setattr(continuous_log, "_JOB_LOG_ROLL_BYTES", 5_000)
    script = "for i in $(seq 400); do echo line $i of $$; done; exec sleep 1000"
    for boot in range(1, 4):
        async with running_runner(bus, nats_url, tmp_path, instance_id=instance_id):
            if boot == 1:
                await caller.deploy(CONTINUOUS, "steady", {"run.sh": script})
            subject = bus.subjects.log(CONTINUOUS, "steady", instance_id)
            await eventually(
                lambda subject=subject, boot=boot: (
                    recorder.log(subject, APPLICATION_LOG).count(b"line 400 of") == boot
                )
            )
    content = recorder.log(subject, APPLICATION_LOG).decode()
    lines = [line.partition("] ")[2] for line in content.splitlines()]
    numbers = [int(line.split()[1]) for line in lines if line.startswith("line")]
    assert numbers == list(range(1, 401)) * 3
    assert content.count("Status changed to Stopped") == 3
    folder = tmp_path / "site" / "LogFiles" / "Application" / "continuous" / "steady"
    assert sorted(os.listdir(folder)) == [f"{instance_id}.log", f"{instance_id}.log.prev"]
    assert sum(path.stat().st_size for path in folder.iterdir()) < len(content)
    heads = recorder.log(bus.subjects.log(CONTINUOUS, "steady", f"{instance_id}-job"), JOB_LOG).decode()
    assert heads.count("line 100 of") == 3
    assert "line 101 of" not in heads
