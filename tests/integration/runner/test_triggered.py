"""Runs of triggered jobs on a real runner, from the command to the last event."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.event_recorder import EventRecorder
from support.eventually import eventually
from support.processes import is_alive
from support.runners import Caller, RunningRunner, running_runner
from support.site_paths import output_log, run_folder
from webjobs_events.commands import ReplyCode, encode_command
from webjobs_events.errors import CommandRefused
from webjobs_events.events import RunAborted, RunFailed, RunInitializing, RunRunning, RunSuccess
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobType
from webjobs_rules.status import Reason

TRIGGERED = JobType.TRIGGERED
# Says its pid, and goes on for ever; a polite one ends when asked to.
POLITE = "echo $$; trap 'exit 0' TERM; while :; do sleep 0.05; done"
DEAF = "echo $$; trap '' TERM; while :; do sleep 0.05; done"


def output_of(tmp_path: Path, job_name: str, run_id: str) -> list[str]:
    """Lines of the output log, without their marks."""
    log = output_log(tmp_path, job_name, run_id)
    if not log.exists():
        return []
    return [line.partition("] ")[2] for line in log.read_text().splitlines()]


async def pid_of(tmp_path: Path, job_name: str, run_id: str) -> int:
    """The number that the script said first."""

    def said() -> int | None:
        numbers = [line for line in output_of(tmp_path, job_name, run_id) if line.isdigit()]
        return int(numbers[0]) if numbers else None

    pid = await eventually(said)
    assert pid is not None
    return pid


async def test_a_run_is_told_from_its_first_event_to_its_last(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder
) -> None:
    await caller.deploy(TRIGGERED, "hello", {"run.sh": 'echo "hello $1 $2"; echo oops >&2'})
    run_id = await caller.run("hello", 'big "wide world"')
    end = await recorder.end_of(run_id)
    first, second, third = recorder.of_run(run_id)
    assert (type(first), type(second), type(third)) == (RunInitializing, RunRunning, RunSuccess)
    assert third is end
    for event in (first, second, third):
        assert (event.job_name, event.run_id, event.trigger) == ("hello", run_id, "Test")
        assert (event.instance, event.arguments) == (runner.id, 'big "wide world"')
        assert len(event.digest) == 64
    assert first.at <= second.at <= third.at
    assert isinstance(second, RunRunning) and second.script == "run.sh"
    assert (end.reason, end.exit_code, end.signal) == (Reason.EXIT_CODE, 0, None)
    assert end.started_at == second.at
    assert end.evidence == "The script exited with code 0."
    assert end.has_error_log


async def test_the_log_is_the_same_on_disk_and_in_the_stream_when_the_end_is_told(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, bus: Bus, tmp_path: Path
) -> None:
    await caller.deploy(TRIGGERED, "hello", {"run.sh": 'echo "hello $1"; echo oops >&2; exit 3'})
    run_id = await caller.run("hello", '"wide world"')
    end = await recorder.end_of(run_id)
    assert isinstance(end, RunFailed) and end.exit_code == 3
    folder = run_folder(tmp_path, "hello", run_id)
    subject = bus.subjects.log(TRIGGERED, "hello", run_id)
    for name in (f"output_{run_id}.log", f"error_{run_id}.log"):
        on_disk = (folder / name).read_bytes()
        assert on_disk
        await eventually(lambda name=name, on_disk=on_disk: recorder.log(subject, name) == on_disk)
    output = (folder / f"output_{run_id}.log").read_text()
    assert f"> {runner.id}: INFO] hello wide world\n" in output
    assert f"> {runner.id}: ERROR] oops\n" in output
    assert output.splitlines()[0].endswith("SYS INFO] Status changed to Initializing")
    assert output.splitlines()[-1].endswith("SYS INFO] Status changed to Failed")
    errors = (folder / f"error_{run_id}.log").read_text()
    assert errors.splitlines() == [line for line in output.splitlines() if ": ERROR]" in line]


async def test_a_run_that_writes_no_errors_has_no_error_log(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    await caller.deploy(TRIGGERED, "hello", {"run.sh": "echo hello"})
    run_id = await caller.run("hello")
    assert not (await recorder.end_of(run_id)).has_error_log
    names = sorted(path.name for path in run_folder(tmp_path, "hello", run_id).iterdir())
    assert names == [f"output_{run_id}.log", "status"]


async def test_a_running_job_refuses_a_second_run_and_is_free_right_after_its_end(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    await caller.deploy(TRIGGERED, "slow", {"run.sh": f"while [ ! -e {gate} ]; do sleep 0.02; done"})
    first = await caller.run("slow")
    await eventually(lambda: len(recorder.of_run(first)) == 2)
    with pytest.raises(CommandRefused):
        await caller.run("slow")
    gate.touch()
    await recorder.end_of(first)
    await eventually(lambda: caller.is_free("slow"), 3)
    second = await caller.run("slow")
    await recorder.end_of(second)


async def test_other_events_of_the_job_do_not_keep_a_run_from_ending(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    """The last event is published on condition of what came before it, and something else came."""
    gate = tmp_path / "gate"
    await caller.deploy(TRIGGERED, "slow", {"run.sh": f"while [ ! -e {gate} ]; do sleep 0.02; done"})
    run_id = await caller.run("slow")
    await eventually(lambda: len(recorder.of_run(run_id)) == 2)
    await caller.change_settings("slow", {"mine": 1}, TRIGGERED)
    await caller.deploy(TRIGGERED, "slow", {"run.sh": "echo new"})
    await eventually(lambda: recorder.changes("slow") == ["Deployed", "SettingsChanged", "Deployed"])
    gate.touch()
    end = await recorder.end_of(run_id)
    assert (end.name, end.digest) == ("Success", recorder.of_run(run_id)[0].digest)
    await recorder.until_published()
    assert len(recorder.of_run(run_id)) == 3


async def test_a_missing_interpreter_is_named(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    """It was there when the job was deployed."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "php").symlink_to("/bin/true")
    async with running_runner(bus, nats_url, tmp_path, environment={"PATH": str(tools)}):
        await caller.deploy(TRIGGERED, "page", {"run.php": "<?php echo 1;"})
        (tools / "php").unlink()
        end = await recorder.end_of(await caller.run("page"))
    assert isinstance(end, RunFailed)
    assert (end.reason, end.started_at) == (Reason.MISSING_INTERPRETER, None)
    assert end.evidence == "Found run.php, which needs php (PHP): install it on the runner."


async def test_arguments_that_cannot_be_split_fail_the_run(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder
) -> None:
    await caller.deploy(TRIGGERED, "hello", {"run.sh": "echo hello"})
    end = await recorder.end_of(await caller.run("hello", 'an "open quote'))
    assert (end.name, end.reason) == ("Failed", Reason.START_ERROR)
    assert "a quote is not closed" in end.evidence


async def test_a_job_without_a_script_is_refused(runner: RunningRunner, caller: Caller) -> None:
    reply = await caller.deploy(
        TRIGGERED, "empty", {"notes.txt": "nothing to run"}, expect=ReplyCode.NO_RUNNABLE_SCRIPT
    )
    assert "No runnable script" in reply.message


async def test_deleting_a_job_ends_its_run_and_what_is_asked_for_later(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    await caller.deploy(TRIGGERED, "polite", {"run.sh": POLITE})
    run_id = await caller.run("polite")
    pid = await pid_of(tmp_path, "polite", run_id)
    await caller.delete(TRIGGERED, "polite")
    end = await recorder.end_of(run_id)
    assert (end.name, end.reason) == ("Aborted", Reason.DELETED)
    assert not is_alive(pid)
    await eventually(lambda: caller.is_free("polite"))
    late = await recorder.end_of(await caller.run("polite"))
    assert (late.name, late.reason, late.started_at) == ("Aborted", Reason.DELETED, None)


async def test_webjobs_stopped_ends_what_runs_and_lets_nothing_begin(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    await caller.deploy(TRIGGERED, "polite", {"run.sh": POLITE})
    run_id = await caller.run("polite")
    pid = await pid_of(tmp_path, "polite", run_id)
    await caller.set("WEBJOBS_STOPPED", "1")
    end = await recorder.end_of(run_id)
    assert not is_alive(pid)
    assert isinstance(end, RunAborted)
    assert end.reason is Reason.STOPPED
    assert end.evidence == "WEBJOBS_STOPPED was set. It ended within its grace."
    await eventually(lambda: caller.is_free("polite"))
    late = await recorder.end_of(await caller.run("polite"))
    assert (late.name, late.reason, late.started_at) == ("Aborted", Reason.STOPPED, None)
    await caller.set("WEBJOBS_STOPPED", None)
    await eventually(lambda: caller.is_free("polite"))
    again = await caller.run("polite")
    await eventually(lambda: len(recorder.of_run(again)) == 2)


async def test_a_script_that_does_not_hear_is_killed_after_its_grace(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    files = {"run.sh": DEAF, "settings.job": '{"stopping_wait_time": 0.3}'}
    await caller.deploy(TRIGGERED, "deaf", files)
    run_id = await caller.run("deaf")
    pid = await pid_of(tmp_path, "deaf", run_id)
    await caller.set("WEBJOBS_STOPPED", "1")
    end = await recorder.end_of(run_id)
    assert not is_alive(pid)
    assert end.evidence == "WEBJOBS_STOPPED was set. It was killed after 0.3 s of grace."


async def test_an_idle_run_fails_with_the_rule_that_it_broke(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder
) -> None:
    """The limit is lowered while the script sleeps, and counts at once."""
    await caller.deploy(TRIGGERED, "lazy", {"run.sh": "exec sleep 1000"})
    run_id = await caller.run("lazy")
    await eventually(lambda: len(recorder.of_run(run_id)) == 2)
    await caller.set("WEBJOBS_IDLE_TIMEOUT", "0.4")
    end = await recorder.end_of(run_id, 5)
    assert isinstance(end, RunFailed)
    assert end.reason is Reason.IDLE_TIMEOUT
    assert "No output and no CPU time for" in end.evidence
    assert "the idle time-out is 0.4 s" in end.evidence
    assert "WEBJOBS_IDLE_TIMEOUT" in end.evidence
    assert "output at 0 bytes" in end.evidence


async def test_a_stopping_runner_ends_its_runs_and_tells_why(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    async with running_runner(bus, nats_url, tmp_path) as runner:
        await caller.deploy(TRIGGERED, "polite", {"run.sh": POLITE})
        run_id = await caller.run("polite")
        pid = await pid_of(tmp_path, "polite", run_id)
        await runner.stop()
        assert not is_alive(pid)
        end = await recorder.end_of(run_id)
    assert (end.name, end.reason) == ("Aborted", Reason.HOST_SHUTDOWN)
    assert end.evidence == "The runner is stopping. It ended within its grace."
    assert await caller.is_free("polite")
    assert recorder.events[-1].name == "InstanceStopped"


async def test_what_a_stopping_runner_has_not_begun_is_left_to_the_next_one(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    async with running_runner(bus, nats_url, tmp_path, slots=1) as runner:
        await caller.deploy(TRIGGERED, "polite", {"run.sh": POLITE})
        await caller.deploy(TRIGGERED, "hello", {"run.sh": "echo hello"})
        running = await caller.run("polite")
        await pid_of(tmp_path, "polite", running)
        waiting = await caller.run("hello")
        await runner.stop()
        assert recorder.of_run(waiting) == []
    async with running_runner(bus, nats_url, tmp_path):
        assert isinstance(await recorder.end_of(waiting, 3), RunSuccess)


@pytest.mark.parametrize("unit", ["a", "'a'", '"\\\\', "\\", "\0", "\u0001", "é"])
async def test_a_command_with_huge_arguments_fails_at_once_and_the_next_run_of_the_job_starts(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, unit: str
) -> None:
    await caller.deploy(TRIGGERED, "hello", {"run.sh": "echo"})
    escaped = len(json.dumps(unit, ensure_ascii=False).encode()) - 2
    run_id = await caller.run("hello", unit * (900_000 // escaped))
    end = await recorder.end_of(run_id)
    assert isinstance(end, RunFailed) and end.reason is Reason.START_ERROR
    assert "32,768 bytes" in end.evidence
    assert end.arguments and len(end.arguments.encode()) < 33_000
    await eventually(lambda: caller.is_free("hello"))
    largest = await caller.run("hello", "é" * (16 * 1024))
    assert (await recorder.end_of(largest)).exit_code == 0


async def test_a_command_whose_other_texts_are_huge_is_parked(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, bus: Bus
) -> None:
    await caller.deploy(TRIGGERED, "hello", {"run.sh": "echo"})
    for number, name in enumerate(("command_id", "requested_by", "reply_to")):
        command = replace(caller.run_command("hello"), **{name: "x" * 1_040_000})
        await bus.connection.js.publish(command.subject(bus.subjects), encode_command(command))

        async def is_parked(wanted: int = number + 1) -> bool:
            return await bus.last_sequence(bus.subjects.dead_letters_stream) == wanted

        await eventually(is_parked)
        await eventually(lambda: caller.is_free("hello"))
    assert (await recorder.end_of(await caller.run("hello"))).exit_code == 0
