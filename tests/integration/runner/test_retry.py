"""Runs that are tried again: each attempt has its own run id, and all of them are one run asked for."""

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from support.event_recorder import EventRecorder
from support.eventually import eventually
from support.runners import QUICK_LEASES, Caller, RunningRunner, runner_process, running_runner
from webjobs_events.events import RunEnded, RunInitializing, RunRunning
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobType
from webjobs_rules.status import Reason

TRIGGERED = JobType.TRIGGERED


def files(script: str, backoff: Any = 0, **more: Any) -> dict[str, str | bytes]:
    settings = {"retry": {"backoff": backoff, **more}, "stopping_wait_time": 0.2}
    return {"run.sh": script, "settings.job": json.dumps(settings)}


async def chain_from(recorder: EventRecorder, run_id: str) -> list[RunEnded]:
    """The ends of all attempts, in order."""
    ends = [await recorder.end_of(run_id)]
    while ends[-1].next_run_id is not None:  # what a dead runner had in hand is handed out after 10 s
        ends.append(await recorder.end_of(ends[-1].next_run_id, 20))
    return ends


async def test_a_failed_run_is_tried_again_until_it_succeeds_under_run_ids_that_are_linked(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    script = (
        f'echo x >> {tmp_path}/tries; echo "try of $WEBJOBS_RUN_ID: $1"; [ $(wc -l < {tmp_path}/tries) = 3 ]'
    )
    await caller.deploy(TRIGGERED, "job", files(script, 0.1, max_attempts=5))
    run_id = await caller.run("job", "hello")
    ends = await chain_from(recorder, run_id)
    assert [(end.name, end.attempt) for end in ends] == [("Failed", 1), ("Failed", 2), ("Success", 3)]
    assert ends[0].retry_of is None and ends[0].run_id == run_id
    for before, after in itertools.pairwise(ends):
        assert (after.retry_of, before.next_run_id) == (before.run_id, after.run_id)
        assert (after.arguments, after.trigger, after.requested_at) == ("hello", "Test", before.requested_at)
        begun = next(e for e in recorder.of(RunInitializing) if e.run_id == after.run_id)
        assert before.next_attempt_at is not None and begun.at >= before.next_attempt_at
        assert 0.09 <= (before.next_attempt_at - before.at).total_seconds() <= 0.11
    folder = tmp_path / "site/data/jobs/triggered/job"
    for end in ends:
        log = (folder / end.run_id / f"output_{end.run_id}.log").read_text()
        assert f"try of {end.run_id}: hello" in log
    await eventually(lambda: caller.is_free("job"))


async def test_each_attempt_says_what_it_used_and_where_its_log_has_the_first_error(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    work = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"
    script = (
        f"echo fine; [ -e {tmp_path}/again ] && exit; touch {tmp_path}/again; {work}; echo oops >&2; exit 3"
    )
    await caller.deploy(TRIGGERED, "job", files(script, 0.1, max_attempts=2))
    failed, success = await chain_from(recorder, await caller.run("job"))
    for end in (failed, success):
        lines = log_lines(tmp_path, end)
        errors = [number for number, line in enumerate(lines, 1) if "ERROR] " in line]
        assert (end.log_lines, end.first_error_line) == (len(lines), errors[0] if errors else None)
        assert end.cpu_seconds is not None and end.peak_memory_bytes is not None
        assert 0 < end.cpu_seconds < 60 and 1_000_000 < end.peak_memory_bytes < 1_000_000_000
    assert "oops" in log_lines(tmp_path, failed)[(failed.first_error_line or 0) - 1]
    assert (failed.cpu_seconds or 0) > (success.cpu_seconds or 0), "its loop was counted, and only there"


def log_lines(tmp_path: Path, end: RunEnded) -> list[str]:
    folder = tmp_path / f"site/data/jobs/triggered/job/{end.run_id}"
    return (folder / f"output_{end.run_id}.log").read_text().splitlines()


async def test_the_last_attempt_and_ends_that_are_not_named_are_not_tried_again(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder
) -> None:
    await caller.deploy(TRIGGERED, "twice", files("exit 3", max_attempts=2))
    await caller.deploy(TRIGGERED, "signal", files("exit 3", on=["signal"]))
    assert [end.exit_code for end in await chain_from(recorder, await caller.run("twice"))] == [3, 3]
    assert len(await chain_from(recorder, await caller.run("signal"))) == 1


async def test_a_run_over_its_time_fails_with_the_limit_and_is_tried_again_when_that_is_named(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder
) -> None:
    settings = {"timeout": 0.3, "retry": {"max_attempts": 2, "backoff": 0, "on": ["max_duration"]}}
    script = {"run.sh": "exec sleep 1000", "settings.job": json.dumps(settings)}
    await caller.deploy(TRIGGERED, "slow", script)
    first, second = await chain_from(recorder, await caller.run("slow"))
    for end in (first, second):
        assert (end.name, end.reason) == ("Failed", Reason.MAX_DURATION)
        assert "the limit is 0.3 s. Raise or remove timeout in settings.job" in end.evidence
        assert "It ended within its grace." in end.evidence
        assert end.started_at is not None and (end.at - end.started_at).total_seconds() >= 0.29


async def test_a_waiting_attempt_that_is_cancelled_ends_the_run(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder
) -> None:
    await caller.deploy(TRIGGERED, "job", files("exit 3", 60))
    first = await recorder.end_of(await caller.run("job"))
    assert first.next_run_id is not None
    await caller.cancel("job", first.next_run_id)
    end = await recorder.end_of(first.next_run_id)
    assert (end.name, end.reason, end.attempt) == ("Aborted", Reason.CANCELLED, 2)
    assert (end.retry_of, end.next_run_id, end.started_at) == (first.run_id, None, None)
    await eventually(lambda: caller.is_free("job"))


async def test_a_wish_about_an_attempt_that_has_just_ended_ends_the_run(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, bus: Bus
) -> None:
    await caller.deploy(TRIGGERED, "job", files("exit 3", 60))
    first = await recorder.end_of(await caller.run("job"))
    await caller.cancel("job", first.run_id)
    assert first.next_run_id is not None
    end = await recorder.end_of(first.next_run_id)
    assert (end.name, end.reason, end.next_run_id) == ("Aborted", Reason.CANCELLED, None)
    await eventually(lambda: caller.is_free("job"))


async def test_deleting_a_job_ends_what_waits(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, bus: Bus
) -> None:
    queue = json.dumps({"concurrency": {"policy": "queue"}, "stopping_wait_time": 0.2})
    await caller.deploy(TRIGGERED, "retried", files("exit 3", 60))
    await caller.deploy(TRIGGERED, "lined", {"run.sh": "exec sleep 1000", "settings.job": queue})
    first = await recorder.end_of(await caller.run("retried"))
    run_ids = [await caller.line_up("lined") for _ in range(3)]
    await eventually(lambda: len(recorder.of(RunRunning, "lined")) == 1)
    for job_name in ("retried", "lined"):
        await caller.delete(TRIGGERED, job_name)
    assert first.next_run_id is not None
    for run_id in (first.next_run_id, *run_ids):
        end = await recorder.end_of(run_id, 3)
        assert (end.name, end.reason) == ("Aborted", Reason.DELETED)
    await eventually(lambda: caller.is_free("retried"))
    await eventually(lambda: caller.is_free("lined"))


@pytest.mark.parametrize("step", ["let_wait", "take_waiting"])
async def test_a_runner_that_dies_between_two_attempts_leaves_one_to_the_others(
    bus: Bus,
    nats_url: str,
    caller: Caller,
    recorder: EventRecorder,
    tmp_path: Path,
    step: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It dies when an attempt has ended and its claim says so not yet, or says that the next one waits."""
    reached = asyncio.Event()

    async def die(*_: object) -> bool:
        reached.set()
        await asyncio.Event().wait()
        return False

    monkeypatch.setattr("webjobs_events.jetstream.queue.ACK_WAIT", 3.5)
    async with running_runner(bus, nats_url, tmp_path, name="first", terms=QUICK_LEASES) as dying:
        with monkeypatch.context() as broken:
            broken.setattr(f"webjobs_runner.runs.claims.Claims.{step}", die)
            await caller.deploy(TRIGGERED, "job", files(f"[ -e {tmp_path}/well ]", 0.1))
            run_id = await caller.run("job")
            await reached.wait()
            await dying.abandon()
        (tmp_path / "well").touch()
        async with running_runner(bus, nats_url, tmp_path, name="second", terms=QUICK_LEASES):
            first, second = await chain_from(recorder, run_id)
            assert (first.name, second.name) == ("Failed", "Success")
            await eventually(lambda: caller.is_free("job"))
            await recorder.until_published()
            assert len(recorder.of(RunRunning)) == 2
            assert len(recorder.ids) == len(set(recorder.ids))


async def test_attempts_go_on_when_the_runner_is_killed_while_one_waits(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path, instance_id: str
) -> None:
    script = f"[ -e {tmp_path}/well ]"
    async with runner_process(bus, nats_url, tmp_path, instance_id=instance_id) as runner:
        await caller.deploy(TRIGGERED, "job", files(script, 1))
        run_id = await caller.run("job")
        await recorder.end_of(run_id)
        await runner.kill()
    (tmp_path / "well").touch()
    async with runner_process(bus, nats_url, tmp_path, instance_id=instance_id):
        ends = await chain_from(recorder, run_id)
        assert [end.name for end in ends] == ["Failed", "Success"]
        await eventually(lambda: caller.is_free("job"))
        await recorder.until_published()
        assert len(recorder.of(RunRunning)) == 2


async def test_a_run_whose_runner_dies_is_tried_again_by_a_survivor(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    script = f"[ -e {tmp_path}/well ] || exec sleep 1000"
    async with (
        runner_process(bus, nats_url, tmp_path, terms=QUICK_LEASES) as dying,
    ):
        await caller.deploy(TRIGGERED, "job", files(script))
        run_id = await caller.run("job")
        await eventually(lambda: recorder.of(RunRunning))
        async with running_runner(bus, nats_url, tmp_path, terms=QUICK_LEASES):
            (tmp_path / "well").touch()
            await dying.kill()
            lost = await recorder.end_of(run_id, 6 * QUICK_LEASES.seconds)
            assert (lost.name, lost.reason) == ("Aborted", Reason.RUNNER_LOST)
            assert (lost.cpu_seconds, lost.peak_memory_bytes) == (None, None)
            assert lost.next_run_id is not None
            assert (await recorder.end_of(lost.next_run_id, 3)).name == "Success"
            await eventually(lambda: caller.is_free("job"))
