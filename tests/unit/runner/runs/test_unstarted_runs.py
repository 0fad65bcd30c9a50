"""Runs that no runner has begun end when they are cancelled or their job is deleted; owned ones are left."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs
from support.commands import numbered_command
from support.definitions import job_definition
from support.eventually import eventually
from support.memory_bucket import MemoryBus
from webjobs_events.cancel_request import CancelRequest
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.errors import BusUnavailable, UnreadableDefinition
from webjobs_events.job import JobDefinition
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Reason
from webjobs_runner.domain.attempt import Attempt, first_attempt
from webjobs_runner.domain.claimed_run import Abort
from webjobs_runner.instance import Instance
from webjobs_runner.runs.cancel_requests import CancelRequests
from webjobs_runner.runs.claims import Claims
from webjobs_runner.runs.run_registry import RunRegistry
from webjobs_runner.runs.unstarted_runs import UnstartedRuns

JOB, OTHER_JOB = JobName("hello"), JobName("other")
FIRST, SECOND, THIRD = (numbered_command(number) for number in (1, 2, 3))
OF_OTHER_JOB = numbered_command(4, OTHER_JOB)
REQUEST = CancelRequest(evidence="Cancelled by Ada.", requested_at=FIRST.requested_at)
REACHED = 7
UNREADABLE = UnreadableDefinition(JobType.TRIGGERED, JOB, "it is of a later release")
UNEXPECTED = ValueError("a value of a later release")


class Runner:
    """A runner of which only `UnstartedRuns` runs, on a bus in memory.

    Attributes:
        task: That runs it.
        ended: Reasons of the runs that it ended, by run id.
        given: Of each end, whether the command was marked as one that this runner ends, and the sequence.
        fails_once: The next end of a run with this id raises this.
        definitions: The stored definitions; an error is raised instead of returned.
    """

    task: "asyncio.Task[None]"

    def __init__(self) -> None:
        self.bus, self.registry = MemoryBus(), RunRegistry()
        self.requests = CancelRequests(cast(Any, self.bus), self.registry)
        self.claims = Claims(cast(Any, self.bus), Instance("aaaaaa", "1"))
        self.other_claims = Claims(cast(Any, self.bus), Instance("bbbbbb", "1"))
        self.ended: dict[RunId, Reason] = {}
        self.given: set[tuple[bool, int]] = set()
        self.fails_once: dict[RunId, Exception] = {}
        self.definitions: dict[JobName, JobDefinition | Exception] = {}
        dependencies = SimpleNamespace(
            bus=self.bus,
            outbox=SimpleNamespace(reached=REACHED),
            definitions=self,
            claims=self.claims,
            requests=self.requests,
        )
        self.unstarted = UnstartedRuns(cast(Any, dependencies), cast(Any, self), self.registry)

    async def current(self, _job_type: JobType, job_name: JobName) -> tuple[JobDefinition, int] | None:
        found = self.definitions.get(job_name)
        if isinstance(found, Exception):
            raise found
        return (found, 1) if found else None

    async def end(self, abort: Abort, after: int) -> None:
        """Of `OrphanedRuns`."""
        self.given.add((self.registry.is_ended(abort.attempt.command.command_id), after))
        error = self.fails_once.pop(abort.attempt.run_id, None)
        if error is not None:
            raise error
        self.ended[abort.attempt.run_id] = abort.outcome.reason

    def queue(self, *commands: RunTriggeredJob) -> None:
        for command in commands:
            self.bus.queue(command)

    async def cancel(self, run: RunTriggeredJob | Attempt) -> None:
        await self.requests.make(run.job_name, run.run_id, REQUEST)

    def is_requested(self, run: RunTriggeredJob | Attempt) -> bool:
        return self.requests.of(run.job_name, run.run_id) is not None

    async def retried(self, command: RunTriggeredJob) -> Attempt:
        """Another runner has run it, and its second attempt waits."""
        second = first_attempt(command).after(
            RunId("202601020304060000"), datetime(2026, 1, 2, 3, 5, tzinfo=UTC)
        )
        assert await self.other_claims.take(command, 3)
        claim = await self.other_claims.read(command.job_name, command.run_id)
        assert claim is not None and await self.other_claims.let_wait(claim, second, 5)
        return second

    async def settle(self) -> None:
        """Wait until everything asked for so far is done: a run that is cancelled last has ended."""
        last = numbered_command(9999, "last")
        self.queue(last)
        await self.cancel(last)
        await self.has_ended(last)
        del self.ended[last.run_id]

    async def has_ended(self, run: RunTriggeredJob) -> None:
        await eventually(lambda: self.task.done() or run.run_id in self.ended)
        assert not self.task.done(), "the loop goes on"


@asynccontextmanager
async def running(runner: Runner) -> AsyncIterator[None]:
    async with runner.requests:
        runner.task = asyncio.create_task(runner.unstarted.run())
        try:
            yield
        finally:
            runner.task.cancel()
            await asyncio.gather(runner.task, return_exceptions=True)


async def test_a_cancelled_run_that_no_runner_has_claimed_ends_by_the_request() -> None:
    runner = Runner()
    runner.queue(FIRST, SECOND)
    async with running(runner):
        await runner.cancel(SECOND)
        await runner.settle()
    assert runner.ended == {SECOND.run_id: Reason.CANCELLED}
    assert runner.given == {(True, REACHED)}
    assert not runner.registry.is_ended(SECOND.command_id)
    claim = await runner.claims.read(JOB, SECOND.run_id)
    assert claim is not None and runner.claims.is_own(claim.claim)


async def test_a_cancelled_run_is_left_to_the_runner_that_has_claimed_it() -> None:
    runner = Runner()
    runner.queue(FIRST)
    assert await runner.other_claims.take(FIRST, 3)
    async with running(runner):
        await runner.cancel(FIRST)
        await runner.settle()
        assert runner.is_requested(FIRST)
    assert runner.ended == {}


@pytest.mark.parametrize("names_the_attempt_before", [True, False])
async def test_an_attempt_that_waits_ends_by_a_request_for_it_or_for_the_one_before(
    names_the_attempt_before: bool,
) -> None:
    runner = Runner()
    runner.queue(FIRST)
    second = await runner.retried(FIRST)
    async with running(runner):
        await runner.cancel(FIRST if names_the_attempt_before else second)
        await runner.settle()
        assert not runner.is_requested(FIRST) and not runner.is_requested(second)
    assert runner.ended == {second.run_id: Reason.CANCELLED}
    assert runner.given == {(True, REACHED)}
    claim = await runner.claims.read(JOB, FIRST.run_id)
    assert claim is not None and runner.claims.is_own(claim.claim)


@pytest.mark.parametrize("is_claimed", [True, False])
async def test_the_request_for_a_run_whose_command_is_gone_is_dropped(is_claimed: bool) -> None:
    runner = Runner()
    if is_claimed:
        assert await runner.other_claims.take(FIRST, 3)
    async with running(runner):
        await runner.cancel(FIRST)
        await runner.settle()
        assert not runner.is_requested(FIRST)
    assert runner.ended == {}


async def test_a_request_that_is_gone_again_ends_nothing() -> None:
    runner = Runner()
    runner.queue(FIRST)
    async with running(runner):
        runner.requests.pass_on(JOB, FIRST.run_id)
        await runner.settle()
    assert runner.ended == {}


async def test_runs_of_a_deleted_job_end_unless_a_runner_owns_them() -> None:
    runner = Runner()
    runner.queue(FIRST, SECOND, THIRD, OF_OTHER_JOB)
    second_attempt = await runner.retried(FIRST)
    assert await runner.other_claims.take(SECOND, 3)
    async with running(runner):
        runner.unstarted.job_deleted(JOB)
        await runner.settle()
    assert runner.ended == {second_attempt.run_id: Reason.DELETED, THIRD.run_id: Reason.DELETED}


@pytest.mark.parametrize("definition", [job_definition(JOB), UNREADABLE], ids=["readable", "unreadable"])
async def test_runs_of_a_job_that_was_deployed_again_are_left_to_the_queue(
    definition: JobDefinition | Exception,
) -> None:
    runner = Runner()
    runner.queue(FIRST, OF_OTHER_JOB)
    runner.definitions[JOB] = definition
    with capture_logs() as lines:
        async with running(runner):
            runner.unstarted.job_deleted(JOB)
            runner.unstarted.job_deleted(OTHER_JOB)
            await runner.has_ended(OF_OTHER_JOB)
    assert runner.ended == {OF_OTHER_JOB.run_id: Reason.DELETED}
    assert not [line for line in lines if line["log_level"] == "error"]


async def test_a_run_of_a_deleted_job_that_cannot_be_ended_holds_up_no_other() -> None:
    runner = Runner()
    runner.queue(FIRST, SECOND)
    runner.fails_once[FIRST.run_id] = UNEXPECTED
    with capture_logs() as lines:
        async with running(runner):
            runner.unstarted.job_deleted(JOB)
            await runner.settle()
    assert runner.ended == {SECOND.run_id: Reason.DELETED}
    assert [line["run_id"] for line in lines if line["log_level"] == "error"] == [FIRST.run_id]


async def test_a_deleted_job_that_cannot_be_looked_up_holds_up_no_other() -> None:
    runner = Runner()
    runner.queue(FIRST, OF_OTHER_JOB)
    runner.definitions[JOB] = UNEXPECTED
    with capture_logs() as lines:
        async with running(runner):
            runner.unstarted.job_deleted(JOB)
            runner.unstarted.job_deleted(OTHER_JOB)
            await runner.has_ended(OF_OTHER_JOB)
    assert runner.ended == {OF_OTHER_JOB.run_id: Reason.DELETED}
    assert [line["job"] for line in lines if line["log_level"] == "error"] == [JOB]


async def test_a_cancelled_run_that_cannot_be_ended_holds_up_no_other() -> None:
    runner = Runner()
    runner.queue(FIRST, SECOND)
    runner.fails_once[FIRST.run_id] = UNEXPECTED
    with capture_logs() as lines:
        async with running(runner):
            await runner.cancel(FIRST)
            await runner.cancel(SECOND)
            await runner.settle()
            assert runner.is_requested(FIRST), "the runner to which its command is delivered needs it"
    assert runner.ended == {SECOND.run_id: Reason.CANCELLED}
    assert [line["run_id"] for line in lines if line["log_level"] == "error"] == [FIRST.run_id]


async def test_both_are_tried_again_until_nats_answers() -> None:
    runner = Runner()
    runner.queue(FIRST, OF_OTHER_JOB)
    runner.definitions[OTHER_JOB] = BusUnavailable("reading a key", "no answer in time")
    runner.bus.is_away = True
    with capture_logs() as lines:
        async with running(runner):
            await runner.cancel(FIRST)
            runner.unstarted.job_deleted(OTHER_JOB)
            await eventually(lambda: lines)
            runner.bus.is_away = False
            await runner.has_ended(FIRST)
            del runner.definitions[OTHER_JOB]
            await runner.has_ended(OF_OTHER_JOB)
    assert {line["log_level"] for line in lines} <= {"warning", "info", "debug"}
