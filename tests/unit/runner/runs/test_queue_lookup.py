"""Commands that a runner looks up: the oldest of a job first, whatever else lies in the queue."""

from typing import Any, cast

import pytest
from support.commands import numbered_command, run_command
from support.memory_bucket import MemoryBus
from webjobs_events.commands import DeleteJob
from webjobs_events.errors import BusUnavailable
from webjobs_rules.job import JobName, JobType
from webjobs_runner.runs.queue_lookup import FoundCommand, QueuedRuns, all_runs_of, oldest_runs_of

JOB = JobName("hello")


def numbers_in(queued: QueuedRuns) -> list[int]:
    return [int(command.run_id[-4:]) for _, command in queued.commands]


async def test_the_oldest_runs_of_a_job_are_found_in_the_order_of_their_requests() -> None:
    bus = MemoryBus()
    sequences = [bus.queue(numbered_command(number)) for number in (3, 1, 2)]
    queued = await oldest_runs_of(cast(Any, bus), JOB, 1)
    assert numbers_in(queued)[0] == 3 and queued.sequences[0] == sequences[0]
    everything = await all_runs_of(cast(Any, bus), JOB)
    assert (numbers_in(everything), everything.sequences, everything.more) == ([3, 1, 2], sequences, 0)


async def test_runs_beyond_those_asked_for_are_counted() -> None:
    bus = MemoryBus()
    for number in range(40):
        bus.queue(numbered_command(number))
    queued = await oldest_runs_of(cast(Any, bus), JOB, 2)
    assert 2 <= len(queued.commands) < 40
    assert len(queued.commands) + queued.more == 40
    assert len((await all_runs_of(cast(Any, bus), JOB)).commands) == 40


async def test_other_jobs_other_commands_and_unreadable_ones_take_the_place_of_no_run() -> None:
    bus = MemoryBus()
    bus.queue(numbered_command(1, "other"))
    bus.queue(
        DeleteJob(
            command_id="delete/hello",
            job_type=JobType.TRIGGERED,
            job_name=JOB,
            requested_at=run_command().requested_at,
            requested_by="test",
        )
    )
    bus.store(bus.subjects.command(JobType.TRIGGERED, JOB, "run", "unreadable"), b"garbage")
    bus.queue(numbered_command(2))
    for queued in (await oldest_runs_of(cast(Any, bus), JOB, 1), await all_runs_of(cast(Any, bus), JOB)):
        assert numbers_in(queued) == [2]


async def test_a_found_command_that_is_done_leaves_the_queue_and_all_else_leaves_it_there() -> None:
    bus = MemoryBus()
    bus.queue(numbered_command(1))
    ((message, _),) = (await all_runs_of(cast(Any, bus), JOB)).commands
    found = FoundCommand(cast(Any, bus), message)
    assert (found.subject, found.data, found.sequence) == (message.subject, message.data, message.sequence)
    await found.keep()
    await found.give_back(1)
    await found.refuse()
    assert numbers_in(await all_runs_of(cast(Any, bus), JOB)) == [1]
    assert await found.done()
    assert numbers_in(await all_runs_of(cast(Any, bus), JOB)) == []


async def test_a_found_command_is_not_done_as_long_as_nats_does_not_confirm_it() -> None:
    bus = MemoryBus()
    bus.queue(numbered_command(1))
    ((message, _),) = (await all_runs_of(cast(Any, bus), JOB)).commands
    bus.is_away = True
    assert not await FoundCommand(cast(Any, bus), message).done()
    with pytest.raises(BusUnavailable):
        await oldest_runs_of(cast(Any, bus), JOB, 1)
