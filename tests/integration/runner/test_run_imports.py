"""Past runs of another system on a real runner: once, whole, and no run here is touched."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.event_recorder import EventRecorder
from support.eventually import eventually
from support.runners import Caller, RunningRunner, zipped
from webjobs_events.commands import CommandReply, ImportOutcome, ImportRuns, ReplyCode
from webjobs_events.events import RunEnded, RunImported
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobType
from webjobs_rules.log_format import chunk_headers, decode_chunk, output_log
from webjobs_rules.status import Reason, Status

JOB = "nightly"
FIRST, SECOND, THIRD = "201803221234567890", "201803231234567890", "201803241234567890"
LOG = (
    b"[03/22/2018 12:34:57 > 9b01cc: SYS INFO] Status changed to Running\r\n"
    b"[03/22/2018 12:34:58 > 9b01cc: ERR ] broken\r\n"
    b"[03/22/2018 12:34:59 > 9b01cc: SYS ERR ] Job failed due to exit code 3\r\n"
)


def status(word: str, **times: str) -> str:
    return json.dumps(
        {"Status": word, "StartTime": "2018-03-22T12:34:57.1234567Z", "Trigger": "External"} | times
    )


RUNS: dict[str, str | bytes] = {
    f"{FIRST}/status": status("Failed", EndTime="2018-03-22T12:35:00.5Z"),
    f"{FIRST}/output_log.txt": LOG,
    f"{SECOND}/status": "\0" * 80,
    f"{THIRD}/status": status("Success", EndTime="2018-03-22T12:35:00.5Z"),
    f"{THIRD}/output_log.txt": b"",
}


@pytest.fixture
async def importing(runner: RunningRunner, caller: Caller) -> Caller:
    assert (await caller.deploy(JobType.TRIGGERED, JOB, {"run.sh": "echo hello"})).code is ReplyCode.DONE
    return caller


async def import_runs(caller: Caller, files: dict[str, str | bytes]) -> CommandReply:
    upload = await caller.upload(zipped(files))
    return await caller.ask(caller.command(ImportRuns, JobType.TRIGGERED, JOB, upload=upload))


def outcomes(reply: CommandReply) -> dict[str, str]:
    assert reply.code is ReplyCode.DONE, reply
    return {run.run_id: run.outcome.value for run in reply.runs}


async def log_of(bus: Bus, run_id: str) -> dict[str, bytes]:
    """What the stream has of the logs of a run, which begin at 0 and have no gaps."""
    subject = bus.subjects.log(JobType.TRIGGERED, JOB, run_id)
    found: dict[str, bytes] = {}
    async for batch in bus.stored(bus.subjects.logs_stream, [subject]):
        for message in batch:
            chunk = decode_chunk(message.headers, message.data)
            assert chunk.offset == len(found.get(chunk.file_name, b""))
            found[chunk.file_name] = found.get(chunk.file_name, b"") + chunk.data
    return found


async def test_runs_are_imported_once_and_what_is_damaged_is_skipped_and_named(
    importing: Caller, bus: Bus, recorder: EventRecorder
) -> None:
    reply = await import_runs(importing, RUNS)
    assert outcomes(reply) == {FIRST: "imported", SECOND: "skipped", THIRD: "imported"}
    assert "zero bytes" in reply.runs[1].reason
    await eventually(lambda: len(recorder.of(RunImported)) == 2)
    first, third = recorder.of(RunImported)
    assert (first.run_id, first.status, first.reason, first.exit_code) == (
        FIRST,
        Status.FAILED,
        Reason.EXIT_CODE,
        3,
    )
    assert (first.host, first.source, first.has_error_log) == ("9b01cc", "azure", True)
    assert first.started_at == datetime(2018, 3, 22, 12, 34, 57, 123456, tzinfo=UTC)
    assert (third.run_id, third.output_log_bytes, third.log_lines) == (THIRD, 0, 0)
    logs = await log_of(bus, FIRST)
    assert logs[output_log(FIRST)].count(b"\n") == first.log_lines == 3
    assert {name: len(log) for name, log in logs.items()} == {
        output_log(FIRST): first.output_log_bytes,
        f"error_{FIRST}.log": first.error_log_bytes,
    }

    again = await import_runs(importing, RUNS)
    assert outcomes(again) == {FIRST: "unchanged", SECOND: "skipped", THIRD: "unchanged"}
    assert await log_of(bus, FIRST) == logs
    assert not recorder.of(RunEnded)


async def test_an_interrupted_import_goes_on_and_leaves_each_log_whole(importing: Caller, bus: Bus) -> None:
    subject = bus.subjects.log(JobType.TRIGGERED, JOB, FIRST)
    async with bus.pipeline() as pipeline:  # what a runner that was killed had published
        await pipeline.publish(subject, LOG[:40], chunk_headers(output_log(FIRST), 0))
    assert outcomes(await import_runs(importing, RUNS))[FIRST] == "imported"
    assert (await log_of(bus, FIRST))[output_log(FIRST)].startswith(
        b"[03/22/2018 12:34:57 > 9b01cc: SYS INFO]"
    )


async def test_a_run_that_ran_here_is_not_touched(
    importing: Caller, bus: Bus, recorder: EventRecorder
) -> None:
    run_id = await importing.run(JOB)
    await eventually(lambda: recorder.of(RunEnded))
    await eventually(lambda: log_of(bus, run_id))
    logs = await log_of(bus, run_id)
    reply = await import_runs(
        importing, {f"{run_id}/status": status("Failed"), f"{run_id}/output_log.txt": LOG}
    )
    assert outcomes(reply) == {run_id: "skipped"}
    assert "ran here" in reply.runs[0].reason
    assert await log_of(bus, run_id) == logs


async def test_a_run_without_an_end_is_aborted_only_if_a_later_one_is_known(importing: Caller) -> None:
    running: dict[str, str | bytes] = {f"{SECOND}/status": status("Running")}
    reply = await import_runs(importing, running)
    assert outcomes(reply) == {SECOND: "skipped"}
    assert "no later run" in reply.runs[0].reason
    assert outcomes(await import_runs(importing, {f"{THIRD}/status": status("Success")}))[THIRD] == "imported"
    assert outcomes(await import_runs(importing, running)) == {SECOND: "imported"}


async def test_after_a_deletion_runs_are_imported_again(
    importing: Caller, bus: Bus, recorder: EventRecorder
) -> None:
    assert outcomes(await import_runs(importing, RUNS))[FIRST] == "imported"
    await importing.delete(JobType.TRIGGERED, JOB)
    assert (await import_runs(importing, RUNS)).code is ReplyCode.JOB_NOT_FOUND
    await importing.deploy(JobType.TRIGGERED, JOB, {"run.sh": "echo hello"})
    assert outcomes(await import_runs(importing, RUNS))[FIRST] == "imported"
    await eventually(lambda: len(recorder.of(RunImported)) == 4)
    assert len({event.event_id for event in recorder.of(RunImported)}) == 4


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"x.txt": "x"}, "holds no run"),
        ({f"a/{FIRST}/status": "x", f"b/{SECOND}/status": "x"}, "several folders"),
        ({"../status": "x"}, "cannot be used"),
    ],
)
async def test_what_is_no_archive_of_runs_is_refused(
    importing: Caller, files: dict[str, str | bytes], reason: str, tmp_path: Path
) -> None:
    reply = await import_runs(importing, files)
    assert (reply.code, reason in reply.message) == (ReplyCode.BAD_UPLOAD, True), reply
    assert not list(tmp_path.rglob("*.upload"))


def test_the_outcomes_are_words_of_the_api() -> None:
    assert [each.value for each in ImportOutcome] == ["imported", "unchanged", "skipped"]
