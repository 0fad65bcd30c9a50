"""Runs of one job beside and after each other: never more than the limit, in order, whoever dies."""

import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from support.event_recorder import ENDS, EventRecorder
from support.eventually import eventually
from support.runners import QUICK_LEASES, Caller, runner_process, running_runner
from webjobs_events.errors import CommandRefused
from webjobs_events.events import RunEvent, RunInitializing, RunRunning, RunSuccess
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobType
from webjobs_rules.status import Reason

TRIGGERED = JobType.TRIGGERED


def settings(**concurrency: Any) -> str:
    return json.dumps({"concurrency": concurrency, "stopping_wait_time": 0.2})


def counting_script(folder: Path) -> str:
    """Notes how many process trees of the job are alive at the same time, itself included."""
    return f"""
        mkdir -p {folder}/alive; touch {folder}/alive/$$
        n=0; for f in {folder}/alive/*; do [ -d /proc/"${{f##*/}}" ] && n=$((n + 1)); done
        echo $n >> {folder}/counts
        sleep 0.15
        rm {folder}/alive/$$
    """


def counts_in(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "counts").read_text().split()]


def order_of(recorder: EventRecorder, event: type[RunEvent]) -> list[str]:
    return [each.run_id for each in recorder.of(event)]


async def test_three_runners_begin_a_queue_in_order_and_two_at_a_time(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(running_runner(bus, nats_url, tmp_path))
        files = {"run.sh": counting_script(tmp_path), "settings.job": settings(policy="queue", limit=2)}
        await caller.deploy(TRIGGERED, "job", files)
        run_ids = [await caller.line_up("job") for _ in range(12)]
        for run_id in run_ids:
            assert isinstance(await recorder.end_of(run_id), RunSuccess)
        await eventually(lambda: caller.is_free("job"))
    assert max(counts_in(tmp_path)) == 2
    begun = order_of(recorder, RunInitializing)
    assert len(begun) == 12
    for place, run_id in enumerate(begun):  # two that have their turn together may begin in either order
        assert abs(run_ids.index(run_id) - place) <= 1


async def test_a_queue_flows_without_waiting_for_the_queue_to_hand_out_the_next(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    async with running_runner(bus, nats_url, tmp_path):
        await caller.deploy(TRIGGERED, "job", {"run.sh": "true", "settings.job": settings(policy="queue")})
        run_ids = [await caller.line_up("job") for _ in range(40)]
        await recorder.end_of(run_ids[-1], 4)  # given back and handed out again, each would take a second
    assert order_of(recorder, RunRunning) == run_ids


async def test_runs_that_are_allowed_beside_each_other_each_end_once(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    """They end together, each on condition of what its job's last event is."""
    gate = tmp_path / "gate"
    files = {
        "run.sh": f"while [ ! -e {gate} ]; do sleep 0.02; done",
        "settings.job": settings(policy="allow"),
    }
    async with (
        running_runner(bus, nats_url, tmp_path, slots=10),
        running_runner(bus, nats_url, tmp_path, slots=10),
    ):
        await caller.deploy(TRIGGERED, "job", files)
        run_ids = [await caller.line_up("job") for _ in range(20)]
        await eventually(lambda: len(recorder.of(RunRunning)) == 20)
        gate.touch()
        for run_id in run_ids:
            assert isinstance(await recorder.end_of(run_id), RunSuccess)
        await eventually(lambda: caller.is_free("job"))
        await recorder.until_published()
    assert len(recorder.of(RunEvent)) == 60
    assert len(set(recorder.ids)) == len(recorder.ids)


async def test_a_new_run_replaces_the_one_before_it_and_begins_after_its_end(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    script = f"{counting_script(tmp_path).replace('0.15', '1000')}"
    async with running_runner(bus, nats_url, tmp_path), running_runner(bus, nats_url, tmp_path):
        files = {"run.sh": script, "settings.job": settings(policy="replace")}
        await caller.deploy(TRIGGERED, "job", files)
        first = await caller.line_up("job")
        await eventually(lambda: first in order_of(recorder, RunRunning))
        second = await caller.line_up("job")
        third = await caller.line_up("job")
        for old in (first, second):
            end = await recorder.end_of(old)
            assert (end.name, end.reason) == ("Aborted", Reason.REPLACED)
            assert end.evidence.startswith("Replaced by the run ")
        await eventually(lambda: third in order_of(recorder, RunRunning))
        ends = [event.run_id for event in recorder.of(RunEvent) if isinstance(event, ENDS)]
        assert sorted(ends) == [first, second]
        last_end = max(
            recorder.events.index(event) for event in recorder.of(RunEvent) if isinstance(event, ENDS)
        )
        begins = next(event for event in recorder.of(RunRunning) if event.run_id == third)
        assert recorder.events.index(begins) > last_end


async def test_a_queue_goes_on_within_its_limit_when_a_runner_is_killed(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    """Its scripts die with it; those of others go on, and what it had in hand is ended by survivors."""
    files = {"run.sh": counting_script(tmp_path), "settings.job": settings(policy="queue", limit=2)}
    async with (
        runner_process(bus, nats_url, tmp_path, terms=QUICK_LEASES) as dying,
        running_runner(bus, nats_url, tmp_path, terms=QUICK_LEASES),
    ):
        await caller.deploy(TRIGGERED, "job", files)
        run_ids = [await caller.line_up("job") for _ in range(16)]
        await eventually(lambda: any(event.instance == dying.id for event in recorder.of(RunRunning)))
        await dying.kill()
        for run_id in run_ids:
            await recorder.end_of(run_id, 8 * QUICK_LEASES.seconds)
        await eventually(lambda: caller.is_free("job"))
        await recorder.until_published()
    ends = [event for event in recorder.of(RunEvent) if isinstance(event, ENDS)]
    assert sorted(event.run_id for event in ends) == run_ids
    lost = [event for event in ends if event.reason is Reason.RUNNER_LOST]
    assert 1 <= len(lost) <= 2
    assert max(counts_in(tmp_path)) <= 2


async def test_what_was_accepted_under_an_earlier_policy_still_counts(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    script = f"while [ ! -e {gate} ]; do sleep 0.02; done"
    async with running_runner(bus, nats_url, tmp_path) as runner:
        files = {"run.sh": script, "settings.job": settings(policy="queue")}
        await caller.deploy(TRIGGERED, "job", files)
        first = await caller.line_up("job")
        await eventually(lambda: first in order_of(recorder, RunRunning))
        second = await caller.line_up("job")
        await caller.change_settings("job", {}, TRIGGERED)
        with pytest.raises(CommandRefused):  # the plain subject is free, but the job runs
            await caller.run("job")
        third = await caller.line_up("job")
        async with running_runner(bus, nats_url, tmp_path, name="other") as newcomer:
            assert newcomer.id != runner.id
            gate.touch()
            for run_id in (first, second, third):
                assert isinstance(await recorder.end_of(run_id), RunSuccess)
    assert order_of(recorder, RunRunning)[:3] == [first, second, third]
    for one, next_one in ((first, second), (second, third)):
        ended = next(e for e in recorder.of(RunSuccess) if e.run_id == one)
        begun = next(e for e in recorder.of(RunRunning) if e.run_id == next_one)
        assert recorder.events.index(ended) < recorder.events.index(begun)


async def test_runs_queue_behind_that_of_a_job_which_refuses_others(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(running_runner(bus, nats_url, tmp_path))
        script = f"{counting_script(tmp_path)}\nwhile [ ! -e {gate} ]; do sleep 0.02; done"
        await caller.deploy(TRIGGERED, "job", {"run.sh": script})
        first = await caller.run("job")
        await eventually(lambda: first in order_of(recorder, RunRunning))
        queued = [await caller.line_up("job") for _ in range(3)]
        gate.touch()
        for run_id in (first, *queued):
            assert isinstance(await recorder.end_of(run_id), RunSuccess)
        await eventually(lambda: caller.is_free("job"))
        assert isinstance(await recorder.end_of(await caller.run("job")), RunSuccess)
    assert order_of(recorder, RunRunning)[:4] == [first, *queued]
    assert max(counts_in(tmp_path)) == 1
