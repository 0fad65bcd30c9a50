"""Runs of triggered jobs, each from its command to its last event."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from webjobs_events.commands import RunTriggeredJob, decode_command
from webjobs_events.errors import BusUnavailable, UndecodableMessage, WebJobsError
from webjobs_events.events import RunAborted, RunEnded, RunFailed, RunRunning
from webjobs_events.jetstream import Bus, LiveSettings, QueuedMessage
from webjobs_events.job import JobDefinition, JobName, JobType
from webjobs_events.status import Reason

from webjobs_runner.claims import Claims
from webjobs_runner.definitions import Definitions
from webjobs_runner.domain.job_settings import read_job_settings
from webjobs_runner.exit_facts import reason_not_started
from webjobs_runner.heartbeat import Peers
from webjobs_runner.idle import idle_verdict
from webjobs_runner.instance import Instance
from webjobs_runner.log import logger
from webjobs_runner.log_file import LogFile
from webjobs_runner.log_shipper import LogShipper
from webjobs_runner.outbox import Outbox
from webjobs_runner.process import ScriptProcess
from webjobs_runner.run_ending import (
    Outcome,
    cause_of,
    ended_event,
    has_ended,
    initializing_event,
    outcome_of_exit,
    report_lost,
    write_status,
)
from webjobs_runner.script_log import ScriptLog, run_log
from webjobs_runner.script_start import ScriptStarter, StartedScript, end_script
from webjobs_runner.site import Site
from webjobs_runner.unfinished import UnfinishedRun, UnfinishedRuns

IDLE_TIMEOUT_SECONDS = 120.0
_LOG_PATIENCE = 0.5  # seconds that the last event waits for the log before it
_RETRY_DELAY = 1.0  # seconds
_HELD_DELAY = 5.0  # seconds after which a command that somebody else has in hand is looked at again


class ActiveRun:
    """A run whose script is alive, and the wish that it ends."""

    def __init__(self, command: RunTriggeredJob) -> None:
        self.command = command
        self.wish: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def ask_to_end(self, reason: Reason, evidence: str) -> None:
        """Let it end as Aborted; the first wish counts."""
        if not self.wish.done():
            self.wish.set_result(Outcome(RunAborted, reason, evidence))


class TriggeredRuns:
    """Carries out run commands; one call of `handle` for each."""

    def __init__(
        self,
        bus: Bus,
        instance: Instance,
        site: Site,
        *,
        definitions: Definitions,
        settings: LiveSettings,
        starter: ScriptStarter,
        outbox: Outbox,
        shipper: LogShipper,
        claims: Claims,
        peers: Peers,
        unfinished: UnfinishedRuns,
    ) -> None:
        self._bus = bus
        self._instance = instance
        self._site = site
        self._definitions = definitions
        self._settings = settings
        self._starter = starter
        self._outbox = outbox
        self._shipper = shipper
        self._claims = claims
        self._peers = peers
        self._unfinished = unfinished
        self._active: set[ActiveRun] = set()
        settings.on_change(self._setting_changed)

    def end_all(self, reason: Reason, evidence: str, job_name: JobName | None = None) -> None:
        """Ask the running scripts, or those of one job, to end."""
        for run in list(self._active):
            if job_name is None or run.command.job_name == job_name:
                run.ask_to_end(reason, evidence)

    def _setting_changed(self, name: str) -> None:
        if name == "WEBJOBS_STOPPED" and self._settings.flag(name):
            self.end_all(Reason.STOPPED, "WEBJOBS_STOPPED was set.")

    async def handle(self, message: QueuedMessage, free: Callable[[], None]) -> None:
        """Carry out one command; `free` is called when its script has ended."""
        try:
            command = decode_command(message.subject, message.data)
            if not isinstance(command, RunTriggeredJob):
                raise UndecodableMessage(message.subject, f"{command.verb} is not asked for here")
        except UndecodableMessage as error:
            logger.error("unreadable command parked", subject=message.subject, error=str(error))
            await self._bus.park("runner", message, error.reason)
            await message.refuse()
            return
        claimed_at = time.monotonic()
        try:
            revision = await self._claims.take(command.job_name, command.run_id)
            if revision is None:
                await self._judge(command, message)
                return
        except BusUnavailable:
            await message.give_back(_RETRY_DELAY)
            return
        event = await self._carry_out(command, message.sequence, revision, free)
        await self._finish(event, command, revision, claimed_at, message)

    async def _carry_out(
        self, command: RunTriggeredJob, sequence: int, revision: int, free: Callable[[], None]
    ) -> RunEnded:
        definition = self._definitions.get(JobType.TRIGGERED, command.job_name)
        digest = definition.digest if definition else ""
        now = datetime.now(UTC)
        self._unfinished.note(
            UnfinishedRun(
                command=command, sequence=sequence, revision=revision, digest=digest, initialized_at=now
            )
        )
        self._outbox.add(
            initializing_event(command, instance_id=self._instance.id, digest=digest, at=now),
            cause_of(command),
        )
        output, error = self._log_files(command)
        log = run_log(self._instance.id, output, error, self._shipper)
        log.say("Status changed to Initializing")
        started_at, outcome = await self._run_script(command, definition, log)
        log.finish()
        if (outcome.evidence and outcome.reason is not Reason.EXIT_CODE) or outcome.exit_code:
            log.say(outcome.evidence, "SYS ERROR")
        event = ended_event(
            command,
            outcome,
            instance_id=self._instance.id,
            digest=digest,
            started_at=started_at,
            has_error_log=not error.is_empty,
        )
        log.say(f"Status changed to {event.status}")
        write_status(self._site.run_folder(command.job_name, command.run_id), event)
        free()
        for file in (output, error):
            if not self._shipper.is_shipped(file) and self._bus.is_connected:
                await self._shipper.shipped(file, _LOG_PATIENCE)
        return event

    def _log_files(self, command: RunTriggeredJob) -> tuple[LogFile, LogFile]:
        folder = self._site.run_folder(command.job_name, command.run_id)
        return run_log_files(self._bus, folder, command)

    async def _run_script(
        self, command: RunTriggeredJob, definition: JobDefinition | None, log: ScriptLog
    ) -> tuple[datetime | None, Outcome]:
        """Start the script and see it through; answers when it was started, and how it ended."""
        if definition is None:
            return None, Outcome(RunAborted, Reason.DELETED, "The job was deleted before the run began.")
        if self._settings.flag("WEBJOBS_STOPPED"):
            return None, Outcome(RunAborted, Reason.STOPPED, "WEBJOBS_STOPPED is set: no job may run.")
        run = ActiveRun(command)
        self._active.add(run)
        try:
            started = await self._starter.start(
                definition, log, run_id=command.run_id, arguments=command.arguments
            )
        except (WebJobsError, OSError) as error:
            self._active.discard(run)
            return None, Outcome(RunFailed, reason_not_started(error), str(error))
        try:
            started_at = datetime.now(UTC)
            self._outbox.add(
                RunRunning(
                    at=started_at,
                    instance=self._instance.id,
                    job_name=command.job_name,
                    run_id=command.run_id,
                    attempt=command.attempt,
                    trigger=command.requested_by,
                    arguments=command.arguments,
                    digest=definition.digest,
                    requested_at=command.requested_at,
                    script=definition.script,
                ),
                cause_of(command),
            )
            log.say(f"Run script '{definition.script}' with script host - '{started.host}'")
            log.say("Status changed to Running")
            return started_at, await self._see_through(run, started, definition, log)
        finally:
            self._active.discard(run)
            started.release()

    async def _see_through(
        self, run: ActiveRun, started: StartedScript, definition: JobDefinition, log: ScriptLog
    ) -> Outcome:
        """Wait for the script's end, or bring it about when it is idle or somebody wants it ended."""
        process = started.process
        ending = asyncio.ensure_future(process.wait())
        idle = asyncio.ensure_future(self._until_idle(process, log))
        try:
            watched: set[asyncio.Future[Any]] = {ending, idle, run.wish}
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            if ending.done():
                return outcome_of_exit(ending.result())
            if run.wish.done():
                wanted = run.wish.result()
            else:
                wanted = Outcome(RunFailed, Reason.IDLE_TIMEOUT, idle.result())
            log.say(wanted.evidence, "SYS WARN")
            grace = read_job_settings(definition.settings).stopping_wait_seconds(JobType.TRIGGERED)
            killed = await end_script(process, grace)
            how = f"It was killed after {grace:g} s of grace." if killed else "It ended within its grace."
            return Outcome(wanted.event, wanted.reason, f"{wanted.evidence} {how}")
        finally:
            idle.cancel()
            run.wish.cancel()
            if not ending.done():
                process.kill()
                await ending

    async def _until_idle(self, process: ScriptProcess, log: ScriptLog) -> str:
        """Wait until the script has been idle for WEBJOBS_IDLE_TIMEOUT; answers the evidence."""
        return await idle_verdict(
            process.pid,
            lambda: log.received,
            lambda: self._settings.number("WEBJOBS_IDLE_TIMEOUT", IDLE_TIMEOUT_SECONDS),
        )

    async def _finish(
        self,
        event: RunEnded,
        command: RunTriggeredJob,
        revision: int,
        claimed_at: float,
        message: QueuedMessage,
    ) -> None:
        """Publish the last event and settle the command; while NATS is away, wait for it."""
        while True:
            try:
                if await self._claims.may_end(command.job_name, command.run_id, revision, claimed_at):
                    await self._outbox.add_and_wait(event, cause_of(command))
                else:
                    logger.warning("run was ended by another runner meanwhile", run_id=command.run_id)
                break
            except BusUnavailable:
                await asyncio.sleep(_RETRY_DELAY)
        # A confirmation that was lost shows as a redelivery, which finds the run ended.
        if await message.done():
            await self._claims.drop(command.job_name, command.run_id)
        self._unfinished.forget(command)

    async def _judge(self, command: RunTriggeredJob, message: QueuedMessage) -> None:
        """Decide about a command whose run was claimed before: it is never started again.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        found = await self._claims.read(command.job_name, command.run_id)
        if found is None or await has_ended(self._bus, command):
            await message.done()
            await self._claims.drop(command.job_name, command.run_id)
            return
        claim, revision = found
        ours = (claim.instance, claim.boot) == (self._instance.id, self._instance.boot)
        own_earlier = claim.instance == self._instance.id and not ours
        if ours or not (own_earlier or await self._peers.is_lost(claim.instance)):
            await message.give_back(_HELD_DELAY)
            return
        if not await self._claims.end(command.job_name, command.run_id, revision):
            await message.give_back(_HELD_DELAY)
            return
        definition = self._definitions.get(JobType.TRIGGERED, command.job_name)
        digest = definition.digest if definition else ""
        logger.warning("run of a lost runner ended", run_id=command.run_id, lost=claim.instance)
        await report_lost(self._bus, self._outbox, self._instance, command, claim.instance, digest)
        await message.done()
        await self._claims.drop(command.job_name, command.run_id)


def run_log_files(bus: Bus, folder: Path, command: RunTriggeredJob) -> tuple[LogFile, LogFile]:
    """The two log files of a run: all lines, and those of standard error."""
    subject = bus.subjects.log(JobType.TRIGGERED, command.job_name, command.run_id)
    names = (f"output_{command.run_id}.log", f"error_{command.run_id}.log")
    output, error = (LogFile(folder / name, name=name, subject=subject) for name in names)
    return output, error
