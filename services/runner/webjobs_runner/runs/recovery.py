"""What an earlier start of this runner left unfinished: outcomes are published, orphaned runs are aborted."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from webjobs_events.errors import BusUnavailable
from webjobs_events.run_step import run_step
from webjobs_rules.job import JobType

from webjobs_runner.domain.run_outcome import runner_lost
from webjobs_runner.log import logger
from webjobs_runner.runs.dependencies import RunDependencies
from webjobs_runner.runs.finish import Finish, Unattended
from webjobs_runner.runs.orphaned_runs import OrphanedRuns
from webjobs_runner.runs.run_journal import UnfinishedRun
from webjobs_runner.runs.run_log import RunLog

_PASSING = (BusUnavailable, OSError)  # a full disk, or one that is away
_FAILURE_DELAY = 30.0  # seconds


class Recovery:
    """Ends the runs that an earlier start owned; their processes are gone already."""

    def __init__(self, dependencies: RunDependencies, finish: Finish, orphaned_runs: OrphanedRuns) -> None:
        self._instance = dependencies.instance
        self._outbox = dependencies.outbox
        self._definitions = dependencies.definitions
        self._claims = dependencies.claims
        self._requests = dependencies.requests
        self._journal = dependencies.journal
        self._logs = dependencies.logs
        self._finish = finish
        self._orphaned_runs = orphaned_runs
        self._runs = dependencies.journal.all()
        self._outage = dependencies.bus.connection.outage_of("recovery of runs")

    async def run(self) -> None:
        """Finish them all at the same time, each until it is done."""
        await self._outbox.drained()  # what the earlier start had still to publish comes before the ends
        retry = partial(self._outage.retry, errors=_PASSING)
        async with asyncio.TaskGroup() as group:
            for run in self._runs:
                run_id = run.command.run_id
                ending = partial(retry, partial(self._end, run), run_id=run_id)
                group.create_task(_until_done(ending, run_id=run_id))
            group.create_task(_until_done(partial(retry, self._abort_unjournaled)))

    async def _abort_unjournaled(self) -> None:
        """Abort the runs that are not in the journal, and drop claims left on those that are settled."""
        journaled = {run.command.run_id for run in self._runs}
        runs = await self._claims.of_instance(self._instance.id)
        await self._orphaned_runs.abort_all(
            run for run in runs if not self._claims.is_own(run.claim) and run.run_id not in journaled
        )

    async def _end(self, run: UnfinishedRun) -> None:
        """End a run, if its command is still in the queue; its log is shipped in any case."""
        attempt = run.begun
        log = self._logs.of(attempt)
        await log.skip_shipped()
        if await self._finish.is_pending(run.command):
            await self._finish.finish_unattended(self._unattended(run, log))
        else:
            await self._claims.drop(attempt.job_name, run.command.run_id)
        await log.shipped(None)
        self._journal.forget(run.command)

    def _unattended(self, run: UnfinishedRun, log: RunLog) -> Unattended:
        attempt, own = run.begun, self._instance.id
        request = self._requests.of(attempt.job_name, attempt.run_id)
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


async def _until_done(work: Callable[[], Awaitable[object]], **about: object) -> None:
    """Repeat what fails: runs in the journal of this runner are ended by no other one."""
    while True:
        if await run_step(work(), logger, "recovery failed; it is tried again", **about):
            return
        await asyncio.sleep(_FAILURE_DELAY)
