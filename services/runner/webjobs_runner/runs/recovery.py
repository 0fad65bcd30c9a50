"""What an earlier boot of this runner left unfinished: outcomes are reported, orphaned runs are ended."""

import asyncio

from webjobs_events.errors import BusUnavailable
from webjobs_events.job import JobType

from webjobs_runner.domain.run_outcome import runner_lost
from webjobs_runner.instance import Instance
from webjobs_runner.jobs.definitions import Definitions
from webjobs_runner.log import logger
from webjobs_runner.outbox import Outbox
from webjobs_runner.runs.cancel_requests import CancelRequests
from webjobs_runner.runs.claims import Claims
from webjobs_runner.runs.finish import Finish, Unattended
from webjobs_runner.runs.orphaned_runs import OrphanedRuns
from webjobs_runner.runs.run_journal import RunJournal, UnfinishedRun
from webjobs_runner.runs.run_log import RunLog, RunLogs

_RETRY_DELAY = 1.0  # seconds


class Recovery:
    """Ends the runs that an earlier boot had in hand; their processes are dead already."""

    def __init__(
        self,
        instance: Instance,
        outbox: Outbox,
        claims: Claims,
        burial: OrphanedRuns,
        finish: Finish,
        definitions: Definitions,
        wishes: CancelRequests,
        unfinished: RunJournal,
        logs: RunLogs,
    ) -> None:
        self._instance = instance
        self._outbox = outbox
        self._claims = claims
        self._burial = burial
        self._finish = finish
        self._wishes = wishes
        self._logs = logs
        self._definitions = definitions
        self._unfinished = unfinished
        self._runs = unfinished.all()

    async def run(self) -> None:
        """Finish them all at the same time, each until it is done."""
        await self._outbox.drained()  # what the earlier boot had still to tell comes before the ends
        async with asyncio.TaskGroup() as group:
            for run in self._runs:
                group.create_task(self._until_done(run))
            group.create_task(self._abort_unjournaled())

    async def _until_done(self, run: UnfinishedRun) -> None:
        while True:
            try:
                await self._end(run)
                return
            except BusUnavailable:
                await asyncio.sleep(_RETRY_DELAY)
            except OSError as error:
                logger.error("run not recovered", run_id=run.command.run_id, error=str(error))
                return

    async def _abort_unjournaled(self) -> None:
        """End the runs of which the disk knows nothing, and drop claims left on those that are done."""
        while True:
            try:
                for run in await self._claims.of_instance(self._instance.id):
                    is_noted = any(noted.command.run_id == run.run_id for noted in self._runs)
                    if not self._claims.is_own(run.claim) and not is_noted:
                        await self._burial.abort_claimed(run)
                return
            except BusUnavailable:
                await asyncio.sleep(_RETRY_DELAY)

    async def _end(self, run: UnfinishedRun) -> None:
        """End a run, if its command says that it has not ended; its log is shipped in any case."""
        attempt = run.begun
        log = self._logs.of(attempt)
        await log.skip_shipped()
        if await self._finish.is_pending(run.command):
            next_attempt = await self._finish.end_unattended(self._unattended(run, log))
            if next_attempt is not None:
                self._burial.on_next(next_attempt)
        else:
            await self._claims.drop(attempt.job_name, run.command.run_id)
        await log.shipped(None)
        self._unfinished.forget(run.command)

    def _unattended(self, run: UnfinishedRun, log: RunLog) -> Unattended:
        attempt, own = run.begun, self._instance.id
        request = self._wishes.of(attempt.job_name, attempt.run_id)
        evidence = f"Runner {own} died while it had the run; its processes were ended."
        return Unattended(
            attempt,
            run.after,
            runner_lost(own, evidence, request),
            own,
            definition=self._definitions.get(JobType.TRIGGERED, attempt.job_name),
            log=log,
            digest=run.digest,
            initialized_at=run.initialized_at,
        )
