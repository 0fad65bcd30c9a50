"""Due times under any history of faults: several runners, simulated, die and stand still anywhere."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from webjobs_events.errors import BusUnavailable, RevisionConflict
from webjobs_events.events import ScheduleTicked, TickOutcome
from webjobs_events.overdue import MOST_CAUGHT_UP
from webjobs_rules.job import JobName
from webjobs_rules.job_settings import JobSettings, Missed, MissedPolicy
from webjobs_rules.run_id import RunId, run_id_at
from webjobs_rules.schedule import Schedule, parse_schedule
from webjobs_runner.instance import Instance
from webjobs_runner.schedule.due_times import DueTimes
from webjobs_runner.schedule.scheduled_job import ScheduledJob
from webjobs_runner.schedule.ticks import Cursor

BEGIN = datetime(2026, 6, 1, 12, tzinfo=UTC)
SCHEDULE = parse_schedule("*/10 * * * * *", "UTC")
RUNNERS = 3


@dataclass
class World:
    """What is on NATS, and the clock."""

    now: datetime = BEGIN
    told: list[ScheduleTicked] = field(default_factory=list)
    pending: RunId | None = None
    begun: Counter[RunId] = field(default_factory=Counter)
    is_stopped: bool = False

    @property
    def runs(self) -> dict[RunId, int]:
        """How often each run was begun."""
        return {run_id: count for run_id, count in self.begun.items() if count}

    def flag(self, name: str) -> bool:
        return self.is_stopped and name == "WEBJOBS_STOPPED"

    def take(self, run_id: RunId, due: datetime, looked_until: int) -> None:
        """What a runner does that is handed a command: a look at the stream comes first."""
        after = self.told[looked_until:]
        superseded = bool(after) and (after[0].due != due or after[0].outcome is not TickOutcome.RAN)
        if not superseded and not self.begun[run_id]:
            self.begun[run_id] += 1
            self.pending = run_id


@dataclass
class Line:
    """One runner's line to NATS: it may break, or stand still, at one of the next requests."""

    world: World
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    fault: str = ""
    in_requests: int = 0
    stands_still: asyncio.Event = field(default_factory=asyncio.Event)

    async def trouble(self, *, is_after: bool) -> None:
        """Before and after each request: die or stand still, if it is time for that."""
        if not self.fault.startswith("after" if is_after else "before"):
            return
        self.in_requests -= 1
        if self.in_requests < 0:
            fault, self.fault = self.fault, ""
            if fault.endswith("break"):
                raise BusUnavailable("asking", "the line broke")
            self.stands_still.set()
            await self.gate.wait()
            self.stands_still.clear()


class Ticks:
    """In place of those on the stream: the same conditions, and a line that has its faults."""

    def __init__(self, line: Line) -> None:
        self.line = line

    async def cursor(self, job_name: JobName) -> Cursor:
        await self.line.trouble(is_after=False)
        told = self.line.world.told
        last = told[-1] if told else None
        found = Cursor(len(told), (last.until or last.due) if last else None)
        if last is not None:
            found = Cursor(len(told), found.recorded_until, last.schedule, last.time_zone)
        await self.line.trouble(is_after=True)
        return found

    async def record(self, event: ScheduleTicked, after: Cursor, trace_seed: str = "") -> Cursor:
        await self.line.trouble(is_after=False)
        told = self.line.world.told
        if len(told) != after.sequence:
            raise RevisionConflict("ScheduleTicked")
        told.append(event)
        found = Cursor(len(told), event.until or event.due, event.schedule, event.time_zone)
        await self.line.trouble(is_after=True)
        return found


class Runs:
    """In place of the queue: one command at a time."""

    def __init__(self, line: Line) -> None:
        self.line = line

    async def request(
        self, job_name: JobName, due: datetime, *, cursor: Cursor, **facts: Any
    ) -> RunId | None:
        await self.line.trouble(is_after=False)
        world, run_id = self.line.world, run_id_at(due)
        other = world.pending if world.pending != run_id else None
        if world.pending is None:
            world.take(run_id, due, cursor.sequence)
        await self.line.trouble(is_after=True)
        return other

    async def was_requested(self, job_name: JobName, due: datetime, policy: object, cursor: Cursor) -> bool:
        await self.line.trouble(is_after=False)
        world = self.line.world
        found = world.pending == run_id_at(due) or world.begun[run_id_at(due)] > 0
        await self.line.trouble(is_after=True)
        return found


@dataclass
class Runner:
    """One of several, with what it remembers."""

    world: World
    job: ScheduledJob
    line: Line
    task: "asyncio.Task[None] | None" = None

    @property
    def is_still(self) -> bool:
        return self.task is not None and not self.task.done()

    async def look(self, fault: str, in_requests: int) -> None:
        """Look at the job, with a fault to come; whoever stands still looks at nothing."""
        if self.is_still:
            return
        self.line.fault, self.line.in_requests = fault, in_requests
        self.task = asyncio.create_task(self._deal())
        standing = asyncio.create_task(self.line.stands_still.wait())
        await asyncio.wait({self.task, standing}, return_when=asyncio.FIRST_COMPLETED)
        standing.cancel()

    async def _deal(self) -> None:
        world = self.world
        due_times = DueTimes(
            Instance("327e1e", "0" * 18),
            cast(Any, world),
            cast(Any, Ticks(self.line)),
            cast(Any, Runs(self.line)),
            lambda: world.now,
        )
        try:
            await due_times.deal_with(self.job, world.now)
        except BusUnavailable:
            self.job.cursor = None

    async def wake(self) -> None:
        self.line.gate.set()
        if self.task is not None:
            await self.task
        self.line.gate = asyncio.Event()


def records(schedule: Schedule, told: Iterable[ScheduleTicked]) -> list[datetime]:
    """Every due time that the events tell of."""
    instant = timedelta(microseconds=1)
    found: list[datetime] = []
    for tick in told:
        stretch = list(schedule.due_between(tick.due - instant, tick.until or tick.due))
        assert len(stretch) == tick.count
        found += stretch
    return found


Step = tuple[int, int, str, int, str]
_numbers = st.integers(0, RUNNERS - 1)
_happenings = st.sampled_from(["", "", "end the run", "wake", "stop", "go on"])
_faults = st.sampled_from(
    ["", "", "before, break", "after, break", "before, stand still", "after, stand still"]
)
_steps = st.lists(
    st.tuples(
        _numbers, st.sampled_from([0, 1, 5, 10, 10, 30, 100, 700]), _faults, st.integers(0, 4), _happenings
    ),
    max_size=25,
)
_deaths = st.lists(
    st.tuples(
        _numbers,
        st.sampled_from([1, 10, 10, 30]),
        st.sampled_from(["", "before, break", "after, break"]),
        st.integers(0, 2),
        _happenings,
    ),
    max_size=8,
)
_policies = st.builds(Missed, policy=st.sampled_from(MissedPolicy), within=st.sampled_from([30.0, 600.0]))


@settings(max_examples=80)
@given(_steps, _policies)
def test_every_due_time_has_one_record_and_one_run_at_most(steps: list[Step], missed: Missed) -> None:
    asyncio.run(_simulate(steps, missed))


@settings(max_examples=200)
@given(_deaths, _policies)
def test_where_runners_only_die_what_is_told_as_run_is_what_was_begun(
    steps: list[Step], missed: Missed
) -> None:
    world = asyncio.run(_simulate(steps, missed))
    assert {tick.run_id for tick in world.told if tick.outcome is TickOutcome.RAN} == set(world.runs)


async def _simulate(steps: list[Step], missed: Missed) -> World:
    """Let all of that happen, and then a runner to whom nothing happens any more."""
    world = World()
    runners = [
        Runner(
            world,
            ScheduledJob(JobName("job"), JobSettings(missed=missed), SCHEDULE, BEGIN, BEGIN),
            Line(world),
        )
        for _ in range(RUNNERS)
    ]
    for number, seconds, fault, in_requests, happening in steps:
        world.now += timedelta(seconds=seconds)
        if happening == "end the run":
            world.pending = None
        elif happening == "wake":
            await runners[number].wake()
        elif happening in ("stop", "go on"):
            world.is_stopped = happening == "stop"
        await runners[number].look(fault, in_requests)
    for runner in runners:  # whoever stood still goes on, with what it believed then
        await runner.wake()
    due = list(SCHEDULE.due_between(BEGIN, world.now))
    for _ in range(MOST_CAUGHT_UP + 1):  # `all` waits for each run to end
        world.pending = None
        if due and (not world.told or (world.told[-1].until or world.told[-1].due) < due[-1]):
            await runners[0].look("", 0)
    assert records(SCHEDULE, world.told) == due
    assert all(count == 1 for count in world.runs.values())
    assert {tick.run_id for tick in world.told if tick.outcome is TickOutcome.RAN} <= set(world.runs)
    return world
