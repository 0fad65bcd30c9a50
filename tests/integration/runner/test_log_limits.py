"""What the final event says of a run's log, and what becomes of lines for which there is no room."""

import contextlib
import os
import re
from pathlib import Path

import pytest
from support.event_recorder import EventRecorder
from support.eventually import eventually, stays
from support.runners import Caller, RunningRunner, running_runner
from support.site_paths import run_folder
from webjobs_events.events import RunEnded, RunFailed, RunSuccess
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobType
from webjobs_rules.log_format import APPLICATION_LOG
from webjobs_runner.logs import continuous_log

TRIGGERED, CONTINUOUS = JobType.TRIGGERED, JobType.CONTINUOUS


def logs_of(tmp_path: Path, event: RunEnded) -> tuple[bytes, bytes]:
    """The output and the error log on disk."""
    folder = run_folder(tmp_path, event.job_name, event.run_id)
    files = (folder / f"{name}_{event.run_id}.log" for name in ("output", "error"))
    output, error = (file.read_bytes() if file.exists() else b"" for file in files)
    return output, error


async def run(caller: Caller, recorder: EventRecorder, script: str) -> RunEnded:
    await caller.deploy(TRIGGERED, "job", {"run.sh": script})
    return await recorder.end_of(await caller.run("job"), 30)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo hello", RunSuccess),
        ("true", RunSuccess),
        ("echo out; echo oops >&2; exit 3", RunFailed),
        ("printf 'no end'; kill -9 $$", RunFailed),
        ("printf prompt; sleep 0.6; printf ' answer'", RunSuccess),
    ],
)
async def test_the_final_event_carries_the_sizes_that_the_logs_have_in_the_end(
    runner: RunningRunner,
    caller: Caller,
    recorder: EventRecorder,
    bus: Bus,
    tmp_path: Path,
    script: str,
    expected: type[RunEnded],
) -> None:
    event = await run(caller, recorder, script)
    assert isinstance(event, expected)
    output, error = logs_of(tmp_path, event)
    assert output.endswith(b"\n")
    assert (event.output_log_bytes, event.error_log_bytes) == (len(output), len(error))
    assert event.dropped_lines == 0
    subject = bus.subjects.log(TRIGGERED, "job", event.run_id)
    await eventually(lambda: recorder.log(subject, f"output_{event.run_id}.log") == output)


async def test_the_final_event_of_a_script_that_could_not_start_has_sizes_too(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    interpreter = tmp_path / "interpreter"
    interpreter.symlink_to("/bin/sh")
    await caller.deploy(TRIGGERED, "job", {"run.sh": f"#!{interpreter}\n", "settings.job": "{}"})
    interpreter.unlink()
    event = await recorder.end_of(await caller.run("job"))
    assert event.output_log_bytes == len(logs_of(tmp_path, event)[0]) > 0


async def test_the_final_event_that_a_restarted_runner_writes_has_sizes(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path, instance_id: str
) -> None:
    async with running_runner(bus, nats_url, tmp_path, instance_id=instance_id) as first:
        await caller.deploy(TRIGGERED, "job", {"run.sh": "echo before; exec sleep 100"})
        run_id = await caller.run("job")
        subject = bus.subjects.log(TRIGGERED, "job", run_id)
        await eventually(lambda: b"before" in recorder.log(subject, f"output_{run_id}.log"))
        await first.abandon()
    async with running_runner(bus, nats_url, tmp_path, instance_id=instance_id):
        event = await recorder.end_of(run_id, 20)
        output, error = logs_of(tmp_path, event)
        assert (event.output_log_bytes, event.error_log_bytes) == (len(output), len(error))
        await eventually(lambda: recorder.log(subject, f"output_{run_id}.log") == output)


@pytest.mark.parametrize("redirection", ["", " >&2"])
async def test_a_run_beyond_its_cap_goes_on_and_says_how_many_lines_are_missing(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path, redirection: str
) -> None:
    cap = 300_000
    async with running_runner(
        bus, nats_url, tmp_path, environment={"WEBJOBS_MAX_LOG_BYTES": str(cap)}
    ) as runner:
        event = await run(caller, recorder, f"seq 1000000 1200000{redirection}; touch {tmp_path}/done")
        assert isinstance(event, RunSuccess) and (tmp_path / "done").exists()
        output, error = logs_of(tmp_path, event)
        stored = re.findall(rb": (?:INFO|ERROR)\] (\d{7})\n", output)
        assert [int(number) for number in stored] == list(range(1_000_000, 1_000_000 + len(stored)))
        assert event.dropped_lines == 200_001 - len(stored)
        assert b"SYS WARN] %d lines were dropped here" % event.dropped_lines in output
        assert output.rstrip().endswith(b"Status changed to Success")
        assert cap * 0.9 < len(output) + len(error) < cap + 1500
        assert event.output_log_bytes == len(output)
        assert runner.task.done() is False


async def test_the_cap_can_be_changed_while_a_run_writes(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    async with running_runner(bus, nats_url, tmp_path, environment={"WEBJOBS_MAX_LOG_BYTES": "1000"}):
        script = f"seq 1000; while [ ! -e {gate} ]; do sleep 0.02; done; echo after"
        await caller.deploy(TRIGGERED, "job", {"run.sh": script})
        run_id = await caller.run("job")
        subject = bus.subjects.log(TRIGGERED, "job", run_id)
        await eventually(lambda: b"reached its limit" in recorder.log(subject, f"output_{run_id}.log"))
        await bus.settings.put("WEBJOBS_MAX_LOG_BYTES", b"0")
        gate.touch()
        event = await recorder.end_of(run_id)
    output, _ = logs_of(tmp_path, event)
    stored = output.count(b": INFO] ")
    assert b": INFO] after\n" in output
    assert event.dropped_lines == 1001 - stored > 0


async def test_lines_dropped_on_a_full_disk_are_in_the_final_event_though_the_disk_stays_full(
    runner: RunningRunner,
    caller: Caller,
    recorder: EventRecorder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = tmp_path / "gate"
    script = f"echo before; while [ ! -e {gate} ]; do sleep 0.02; done; seq 5000"
    await caller.deploy(TRIGGERED, "job", {"run.sh": script})
    run_id = await caller.run("job")
    folder = run_folder(tmp_path, "job", run_id)
    log = folder / f"output_{run_id}.log"
    await eventually(lambda: log.exists() and b"before" in log.read_bytes())
    with monkeypatch.context() as full_disk:
        full_disk.setattr(os, "write", _no_space)
        gate.touch()
        event = await recorder.end_of(run_id)
    assert isinstance(event, RunSuccess)
    assert event.dropped_lines == 5000
    assert event.output_log_bytes == log.stat().st_size
    assert b"before" in log.read_bytes()


def _no_space(descriptor: int, data: bytes) -> int:
    raise OSError(28, "No space left on device")


async def test_a_continuous_job_that_writes_without_end_keeps_its_newest_logs_within_the_cap(
    bus: Bus,
    nats_url: str,
    caller: Caller,
    recorder: EventRecorder,
    tmp_path: Path,
    instance_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(continuous_log, "_APPLICATION_LOG_ROLL_BYTES", 20_000)
    cap = 200_000
    environment = {"WEBJOBS_MAX_LOG_BYTES": str(cap)}
    subject = bus.subjects.log(CONTINUOUS, "steady", instance_id)
    folder = tmp_path / "site" / "LogFiles" / "Application" / "continuous" / "steady"
    script = "n=0; while true; do n=$((n+50)); seq $((n-49)) $n; sleep 0.001; done"
    async with running_runner(bus, nats_url, tmp_path, environment=environment, instance_id=instance_id):
        await caller.deploy(CONTINUOUS, "steady", {"run.sh": script})
        await eventually(lambda: len(recorder.log(subject, APPLICATION_LOG)) > 5 * cap, 60)
        await stays(lambda: _size_of(folder) <= cap + 1000, 0.2)
        await caller.stop("steady")
        await eventually(lambda: recorder.statuses("steady")[-1] == "Stopped")
        await eventually(lambda: _stored_bytes(bus, subject, below=2 * cap))
    # A machine that is too busy to ship within the cap drops lines: each is counted where it is missing.
    counted = 0
    log = recorder.log(subject, APPLICATION_LOG)
    for number, dropped in re.findall(rb": INFO\] (\d+)\n|: SYS WARN\] (\d+) lines were dropped here", log):
        counted += int(dropped or 1)
        assert dropped or int(number) == counted
    assert counted > 5 * cap / 60


def _size_of(folder: Path) -> int:
    size = 0
    for entry in os.scandir(folder):
        with contextlib.suppress(FileNotFoundError):  # it is just being set aside
            size += entry.stat().st_size
    return size


async def _stored_bytes(bus: Bus, subject: str, *, below: int) -> bool:
    size = 0
    async for batch in bus.stored(bus.subjects.logs_stream, [subject]):
        size += sum(len(message.data) for message in batch)
    return 0 < size < below
