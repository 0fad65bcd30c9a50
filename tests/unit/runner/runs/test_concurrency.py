"""Which runs of a job may start: as many of its oldest as its policy allows, the others wait or replace."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest
from support.commands import run_command
from support.definitions import job_definition
from support.eventually import eventually
from support.memory_bucket import MemoryBus
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.job import JobDefinition
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Reason
from webjobs_runner.runs.cancel_requests import CancelRequests
from webjobs_runner.runs.concurrency import ConcurrencyLimits
from webjobs_runner.runs.queue_signals import QueueSignals
from webjobs_runner.runs.run_registry import RunRegistry

JOB = JobName("hello")
QUEUE = {"policy": "queue"}


class Queued:
    """A command as the queue delivers it."""

    def __init__(self, sequence: int) -> None:
        self.sequence = sequence
        self.delays: list[float] = []

    async def give_back(self, delay_seconds: float) -> None:
        self.delays.append(delay_seconds)


class FakeDefinitions:
    """The definition of one job; `looks` are called one by one when it is looked at."""

    def __init__(self) -> None:
        self.listeners: list[Callable[..., None]] = []
        self.definition: JobDefinition | None = None
        self.looks: list[Callable[[], object]] = []

    def on_change(self, listener: Callable[..., None]) -> None:
        self.listeners.append(listener)

    def get(self, _job_type: JobType, _job_name: JobName) -> JobDefinition | None:
        return self.definition

    async def newest(self, _job_type: JobType, _job_name: JobName) -> JobDefinition | None:
        if self.looks:
            self.looks.pop(0)()
        return self.definition

    def define(self, concurrency: dict[str, object]) -> None:
        self.definition = job_definition(JOB, settings={"concurrency": concurrency} if concurrency else {})
        for listener in self.listeners:
            listener((JobType.TRIGGERED, JOB), self.definition)


class Runner:
    """What decides on one runner which commands start, on a bus in memory."""

    def __init__(self) -> None:
        self.bus, self.definitions, self.signals = MemoryBus(), FakeDefinitions(), QueueSignals()
        self.registry = RunRegistry()
        self.requests = CancelRequests(cast(Any, self.bus), self.registry)
        self.limits = ConcurrencyLimits(
            cast(Any, self.bus), cast(Any, self.definitions), self.requests, self.signals, self.registry
        )

    def queue(self, count: int) -> list[tuple[RunTriggeredJob, Queued]]:
        """Put runs of the job into the queue, each in a place of its own."""
        return [self._queued(number) for number in range(count)]

    def _queued(self, number: int) -> tuple[RunTriggeredJob, Queued]:
        run_id = RunId(f"20260102030405{number:04}")
        command = msgspec.structs.replace(run_command(JOB), command_id=run_id, run_id=run_id, slot=run_id)
        return command, Queued(self.bus.queue(command))

    async def admit(self, run: tuple[RunTriggeredJob, Queued]) -> bool:
        with self.registry.handling(run[0].command_id):
            return await self.limits.admit(run[0], cast(Any, run[1]))


@pytest.mark.parametrize(
    ("concurrency", "admitted"),
    [
        (QUEUE, [True, False, False]),
        ({"policy": "queue", "limit": 2}, [True, True, False]),
        ({"policy": "allow", "limit": 2}, [True, True, False]),
        ({"policy": "allow"}, [True, True, True]),
    ],
)
async def test_the_oldest_runs_start_up_to_the_limit_and_the_others_are_given_back(
    concurrency: dict[str, object], admitted: list[bool]
) -> None:
    runner = Runner()
    runner.definitions.define(concurrency)
    runs = runner.queue(3)
    assert [await runner.admit(run) for run in reversed(runs)] == admitted[::-1]
    assert [message.delays == [] for _, message in runs] == admitted


async def test_the_next_run_starts_when_the_one_before_it_has_left_the_queue() -> None:
    runner = Runner()
    runner.definitions.define(QUEUE)
    first, second = runner.queue(2)
    assert not await runner.admit(second)
    await runner.bus.withdraw_command(first[1].sequence)
    assert await runner.admit(second)


async def test_a_run_that_is_called_while_it_is_looked_at_is_looked_at_again() -> None:
    runner = Runner()
    runner.definitions.define(QUEUE)
    first, second = runner.queue(2)
    runner.definitions.looks = [
        lambda: runner.registry.call(second[0].command_id),
        lambda: runner.bus.remove(first[1].sequence),
    ]
    assert await runner.admit(second)


async def test_runs_far_behind_in_a_long_queue_are_delivered_again_later_than_those_in_front() -> None:
    runner = Runner()
    runner.definitions.define(QUEUE)
    runs = runner.queue(600)
    assert not await runner.admit(runs[1]) and not await runner.admit(runs[-1])
    assert 1 <= runs[1][1].delays[0] < runs[-1][1].delays[0] <= 30


async def test_a_run_that_replaces_asks_the_oldest_before_it_to_end_and_waits() -> None:
    runner = Runner()
    runner.definitions.define({"policy": "replace", "limit": 2})
    runs = runner.queue(3)
    async with runner.requests:
        assert not await runner.admit(runs[2])
        asked = [runner.requests.of(JOB, command.run_id) for command, _ in runs]
    assert asked[0] is not None and asked[0].reason is Reason.REPLACED
    assert asked[1:] == [None, None]


async def test_the_runs_of_a_deleted_job_do_not_wait() -> None:
    runner = Runner()
    assert [await runner.admit(run) for run in runner.queue(2)] == [True, True]


async def test_a_run_is_given_back_while_nats_does_not_say_what_is_before_it() -> None:
    runner = Runner()
    runner.definitions.define(QUEUE)
    (run,) = runner.queue(1)
    runner.bus.is_away = True
    assert not await runner.admit(run)


async def test_a_job_with_the_default_policy_costs_no_lookup_once_the_queue_was_searched() -> None:
    runner = Runner()
    runner.definitions.define({})
    command = run_command(JOB)
    run = command, Queued(runner.bus.queue(command))
    runner.bus.queue(msgspec.structs.replace(run_command("other"), slot="1"))
    searching = asyncio.create_task(runner.limits.run())
    await eventually(lambda: runner.signals.is_watched(JobName("other")))
    runner.bus.is_away = True
    assert await runner.admit(run)
    searching.cancel()
    await asyncio.gather(searching, return_exceptions=True)


async def test_runs_queued_under_an_earlier_policy_still_wait_for_each_other() -> None:
    runner = Runner()
    runner.definitions.define({})
    runs = runner.queue(2)
    searching = asyncio.create_task(runner.limits.run())
    await eventually(lambda: runner.signals.is_watched(JOB))
    assert [await runner.admit(run) for run in runs] == [True, False]
    searching.cancel()
    await asyncio.gather(searching, return_exceptions=True)


async def test_a_job_whose_limit_has_changed_is_looked_at_and_its_oldest_runs_are_next() -> None:
    runner = Runner()
    runs = runner.queue(3)
    runner.definitions.define({"policy": "queue", "limit": 2})
    assert runner.signals.jobs.get_nowait() == JOB
    found = await runner.limits.next_of(JOB)
    assert [command for _, command in found] == [command for command, _ in runs[:2]]
    with runner.registry.handling(runs[0][0].command_id):
        assert await runner.limits.admit(found[0][1], found[0][0])
    runner.definitions.define({"policy": "allow"})
    assert await runner.limits.next_of(JOB) == []
