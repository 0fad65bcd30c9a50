"""What an earlier boot of this runner left unfinished: outcomes are reported, orphaned runs are ended."""

import asyncio

from webjobs_events.errors import BusUnavailable
from webjobs_events.events import RunAborted, RunEnded
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobType
from webjobs_events.status import Reason

from webjobs_runner.files.site import Site
from webjobs_runner.instance import Instance
from webjobs_runner.jobs.definitions import Definitions
from webjobs_runner.log import logger
from webjobs_runner.logs.log_file import FILE_HEADER, OFFSET_HEADER, LogFile
from webjobs_runner.logs.log_shipper import LogShipper
from webjobs_runner.logs.script_log import run_log
from webjobs_runner.outbox import Outbox
from webjobs_runner.triggered.burial import Burial
from webjobs_runner.triggered.claims import Claims
from webjobs_runner.triggered.conclusion import Conclusions
from webjobs_runner.triggered.last_event import RunEnds, look_at_run
from webjobs_runner.triggered.run_ending import (
    Outcome,
    ended_event,
    initializing_event,
    read_status,
    with_next_attempt,
    write_status,
)
from webjobs_runner.triggered.triggered_run import run_log_files
from webjobs_runner.triggered.unfinished import UnfinishedRun, UnfinishedRuns

_RETRY_DELAY = 1.0  # seconds
_LOG_PATIENCE = 0.5  # seconds that the last event waits for the log before it


class Recovery:
    """Ends the runs that an earlier boot had in hand; their processes are dead already."""

    def __init__(
        self,
        bus: Bus,
        instance: Instance,
        site: Site,
        outbox: Outbox,
        shipper: LogShipper,
        claims: Claims,
        burial: Burial,
        ends: RunEnds,
        conclusions: Conclusions,
        definitions: Definitions,
        unfinished: UnfinishedRuns,
    ) -> None:
        self._bus = bus
        self._instance = instance
        self._site = site
        self._outbox = outbox
        self._shipper = shipper
        self._claims = claims
        self._burial = burial
        self._ends = ends
        self._conclusions = conclusions
        self._definitions = definitions
        self._unfinished = unfinished
        self._runs = unfinished.all()

    async def run(self) -> None:
        """Finish them all at the same time, each until it is done."""
        await self._outbox.drained()  # what the earlier boot had still to tell comes before the ends
        async with asyncio.TaskGroup() as group:
            for run in self._runs:
                group.create_task(self._until_done(run))
            group.create_task(self._bury_unnoted())

    async def _until_done(self, run: UnfinishedRun) -> None:
        while True:
            try:
                await self._finish(run)
                return
            except BusUnavailable:
                await asyncio.sleep(_RETRY_DELAY)
            except OSError as error:
                logger.error("run not recovered", run_id=run.command.run_id, error=str(error))
                return

    async def _bury_unnoted(self) -> None:
        """End the runs of which the disk knows nothing, and drop claims left on those that are done."""
        while True:
            try:
                for run in await self._claims.of_instance(self._instance.id):
                    is_noted = any(noted.command.run_id == run.run_id for noted in self._runs)
                    if not self._claims.is_own(run.claim) and not is_noted:
                        await self._burial.bury_claimed(run)
                return
            except BusUnavailable:
                await asyncio.sleep(_RETRY_DELAY)

    async def _finish(self, run: UnfinishedRun) -> None:
        """End a run, if its command says that it has not ended; its log is shipped in any case."""
        attempt = run.begun
        folder = self._site.run_folder(attempt.job_name, attempt.run_id)
        files = run_log_files(self._bus, folder, attempt, self._instance.id)
        for file in files:
            await self._skip_shipped(file)
        if await self._conclusions.is_pending(run.command):
            await self._tell_beginning(run)
            event = self._outcome(run, files)
            for file in files:
                await self._shipper.shipped(file, _LOG_PATIENCE)
            logger.warning("run of an earlier boot ended", run_id=attempt.run_id, status=event.name)
            end = await self._ends.write(attempt, event, run.after, is_known=False)
            next_attempt = await self._conclusions.conclude(attempt, end)
            if next_attempt is not None:
                self._burial.on_next(next_attempt)
        else:
            await self._claims.drop(attempt.job_name, run.command.run_id)
        for file in files:
            await self._shipper.shipped(file, None)
        self._unfinished.forget(run.command)

    async def _tell_beginning(self, run: UnfinishedRun) -> None:
        """Write the first event, if the kill came before it."""
        attempt = run.begun
        found = await look_at_run(self._bus, attempt, run.after)
        if not found.has_begun and found.before is None:
            first = initializing_event(
                attempt, instance_id=self._instance.id, digest=run.digest, at=run.initialized_at
            )
            await asyncio.shield(self._outbox.add(first, attempt.cause))

    def _outcome(self, run: UnfinishedRun, files: tuple[LogFile, LogFile]) -> RunEnded:
        """What the run's own status file says, or that it was lost with its runner."""
        attempt = run.begun
        folder = self._site.run_folder(attempt.job_name, attempt.run_id)
        known = read_status(folder)
        if known is not None:
            return known
        output, error = files
        evidence = f"Runner {self._instance.id} died while it had the run; its processes were ended."
        ended = ended_event(
            attempt,
            Outcome(RunAborted, Reason.RUNNER_LOST, evidence),
            instance_id=self._instance.id,
            digest=run.digest,
            started_at=run.initialized_at,
            has_error_log=not error.is_empty,
        )
        event = with_next_attempt(ended, self._definitions.get(JobType.TRIGGERED, attempt.job_name))
        log = run_log(self._instance.id, output, error, self._shipper)
        log.say(evidence, "SYS ERROR")
        log.say(f"Status changed to {event.status}")
        try:
            write_status(folder, event)
        except OSError as error_on_disk:
            logger.error("outcome of a run not noted", run_id=event.run_id, error=str(error_on_disk))
        return event

    async def _skip_shipped(self, file: LogFile) -> None:
        """Go on after the last chunk in the stream, if that is one of this file; readers drop overlaps."""
        newest = await self._bus.last_message(self._bus.subjects.logs_stream, file.subject)
        if newest is not None and newest.headers.get(FILE_HEADER) == file.name:
            shipped = int(newest.headers.get(OFFSET_HEADER, "0")) + len(newest.data)
            file.shipped = file.sent = min(shipped, file.end)
