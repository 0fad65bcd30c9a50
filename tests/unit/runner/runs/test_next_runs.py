"""The next run of a job starts when one before it has ended; what fails for one job holds up no other."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from support.commands import run_command
from support.eventually import eventually
from webjobs_events.errors import BusUnavailable
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobName
from webjobs_runner.runs.next_runs import NextRuns


class Fakes:
    """The queue of each job in the order of its runs; the lookup of the job named `bad` raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.jobs: asyncio.Queue[JobName] = asyncio.Queue()
        self.commands: asyncio.Queue[Any] = asyncio.Queue()
        self.error = error
        self.called: set[str] = set()
        self.offered: list[str] = []

    async def next_of(self, job_name: JobName) -> list[Any]:
        if job_name == "bad" and self.error is not None:
            raise self.error
        return [
            (f"{job_name}/{number}", SimpleNamespace(command_id=f"{job_name}/{number}"))
            for number in range(3)
        ]

    def call(self, command_id: str) -> bool:
        return command_id in self.called

    def offer(self, message: str) -> None:
        self.offered.append(message)


async def looked_up(fakes: Fakes, *jobs: str) -> list[str]:
    """The runs that are offered once these jobs were signalled one after the other."""
    fake = cast(Any, fakes)
    task = asyncio.create_task(NextRuns(fake, fake, fake, fake, fake).run())
    for job in jobs:
        fakes.jobs.put_nowait(JobName(job))
    last = f"{jobs[-1]}/2"
    try:
        await eventually(lambda: task.done() or last in fakes.offered or last in fakes.called)
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return fakes.offered


async def test_the_runs_that_may_start_are_offered_in_order() -> None:
    assert await looked_up(Fakes(), "hello") == ["hello/0", "hello/1", "hello/2"]


async def test_a_run_that_waits_here_already_is_called_instead() -> None:
    fakes = Fakes()
    fakes.called = {"hello/0"}
    assert await looked_up(fakes, "hello") == ["hello/1", "hello/2"]


@pytest.mark.parametrize(
    "error", [BusUnavailable("reading", "away"), ValueError("a message of a later release")]
)
async def test_a_job_whose_queue_cannot_be_read_holds_up_no_other(error: Exception) -> None:
    assert await looked_up(Fakes(error), "bad", "good") == ["good/0", "good/1", "good/2"]


async def test_a_command_that_is_gone_from_the_queue_is_not_offered() -> None:
    fakes = Fakes()

    async def last_message(stream: str, subject: str) -> None:
        fakes.called.add("good/2")

    bus = SimpleNamespace(subjects=Subjects(), last_message=last_message)
    fake = cast(Any, fakes)
    fakes.commands.put_nowait(run_command())
    task = asyncio.create_task(NextRuns(cast(Any, bus), fake, fake, fake, fake).run())
    await eventually(lambda: "good/2" in fakes.called)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert fakes.offered == []
