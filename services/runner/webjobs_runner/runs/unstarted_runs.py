"""Ends runs that no runner has begun: somebody wishes it, or their job is deleted."""

import asyncio

from webjobs_events.cancel_request import CancelRequest
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobName, JobType
from webjobs_events.run_id import RunId

from webjobs_runner.domain.attempt import Attempt, first_attempt
from webjobs_runner.domain.run_outcome import Outcome, deleted_before_begun, never_begun
from webjobs_runner.instance import Instance
from webjobs_runner.jobs.definitions import Definitions
from webjobs_runner.log import logger
from webjobs_runner.outbox import Outbox
from webjobs_runner.runs.cancel_requests import CancelRequests
from webjobs_runner.runs.claims import Claims
from webjobs_runner.runs.orphaned_runs import OrphanedRuns
from webjobs_runner.runs.queue_lookup import all_runs_of

_RETRY_DELAY = 1.0  # seconds


class UnstartedRuns:
    """Takes the run first, as one who begins it would: so it is ended here, or by whoever has begun it."""

    def __init__(
        self,
        bus: Bus,
        instance: Instance,
        claims: Claims,
        definitions: Definitions,
        outbox: Outbox,
        burial: OrphanedRuns,
        wishes: CancelRequests,
    ) -> None:
        self._bus = bus
        self._instance = instance
        self._claims = claims
        self._outbox = outbox
        self._burial = burial
        self._wishes = wishes
        self._definitions = definitions
        self._deleted: asyncio.Queue[JobName] = asyncio.Queue()
        self._wished: asyncio.Queue[tuple[JobName, RunId]] = asyncio.Queue()

    def deleted(self, job_name: JobName) -> None:
        """A job is no more."""
        self._deleted.put_nowait(job_name)

    def wished(self, job_name: JobName, run_id: RunId) -> None:
        """There is a wish about a run that is not in hand here."""
        self._wished.put_nowait((job_name, run_id))

    async def run(self) -> None:
        """End such runs until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._heed_deletions())
            while True:
                group.create_task(self._until_done(*await self._wished.get()))

    async def _heed_deletions(self) -> None:
        while True:
            job_name = await self._deleted.get()
            try:
                await self._end_all(job_name)
            except BusUnavailable as error:
                logger.debug("cancellation waits for nats", job=job_name, error=str(error))
                await asyncio.sleep(_RETRY_DELAY)
                self._deleted.put_nowait(job_name)

    async def _until_done(self, job_name: JobName, run_id: RunId) -> None:
        while (wish := self._wishes.of(job_name, run_id)) is not None:
            try:
                await self._end(job_name, run_id, wish)
                return
            except BusUnavailable as error:
                logger.debug("cancellation waits for nats", run_id=run_id, error=str(error))
                await asyncio.sleep(_RETRY_DELAY)

    async def _end(self, job_name: JobName, run_id: RunId, wish: CancelRequest) -> None:
        """End a run that nobody has; whoever has it has heard of the wish too, or is buried by it."""
        after = self._outbox.reached
        command = await self._command_of(job_name, run_id)
        if command is not None and await self._claims.take(command, after):
            await self._write_end(first_attempt(command), after, never_begun(wish.reason, wish.evidence))
            return
        found = await self._claims.of_attempt(job_name, run_id)
        command = await self._command_of(job_name, found.run_id) if found is not None else None
        if found is None or command is None:
            await self._wishes.drop(job_name, run_id)  # it has ended, or there never was such a run
        elif found.claim.is_waiting and await self._claims.take_waiting(found, command, after):
            await self._write_end(
                found.claim.attempt_of(command), after, never_begun(wish.reason, wish.evidence)
            )
            await self._wishes.drop(job_name, run_id)  # it may name the attempt before, which just ended

    async def _end_all(self, job_name: JobName) -> None:
        """End what nobody has begun of a job that is no more."""
        line = await all_runs_of(self._bus, job_name)
        if await self._definitions.current(JobType.TRIGGERED, job_name) is not None:
            return  # deployed anew: some of these may have been asked for since
        outcome = deleted_before_begun()
        for _, command in line.commands:
            after = self._outbox.reached
            if await self._claims.take(command, after):
                await self._write_end(first_attempt(command), after, outcome)
                continue
            found = await self._claims.read(job_name, command.run_id)
            if found is not None and found.claim.is_waiting:
                if await self._claims.take_waiting(found, command, after):
                    await self._write_end(found.claim.attempt_of(command), after, outcome)

    async def _write_end(self, attempt: Attempt, after: int, outcome: Outcome) -> None:
        logger.info("run ended before it was begun", run_id=attempt.run_id, reason=outcome.reason)
        await self._burial.end(attempt, after, outcome, self._instance.id)

    async def _command_of(self, job_name: JobName, run_id: RunId) -> RunTriggeredJob | None:
        """The command in the queue whose first attempt has this run id."""
        line = await all_runs_of(self._bus, job_name)
        return next((command for _, command in line.commands if command.run_id == run_id), None)
