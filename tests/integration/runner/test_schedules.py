"""Schedules on real runners: each due time has one record and one run at most, whatever dies."""

import asyncio
import contextlib
import itertools
import json
import signal
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.event_recorder import EventRecorder, recorder_of
from support.eventually import eventually
from support.outages import crash
from support.runners import QUICK_LEASES, Caller, runner_process, running_runner
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.events import (
    RunEnded,
    RunEvent,
    RunInitializing,
    RunRunning,
    ScheduleTicked,
    TickOutcome,
)
from webjobs_events.jetstream import Bus, connect_bus
from webjobs_events.overdue import ON_TIME
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import run_id_at
from webjobs_rules.schedule import parse_schedule
from webjobs_stack.nats_server import run_nats_server

TRIGGERED = JobType.TRIGGERED
EVERY_SECOND = {"schedule": "* * * * * *"}
QUICK = {"run.sh": "exit 0"}


def records(ticks: Sequence[ScheduleTicked]) -> list[datetime]:
    """Every due time that the events tell of."""
    found = []
    for tick in ticks:
        schedule = parse_schedule(tick.schedule, tick.time_zone)
        instant = timedelta(microseconds=1)
        told = list(schedule.due_between(tick.due - instant, tick.until or tick.due))
        assert len(told) == tick.count
        found += told
    return found


def assert_each_due_time_has_one_record(recorder: EventRecorder, job_name: str) -> None:
    """No gap, nothing twice, and a run for each that ran, only one."""
    ticks = recorder.of(ScheduleTicked, job_name)
    told = records(ticks)
    schedule = parse_schedule(ticks[0].schedule, ticks[0].time_zone)
    assert told == list(schedule.due_between(told[0] - timedelta(microseconds=1), told[-1]))
    ran = [tick.run_id for tick in ticks if tick.outcome is TickOutcome.RAN]
    begun = Counter(event.run_id for event in recorder.of(RunInitializing, job_name))
    assert all(count == 1 for count in begun.values())
    assert set(begun) <= set(ran)


class Clock:
    """A wall clock that is wrong by `error`, and may be set while it runs."""

    def __init__(self, error: timedelta = timedelta(0)) -> None:
        self.error = error

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.error


async def deploy(caller: Caller, name: str, settings: dict[str, Any], files: dict[str, str] = QUICK) -> None:
    await caller.deploy(TRIGGERED, name, {**files, "settings.job": json.dumps(settings)})


async def until_published(recorder: EventRecorder, job_name: str, count: int, timeout: float = 20.0) -> None:
    """Wait until so many due times more than now are told."""
    wanted = len(recorder.of(ScheduleTicked, job_name)) + count
    await eventually(lambda: len(recorder.of(ScheduleTicked, job_name)) >= wanted, timeout)


def outcomes(recorder: EventRecorder, job_name: str) -> list[TickOutcome]:
    return [tick.outcome for tick in recorder.of(ScheduleTicked, job_name)]


async def test_a_job_runs_at_its_due_times(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    async with running_runner(bus, nats_url, tmp_path):
        await deploy(caller, "often", EVERY_SECOND)
        await until_published(recorder, "often", 3)
        tick = recorder.of(ScheduleTicked, "often")[0]
        assert tick.run_id == run_id_at(tick.due)
        await recorder.end_of(tick.run_id)
        first = recorder.of_run(tick.run_id)[0]
        assert (first.trigger, first.scheduled_for) == ("Schedule - * * * * * *", tick.due)
    assert_each_due_time_has_one_record(recorder, "often")


async def test_a_due_time_that_meets_a_run_is_skipped_and_says_which(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    async with running_runner(bus, nats_url, tmp_path):
        await deploy(caller, "slow", EVERY_SECOND, {"run.sh": "exec sleep 60"})
        await until_published(recorder, "slow", 2)
        ran, skipped = recorder.of(ScheduleTicked, "slow")[:2]
        assert (ran.outcome, skipped.outcome) == (TickOutcome.RAN, TickOutcome.SKIPPED)
        assert (skipped.run_id, skipped.reason) == (None, f"Run {ran.run_id} was not over.")
        await caller.delete(TRIGGERED, "slow")
    assert len(recorder.of(RunInitializing, "slow")) == 1


@pytest.mark.parametrize(("policy", "at_once"), [("queue", 1), ("allow", 3), ("replace", 1)])
async def test_where_runs_may_wait_or_overlap_no_due_time_is_skipped(
    policy: str,
    at_once: int,
    bus: Bus,
    nats_url: str,
    caller: Caller,
    recorder: EventRecorder,
    tmp_path: Path,
) -> None:
    settings = EVERY_SECOND | {"concurrency": {"policy": policy, "limit": at_once}, "stopping_wait_time": 0}
    async with running_runner(bus, nats_url, tmp_path):
        await deploy(caller, "slow", settings, {"run.sh": "sleep 1.4"})
        await until_published(recorder, "slow", 3)
        await caller.delete(TRIGGERED, "slow")
    assert set(outcomes(recorder, "slow")) == {TickOutcome.RAN}
    running = most = 0
    for event in recorder.of(RunEvent, "slow"):
        running += isinstance(event, RunRunning) - isinstance(event, RunEnded)
        most = max(most, running)
    assert most <= at_once
    assert (most > 1) == (policy == "allow")


async def test_what_holds_schedules_back_is_told_and_takes_effect_at_once(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    def reason() -> str:
        return recorder.of(ScheduleTicked, "often")[-1].reason

    async with running_runner(bus, nats_url, tmp_path):
        await deploy(caller, "often", EVERY_SECOND)
        await until_published(recorder, "often", 1)
        for name in ("WEBJOBS_STOPPED", "WEBJOBS_DISABLE_SCHEDULE"):
            await caller.set(name, "1")
            await eventually(lambda expected=f"{name} is set.": reason() == expected)
            await caller.set(name, None)
            await eventually(lambda: reason() == "")
        await caller.change_settings("often", {**EVERY_SECOND, "enabled": False}, TRIGGERED)
        await eventually(lambda: reason() == "enabled is false in settings.job.")
    assert_each_due_time_has_one_record(recorder, "often")


async def test_manual_runs_move_no_due_time(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    async with running_runner(bus, nats_url, tmp_path):
        await deploy(caller, "often", EVERY_SECOND)
        await until_published(recorder, "often", 1)
        await eventually(lambda: caller.is_free("often"))
        manual = await caller.run("often")
        await recorder.end_of(manual)
        await until_published(recorder, "often", 2)
    told = records(recorder.of(ScheduleTicked, "often"))
    assert {later - earlier for earlier, later in itertools.pairwise(told)} == {timedelta(seconds=1)}


async def test_a_change_alone_starts_nothing(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    # A time a few minutes ago: it would be caught up, had it been missed.
    past = datetime.now(UTC) - timedelta(minutes=3)
    daily = f"{past:0 %M %H} * * *"
    there = (past + timedelta(hours=9)).strftime("0 %M %H * * *")  # the same time of the clock in Tokyo
    async with running_runner(bus, nats_url, tmp_path):
        await deploy(caller, "edited", {"schedule": "0 0 0 29 2 *"})
        await caller.change_settings("edited", {"schedule": daily}, TRIGGERED)
        await deploy(caller, "moved", {"schedule": there})
        await caller.change_settings("moved", {"schedule": there, "time_zone": "Asia/Tokyo"}, TRIGGERED)
        await deploy(caller, "redeployed", {"schedule": daily})
        await deploy(caller, "redeployed", {"schedule": daily}, {"run.sh": "exit 1"})
        await deploy(caller, "of the site", {"schedule": there})
        await caller.set("WEBSITE_TIME_ZONE", "Asia/Tokyo")
        await deploy(caller, "often", EVERY_SECOND)
        await until_published(recorder, "often", 2)
        await caller.set("WEBSITE_TIME_ZONE", None)
    assert {tick.job_name for tick in recorder.of(ScheduleTicked)} == {"often"}
    assert {event.job_name for event in recorder.of(RunInitializing)} == {"often"}


async def test_a_schedule_that_cannot_be_read_stops_no_other_one(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    async with running_runner(bus, nats_url, tmp_path):
        await deploy(caller, "often", EVERY_SECOND)
        entry = await bus.jobs.get(Subjects.definition_key(TRIGGERED, "often"))
        assert entry is not None
        definition = msgspec.json.decode(entry.value)
        broken = definition | {"job_name": "broken", "settings": {"schedule": "whenever"}}
        await bus.jobs.put(Subjects.definition_key(TRIGGERED, "broken"), msgspec.json.encode(broken))
        await until_published(recorder, "often", 2)
    assert_each_due_time_has_one_record(recorder, "often")


async def test_what_passed_while_no_runner_was_there_is_one_run(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path, instance_id: str
) -> None:
    async with running_runner(bus, nats_url, tmp_path, instance_id=instance_id):
        await deploy(caller, "once", EVERY_SECOND)
        await deploy(caller, "skip", {**EVERY_SECOND, "missed": {"policy": "skip"}})
        await deploy(caller, "all", {**EVERY_SECOND, "missed": {"policy": "all"}})
        for name in ("once", "skip", "all"):
            await until_published(recorder, name, 1)
    before = len(records(recorder.of(ScheduleTicked, "all")))
    later = Clock(timedelta(seconds=10))
    async with running_runner(bus, nats_url, tmp_path, instance_id=instance_id, clock=later):
        for name in ("once", "skip"):
            await until_published(recorder, name, 2)
        await eventually(lambda: len(records(recorder.of(ScheduleTicked, "all"))) > before + 7, 20)
    for name in ("once", "skip", "all"):
        assert_each_due_time_has_one_record(recorder, name)
    assert TickOutcome.MERGED in outcomes(recorder, "once")
    assert TickOutcome.MISSED in outcomes(recorder, "skip")
    caught_up = [tick for tick in recorder.of(ScheduleTicked, "all") if tick.at - tick.due > ON_TIME]
    assert {tick.outcome for tick in caught_up} == {TickOutcome.RAN}


async def test_three_runners_of_which_one_dies_and_one_stands_still_fire_no_tick_twice(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        one, two, _ = await asyncio.gather(
            *(
                stack.enter_async_context(
                    runner_process(bus, nats_url, tmp_path, name=f"site-{number}", terms=QUICK_LEASES)
                )
                for number in range(3)
            )
        )
        await asyncio.gather(*(deploy(caller, f"often-{number}", EVERY_SECOND) for number in range(3)))
        await until_published(recorder, "often-0", 1)
        one.send(signal.SIGSTOP)
        await until_published(recorder, "often-0", 2)
        await two.kill()
        await until_published(recorder, "often-0", 2)
        one.send(signal.SIGCONT)
        await until_published(recorder, "often-0", 2)
    await recorder.until_published()
    for number in range(3):
        assert_each_due_time_has_one_record(recorder, f"often-{number}")


async def test_an_outage_of_nats_over_several_due_times_loses_and_doubles_none(
    tmp_path: Path, namespace: str
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(run_nats_server(tmp_path / "nats"))
        bus = await stack.enter_async_context(
            connect_bus(server.url, name="test", subjects=Subjects(namespace))
        )
        recorder = await stack.enter_async_context(recorder_of(bus))
        await stack.enter_async_context(running_runner(bus, server.url, tmp_path))
        await deploy(Caller(bus), "often", EVERY_SECOND)
        await until_published(recorder, "often", 1)
        await crash(server)
        last = records(recorder.of(ScheduleTicked, "often"))[-1]
        await eventually(lambda: datetime.now(UTC) > last + timedelta(seconds=3))
        await server.start()
        await until_published(recorder, "often", 3, 40)
        assert_each_due_time_has_one_record(recorder, "often")
        assert TickOutcome.MERGED in outcomes(recorder, "often")


async def test_a_step_of_the_wall_clock_loses_and_doubles_none(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    clock = Clock()
    async with running_runner(bus, nats_url, tmp_path, clock=clock):
        await deploy(caller, "often", EVERY_SECOND)
        await until_published(recorder, "often", 1)
        clock.error = timedelta(hours=1)
        await until_published(recorder, "often", 2)
        put_back = len(recorder.of(ScheduleTicked, "often"))
        clock.error = timedelta(hours=1, seconds=-2)
        await until_published(recorder, "often", 1)
    assert_each_due_time_has_one_record(recorder, "often")
    missed = [tick for tick in recorder.of(ScheduleTicked, "often")[:put_back] if tick.count > 1]
    assert [tick.outcome for tick in missed] == [TickOutcome.MISSED]
    assert len(recorder.of(RunInitializing, "often")) < 12


async def test_runners_whose_clocks_differ_by_half_a_minute_fire_no_tick_twice(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    early, late = Clock(timedelta(seconds=30)), Clock(timedelta(seconds=-30))
    async with (
        running_runner(bus, nats_url, tmp_path, clock=early),
        running_runner(bus, nats_url, tmp_path, name="other", clock=late),
    ):
        await deploy(caller, "often", EVERY_SECOND)
        await until_published(recorder, "often", 4)
    assert_each_due_time_has_one_record(recorder, "often")


def late_command(job_name: str, due: datetime, looked_until: int) -> RunTriggeredJob:
    """What a runner sends that stood still since it saw the stream end at `looked_until`."""
    return RunTriggeredJob(
        command_id=f"late/{job_name}/{run_id_at(due)}",
        job_type=TRIGGERED,
        job_name=JobName(job_name),
        requested_at=datetime.now(UTC),
        requested_by="Schedule - test",
        run_id=run_id_at(due),
        may_repeat=True,
        looked_until=looked_until,
        scheduled_for=due,
    )


async def test_an_unreadable_message_among_the_records_loses_and_doubles_no_due_time(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    jobs = {"once": EVERY_SECOND, "all": {**EVERY_SECOND, "missed": {"policy": "all"}}}

    async def send_garbage() -> None:
        for name in jobs:
            await bus.publish(bus.subjects.job_event(TRIGGERED, name, "ScheduleTicked"), b"garbage")

    async with running_runner(bus, nats_url, tmp_path):
        for name, settings in jobs.items():
            await deploy(caller, name, settings)
        for name in jobs:
            await until_published(recorder, name, 2)
        for _ in range(2):
            await send_garbage()
        for name in jobs:
            await until_published(recorder, name, 3)
    await send_garbage()
    async with running_runner(bus, nats_url, tmp_path):
        for name in jobs:
            await until_published(recorder, name, 2)
    for name in jobs:
        assert_each_due_time_has_one_record(recorder, name)


async def test_a_command_that_comes_late_starts_nothing(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    async with running_runner(bus, nats_url, tmp_path):
        await deploy(caller, "often", EVERY_SECOND)
        await until_published(recorder, "often", 1)
        await caller.set("WEBJOBS_DISABLE_SCHEDULE", "1")
        await eventually(lambda: TickOutcome.SKIPPED in outcomes(recorder, "often"))
        ticks = recorder.of(ScheduleTicked, "often")
        ran = next(tick for tick in ticks if tick.outcome is TickOutcome.RAN)
        assert ran.run_id is not None
        await recorder.end_of(ran.run_id)
        skipped = next(tick for tick in ticks if tick.outcome is TickOutcome.SKIPPED)
        for tick in (ran, skipped):
            before = recorder.events.index(tick)  # sequence of the event before it
            await eventually(lambda: caller.is_free("often"))
            await bus.publish_command(late_command("often", tick.due, before))
            await eventually(lambda: caller.is_free("often"))
        await caller.set("WEBJOBS_DISABLE_SCHEDULE", None)
    assert_each_due_time_has_one_record(recorder, "often")
    assert recorder.of_run(run_id_at(skipped.due)) == []


async def test_a_run_that_nobody_told_of_is_told_by_the_next_runner_and_not_run_again(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path, instance_id: str
) -> None:
    async with running_runner(bus, nats_url, tmp_path, instance_id=instance_id):
        await deploy(caller, "hourly", {"schedule": "0 0 * * * *"})
        # A runner asks for the next due time and dies before it tells.
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        await bus.publish_command(late_command("hourly", hour, 0))
        await recorder.end_of(run_id_at(hour))
        await caller.change_settings("hourly", {"schedule": "0 0 * * * *", "timeout": 60}, TRIGGERED)
    late = Clock(hour - datetime.now(UTC) + timedelta(seconds=30))
    async with running_runner(bus, nats_url, tmp_path, instance_id=instance_id, clock=late):
        await eventually(lambda: recorder.of(ScheduleTicked, "hourly"))
    (tick,) = recorder.of(ScheduleTicked, "hourly")
    assert (tick.due, tick.outcome, tick.run_id) == (hour, TickOutcome.RAN, run_id_at(hour))
    assert_each_due_time_has_one_record(recorder, "hourly")
