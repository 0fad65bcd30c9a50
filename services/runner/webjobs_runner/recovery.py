"""What an earlier boot of this runner left unfinished: outcomes are reported, orphaned runs are ended."""

import asyncio
from datetime import UTC, datetime

from webjobs_events.errors import BusUnavailable
from webjobs_events.events import RunAborted, RunEnded
from webjobs_events.jetstream import Bus
from webjobs_events.status import Reason

from webjobs_runner.claims import Claims
from webjobs_runner.instance import Instance
from webjobs_runner.log import logger
from webjobs_runner.log_file import OFFSET_HEADER, LogFile
from webjobs_runner.log_shipper import LogShipper
from webjobs_runner.outbox import Outbox
from webjobs_runner.run_ending import (
    Outcome,
    cause_of,
    ended_event,
    has_ended,
    read_status,
    settle_command,
    write_status,
)
from webjobs_runner.script_log import run_log
from webjobs_runner.site import Site
from webjobs_runner.triggered_run import run_log_files
from webjobs_runner.unfinished import UnfinishedRun, UnfinishedRuns

_RETRY_DELAY = 1.0  # seconds
_LOG_PATIENCE = 30.0  # seconds


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
        unfinished: UnfinishedRuns,
    ) -> None:
        self._bus = bus
        self._instance = instance
        self._site = site
        self._outbox = outbox
        self._shipper = shipper
        self._claims = claims
        self._unfinished = unfinished
        self._runs = list(unfinished.all())

    async def run(self) -> None:
        """Finish them all, each until it is done."""
        for run in self._runs:
            while True:
                try:
                    await self._finish(run)
                    break
                except BusUnavailable:
                    await asyncio.sleep(_RETRY_DELAY)

    async def _finish(self, run: UnfinishedRun) -> None:
        command = run.command
        event = self._outcome(run)
        await self._ship_logs(run, event)
        if not await has_ended(self._bus, command) and await self._claims.end(
            command.job_name, command.run_id, run.revision
        ):
            logger.warning("run of an earlier boot ended", run_id=command.run_id, status=event.name)
            await self._outbox.add_and_wait(event, cause_of(command))
        await settle_command(self._bus, command)
        await self._claims.drop(command.job_name, command.run_id)
        self._unfinished.forget(command)

    def _outcome(self, run: UnfinishedRun) -> RunEnded:
        """What the run's own status file says, or that it was lost with its runner."""
        folder = self._site.run_folder(run.command.job_name, run.command.run_id)
        known = read_status(folder)
        if known is not None:
            return known
        output, error = run_log_files(self._bus, folder, run.command)
        evidence = f"Runner {self._instance.id} died while it had the run; its processes were ended."
        event = ended_event(
            run.command,
            Outcome(RunAborted, Reason.RUNNER_LOST, evidence),
            instance_id=self._instance.id,
            digest=run.digest,
            started_at=run.initialized_at,
            has_error_log=not error.is_empty,
        )
        log = run_log(self._instance.id, output, error, self._shipper)
        log.say(evidence, "SYS ERROR")
        log.say(f"Status changed to {event.status}")
        output.close()
        write_status(folder, event)
        return event

    async def _ship_logs(self, run: UnfinishedRun, event: RunEnded) -> None:
        folder = self._site.run_folder(run.command.job_name, run.command.run_id)
        for file in run_log_files(self._bus, folder, run.command):
            if file.is_empty:
                continue
            await self._skip_shipped(file)
            if not await self._shipper.shipped(file, _LOG_PATIENCE):
                age = datetime.now(UTC) - event.at
                logger.warning("log is shipped later", file=file.name, age_seconds=age.total_seconds())

    async def _skip_shipped(self, file: LogFile) -> None:
        """Go on after the last chunk in the stream, if that is one of this file; readers drop overlaps."""
        newest = await self._bus.last_message(self._bus.subjects.logs_stream, file.subject)
        if newest is not None and newest.headers.get("Webjobs-File") == file.name:
            shipped = int(newest.headers.get(OFFSET_HEADER, "0")) + len(newest.data)
            file.shipped = file.sent = min(shipped, file.end)
