"""Ends runs that no runner has begun: there is a request to cancel them, or their job is deleted."""

import asyncio
from functools import partial

from webjobs_events.commands import RunTriggeredJob
from webjobs_events.errors import UnreadableDefinition
from webjobs_events.run_step import run_step
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunId

from webjobs_runner.domain.attempt import Attempt, first_attempt
from webjobs_runner.domain.claimed_run import Abort
from webjobs_runner.domain.run_outcome import Outcome, deleted_before_begun, never_begun
from webjobs_runner.log import logger
from webjobs_runner.runs.claims import ClaimedRun
from webjobs_runner.runs.dependencies import RunDependencies
from webjobs_runner.runs.orphaned_runs import OrphanedRuns
from webjobs_runner.runs.queue_lookup import all_runs_of
from webjobs_runner.runs.run_registry import RunRegistry


class UnstartedRuns:
    """Claims such a run first, as a runner that starts it does: one of them gets it.

    A run that cannot be ended here is left to the queue: the runner to which it delivers the command ends it.
    """

    def __init__(
        self, dependencies: RunDependencies, orphaned_runs: OrphanedRuns, registry: RunRegistry
    ) -> None:
        self._bus = dependencies.bus
        self._outbox = dependencies.outbox
        self._definitions = dependencies.definitions
        self._claims = dependencies.claims
        self._requests = dependencies.requests
        self._orphaned_runs = orphaned_runs
        self._registry = registry
        self._deleted: asyncio.Queue[JobName] = asyncio.Queue()
        self._outage = dependencies.bus.connection.outage_of("end of runs that no runner has begun")

    def job_deleted(self, job_name: JobName) -> None:
        """A job is deleted: end those of its runs that no runner has begun."""
        self._deleted.put_nowait(job_name)

    async def run(self) -> None:
        """End such runs until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._end_runs_of_deleted())
            while True:
                group.create_task(self._cancel(*await self._requests.unhandled.get()))

    async def _end_runs_of_deleted(self) -> None:
        while True:
            job_name = await self._deleted.get()
            ending = self._outage.retry(partial(self._end_all, job_name), job=job_name)
            await run_step(ending, logger, "runs of a deleted job left to the queue", job=job_name)

    async def _cancel(self, job_name: JobName, run_id: RunId) -> None:
        ending = self._outage.retry(partial(self._end_requested, job_name, run_id), run_id=run_id)
        await run_step(ending, logger, "cancelled run left to the queue", job=job_name, run_id=run_id)

    async def _end_requested(self, job_name: JobName, run_id: RunId) -> None:
        """End a run that no runner owns: an owner mirrors the request too, or its run is orphaned."""
        request = self._requests.of(job_name, run_id)
        if request is None:
            return
        outcome = never_begun(request.reason, request.evidence)
        command = await self._command_of(job_name, run_id)
        if command is not None and await self._end_unclaimed(command, outcome):
            return
        found = await self._claims.of_attempt(job_name, run_id)
        command = await self._command_of(job_name, found.run_id) if found is not None else None
        if found is None or command is None:
            await self._requests.drop(job_name, run_id)  # it has ended, or there never was such a run
        elif await self._end_waiting(found, command, outcome):
            await self._requests.drop(job_name, run_id)  # it may name the attempt before, which just ended

    async def _end_all(self, job_name: JobName) -> None:
        """End the runs of a deleted job that no runner has begun."""
        queued = await all_runs_of(self._bus, job_name)
        if await self._is_deployed(job_name):
            return  # again: some of these may have been requested since
        for _, command in queued.commands:
            ending = self._end_of_deleted(command)
            await run_step(
                ending, logger, "run of a deleted job left to the queue", job=job_name, run_id=command.run_id
            )

    async def _is_deployed(self, job_name: JobName) -> bool:
        try:
            return await self._definitions.current(JobType.TRIGGERED, job_name) is not None
        except UnreadableDefinition:  # of a later release, perhaps
            return True

    async def _end_of_deleted(self, command: RunTriggeredJob) -> None:
        outcome = deleted_before_begun()
        if await self._end_unclaimed(command, outcome):
            return
        found = await self._claims.read(command.job_name, command.run_id)
        if found is not None:
            await self._end_waiting(found, command, outcome)

    async def _end_unclaimed(self, command: RunTriggeredJob, outcome: Outcome) -> bool:
        """End the run of a command that has no claim; False when it has one."""
        after = self._outbox.reached
        with self._registry.ending(command.command_id):
            if not await self._claims.take(command, after):
                return False
            await self._end(first_attempt(command), after, outcome)
            return True

    async def _end_waiting(self, found: ClaimedRun, command: RunTriggeredJob, outcome: Outcome) -> bool:
        """End the attempt that waits for its time; False when none does."""
        after = self._outbox.reached
        if not found.claim.is_waiting:
            return False
        with self._registry.ending(command.command_id):
            if not await self._claims.take_waiting(found, command, after):
                return False
            await self._end(found.claim.attempt_of(command), after, outcome)
            return True

    async def _end(self, attempt: Attempt, after: int, outcome: Outcome) -> None:
        logger.info("run ended before it was begun", run_id=attempt.run_id, reason=outcome.reason)
        await self._orphaned_runs.end(Abort(attempt, outcome), after)

    async def _command_of(self, job_name: JobName, run_id: RunId) -> RunTriggeredJob | None:
        """The command in the queue whose first attempt has this run id."""
        queued = await all_runs_of(self._bus, job_name)
        return next((command for _, command in queued.commands if command.run_id == run_id), None)
