"""One run of a triggered job, from its first event to the end of its last process."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from webjobs_events.errors import WebJobsError
from webjobs_events.events import RunAborted, RunEnded, RunFailed
from webjobs_events.jetstream import Bus, LiveSettings
from webjobs_events.job import JobDefinition, JobType
from webjobs_events.status import Reason

from webjobs_runner.files.site import Site
from webjobs_runner.instance import Instance
from webjobs_runner.jobs.definitions import settings_of
from webjobs_runner.log import logger
from webjobs_runner.logs.log_file import LogFile
from webjobs_runner.logs.log_shipper import LogShipper
from webjobs_runner.logs.script_log import ScriptLog, run_log
from webjobs_runner.outbox import Outbox
from webjobs_runner.processes.exit_facts import reason_not_started
from webjobs_runner.processes.idle import idle_verdict
from webjobs_runner.processes.process import ScriptProcess
from webjobs_runner.processes.script_start import PreparedScript, ScriptStarter, StartedScript, end_script
from webjobs_runner.triggered.attempt import Attempt
from webjobs_runner.triggered.run_ending import (
    Outcome,
    ended_event,
    initializing_event,
    outcome_of_exit,
    running_event,
    with_next_attempt,
    write_status,
)

IDLE_TIMEOUT_SECONDS = 120.0
_UNWATCHED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class RunWorkshop:
    """What every triggered run of a runner shares."""

    bus: Bus
    instance: Instance
    site: Site
    settings: LiveSettings
    starter: ScriptStarter
    outbox: Outbox
    shipper: LogShipper


class TriggeredRun:
    """A run in hand.

    Args:
        workshop: Shared by all runs.
        attempt: What is to be begun.
        definition: Of its job; None when there is no such job any more.
        after: Sequence that the stream of events had before.
    """

    def __init__(
        self, workshop: RunWorkshop, attempt: Attempt, definition: JobDefinition | None, after: int
    ) -> None:
        self.attempt = attempt
        self.after = after
        self.digest = definition.digest if definition else ""
        self.initialized_at = datetime.now(UTC)
        self.limit_changed = asyncio.Event()
        self._shop = workshop
        self._definition = definition
        self._folder = workshop.site.run_folder(attempt.job_name, attempt.run_id)
        self._wish: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._last_told: asyncio.Future[int] | None = None
        self._idle: asyncio.Task[str] | None = None
        self._preparing = asyncio.ensure_future(self._prepare(definition)) if definition else None

    @cached_property
    def _files(self) -> tuple[LogFile, LogFile]:
        return run_log_files(self._shop.bus, self._folder, self.attempt, self._shop.instance.id)

    @cached_property
    def _log(self) -> ScriptLog:
        return run_log(self._shop.instance.id, *self._files, self._shop.shipper)

    def ask_to_end(self, reason: Reason, evidence: str) -> None:
        """Let it end as Aborted; the first wish counts."""
        self._want(Outcome(RunAborted, reason, evidence))

    def _want(self, outcome: Outcome) -> None:
        if not self._wish.done():
            self._wish.set_result(outcome)

    async def drop(self) -> None:
        """Let go of what was prepared: the run is not ours to begin, or not to be begun at all."""
        if self._preparing is None:
            return
        self._preparing.cancel()
        (prepared,) = await asyncio.gather(self._preparing, return_exceptions=True)
        if isinstance(prepared, PreparedScript):
            prepared.release()

    async def carry_out(self) -> RunEnded:
        """Begin it and see it through; answers its last event, which is on disk but not yet on the stream."""
        started_at, outcome = await self._run_script()
        self._tell_beginning()
        self._log.finish()
        if outcome.exit_code or (outcome.evidence and outcome.reason is not Reason.EXIT_CODE):
            self._log.say(outcome.evidence, "SYS ERROR")
        _, error = self._files
        ended = ended_event(
            self.attempt,
            outcome,
            instance_id=self._shop.instance.id,
            digest=self.digest,
            started_at=started_at,
            has_error_log=not error.is_empty,
        )
        event = with_next_attempt(ended, self._definition)
        self._log.say(f"Status changed to {event.status}")
        if event.next_run_id is not None:
            self._log.say(f"Attempt {event.attempt + 1} is the run {event.next_run_id}, {_until(event)}")
        self._shop.outbox.hurry()  # the last event follows when the stream has those before
        try:
            write_status(self._folder, event)
        except OSError as fault:
            logger.error("outcome of a run not noted on disk", run_id=event.run_id, error=str(fault))
        return event

    async def told(self) -> int:
        """Wait until all its events but the last are on the stream; answers the latest one's sequence."""
        assert self._last_told is not None
        return await asyncio.shield(self._last_told)

    async def log_shipped(self, timeout: float | None) -> None:
        """Wait until its log is in the stream of logs, but no longer than `timeout` seconds."""
        shipper, (output, error) = self._shop.shipper, self._files
        if error.is_shipped:  # as nearly always: it is empty
            await shipper.shipped(output, timeout)
        else:
            await asyncio.gather(shipper.shipped(output, timeout), shipper.shipped(error, timeout))

    def _tell_beginning(self) -> None:
        """Write the first event and the first line of the log, if they are not written yet."""
        if self._last_told is None:
            first = initializing_event(
                self.attempt, instance_id=self._shop.instance.id, digest=self.digest, at=self.initialized_at
            )
            self._last_told = self._shop.outbox.add(first, self.attempt.cause, may_wait=True)
            self._log.say("Status changed to Initializing")

    async def _prepare(self, definition: JobDefinition) -> PreparedScript:
        """Have ready, while the claim is on its way, what the script needs."""
        return await self._shop.starter.prepare(
            definition, run_id=self.attempt.run_id, arguments=self.attempt.command.arguments
        )

    async def _run_script(self) -> tuple[datetime | None, Outcome]:
        """Start the script and see it through; answers when it was started, and how it ended."""
        if self._definition is None or self._preparing is None:
            return None, Outcome(RunAborted, Reason.DELETED, "The job was deleted before the run began.")
        if self._shop.settings.flag("WEBJOBS_STOPPED"):
            await self.drop()
            return None, Outcome(RunAborted, Reason.STOPPED, "WEBJOBS_STOPPED is set: no job may run.")
        try:
            started = await self._start(self._preparing)
        except (WebJobsError, OSError) as error:
            return None, Outcome(RunFailed, reason_not_started(error), str(error))
        if started is None:
            return None, self._wish.result()
        try:
            started_at = datetime.now(UTC)
            script, host = self._definition.script, started.host
            running = running_event(
                self.attempt,
                instance_id=self._shop.instance.id,
                digest=self.digest,
                at=started_at,
                script=script,
            )
            self._last_told = self._shop.outbox.add(running, self.attempt.cause, may_wait=True)
            self._log.say(f"Run script '{script}' with script host - '{host}'")
            self._log.say("Status changed to Running")
            started.process.resume_reading()
            return started_at, await self._see_through(started, self._definition)
        finally:
            started.release()

    async def _start(self, preparing: "asyncio.Task[PreparedScript]") -> StartedScript | None:
        """Start the script; None when somebody wants the run ended before it has begun.

        Raises: As `ScriptStarter.start`.
        """
        if not preparing.done():  # a new version, on its way to this disk
            self._tell_beginning()
            watched: set[asyncio.Future[Any]] = {preparing, self._wish}
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        if self._wish.done():
            await self.drop()
            return None
        started = await self._shop.starter.begin(
            preparing.result(),
            lambda chunk: self._log.on_stdout(chunk),  # the log is made while the launcher works
            lambda chunk: self._log.on_stderr(chunk),
        )
        try:
            self._tell_beginning()  # while the launcher starts the script
            await started.process.started()
        except BaseException:
            started.release()
            raise
        return started

    async def _see_through(self, started: StartedScript, definition: JobDefinition) -> Outcome:
        """Wait for the script's end, or bring it about when it is idle or somebody wants it ended."""
        process, loop = started.process, asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()

        def take_turn(*_: object) -> None:
            if not turn.done():
                turn.set_result(None)

        def watch() -> None:
            self._idle = asyncio.ensure_future(self._until_idle(process, started_at))
            self._idle.add_done_callback(take_turn)

        process.when_over(take_turn)
        self._wish.add_done_callback(take_turn)
        started_at = time.monotonic()
        settings = settings_of(definition)
        limits = [loop.call_later(self._unwatched_seconds, watch)]
        if settings.timeout is not None:
            limits.append(loop.call_later(settings.timeout, self._over_time, settings.timeout, started_at))
        try:
            if process.over is None:
                await turn
            if process.over is not None:
                return outcome_of_exit(process.over)
            return await self._end(process, settings.stopping_wait_seconds(JobType.TRIGGERED))
        finally:
            for limit in limits:
                limit.cancel()
            if self._idle is not None:
                self._idle.cancel()
            if process.over is None:
                process.kill()
                await process.wait()

    def _over_time(self, limit: float, started_at: float) -> None:
        measured = time.monotonic() - started_at
        evidence = (
            f"It ran for {measured:.3g} s; the limit is {limit:g} s. "
            "Raise or remove timeout in settings.job if that is too short."
        )
        self._want(Outcome(RunFailed, Reason.MAX_DURATION, evidence))

    async def _end(self, process: ScriptProcess, grace: float) -> Outcome:
        """End the script: somebody wishes that, it took too long, or it is idle."""
        if self._wish.done():
            wanted = self._wish.result()
        else:
            assert self._idle is not None
            wanted = Outcome(RunFailed, Reason.IDLE_TIMEOUT, self._idle.result())
        self._log.say(wanted.evidence, "SYS WARN")
        was_killed = await end_script(process, grace)
        how = f"It was killed after {grace:g} s of grace." if was_killed else "It ended within its grace."
        return Outcome(wanted.event, wanted.reason, f"{wanted.evidence} {how}")

    @property
    def _idle_limit(self) -> float:
        return self._shop.settings.number("WEBJOBS_IDLE_TIMEOUT", IDLE_TIMEOUT_SECONDS)

    @property
    def _unwatched_seconds(self) -> float:
        """No run is found idle before: most have ended by then, and are spared a watch."""
        return min(_UNWATCHED_SECONDS, max(0.0, self._idle_limit / 10) or _UNWATCHED_SECONDS)

    async def _until_idle(self, process: ScriptProcess, started_at: float) -> str:
        """Wait until the script has been idle for WEBJOBS_IDLE_TIMEOUT; answers the evidence."""
        while True:
            try:
                return await idle_verdict(
                    process.pid,
                    lambda: self._log.received,
                    lambda: self._idle_limit,
                    self.limit_changed,
                    started_at,
                )
            except OSError as error:  # out of descriptors, perhaps: nobody is found idle by that
                logger.error("idleness cannot be told", run_id=self.attempt.run_id, error=str(error))
                await asyncio.sleep(IDLE_TIMEOUT_SECONDS)


def run_log_files(bus: Bus, folder: Path, attempt: Attempt, instance_id: str) -> tuple[LogFile, LogFile]:
    """The two log files of a run: all lines, and those of standard error."""
    subject = bus.subjects.log(JobType.TRIGGERED, attempt.job_name, attempt.run_id)
    names = (f"output_{attempt.run_id}.log", f"error_{attempt.run_id}.log")
    output, error = (
        LogFile(f"{folder}/{name}", name=name, subject=subject, instance_id=instance_id) for name in names
    )
    return output, error


def _until(event: RunEnded) -> str:
    return f"not before {event.next_attempt_at:%Y-%m-%dT%H:%M:%SZ}"
