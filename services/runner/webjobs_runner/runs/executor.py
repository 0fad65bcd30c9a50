"""One run of a triggered job, from its first event to the end of its last process."""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from webjobs_events.errors import WebJobsError
from webjobs_events.events import RunEnded
from webjobs_events.jetstream import Bus, LiveSettings
from webjobs_events.job import JobDefinition, JobType
from webjobs_events.job_settings import JobSettings
from webjobs_events.status import Reason

from webjobs_runner.domain.attempt import Attempt
from webjobs_runner.domain.run_events import initializing_event, running_event
from webjobs_runner.domain.run_outcome import (
    Ended,
    Outcome,
    deleted_before_begun,
    ended_by_request,
    exited,
    not_started,
    over_limit,
    runner_failed,
    with_grace,
)
from webjobs_runner.instance import Instance
from webjobs_runner.jobs.definitions import settings_of
from webjobs_runner.jobs.edited_folders import EditedFolders
from webjobs_runner.log import logger
from webjobs_runner.outbox import Outbox
from webjobs_runner.processes.exit_facts import facts_of_exit, reason_not_started
from webjobs_runner.processes.idle import idle_verdict
from webjobs_runner.processes.process import ScriptProcess
from webjobs_runner.processes.script_start import PreparedScript, ScriptStarter, StartedScript
from webjobs_runner.runs.finish import Finish
from webjobs_runner.runs.run_log import RunLogs

IDLE_TIMEOUT_SECONDS = 120.0
_UNWATCHED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class RunDependencies:
    """What every triggered run of a runner shares."""

    bus: Bus
    instance: Instance
    settings: LiveSettings
    starter: ScriptStarter
    folders: EditedFolders
    outbox: Outbox
    logs: RunLogs
    finish: Finish


class RunExecution:
    """A run in hand.

    Args:
        workshop: Shared by all runs.
        attempt: What is to be begun.
        definition: Of its job; None when there is no such job any more.
        after: Sequence that the stream of events had before.
    """

    def __init__(
        self, workshop: RunDependencies, attempt: Attempt, definition: JobDefinition | None, after: int
    ) -> None:
        self.attempt = attempt
        self.after = after
        self.digest = definition.digest if definition else ""
        self.initialized_at = datetime.now(UTC)
        self.limit_changed = asyncio.Event()
        self._shop = workshop
        self._definition = definition
        self._log = workshop.logs.of(attempt)
        self._started_at: datetime | None = None
        self._wish: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._last_told: asyncio.Future[int] | None = None
        self._idle: asyncio.Task[str] | None = None
        self._preparing = asyncio.ensure_future(self._prepare(definition)) if definition else None

    def ask_to_end(self, reason: Reason, evidence: str) -> None:
        """Let it end as Aborted; the first wish counts."""
        self._want(ended_by_request(reason, evidence))

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
        """Begin it and see it through; returns its final event, which is on disk, not yet on the stream."""
        outcome = await self._outcome()
        try:
            self._tell_beginning()
            self._log.script.finish()
        except Exception:  # how it ended is known, and is worth more than what comes before
            logger.exception("beginning of a run not recorded", run_id=self.attempt.run_id)
        self._shop.outbox.hurry()  # the final event follows when the stream has those before
        ended = Ended(self.attempt, outcome, self.digest, self._started_at)
        log = self._log if self._definition else None  # the data of a deleted job stay away
        return self._shop.finish.record(ended, self._definition, log)

    async def told(self) -> int:
        """Wait until its events before the final one are on the stream; returns the latest one's sequence."""
        if self._last_told is None:
            return self.after
        return await asyncio.shield(self._last_told)

    async def log_shipped(self, timeout: float | None) -> None:
        """Wait until its log is in the stream of logs, but no longer than `timeout` seconds."""
        await self._log.shipped(timeout)

    def _tell_beginning(self) -> None:
        """Write the first event and the first line of the log, if they are not written yet."""
        if self._last_told is None:
            first = initializing_event(
                self.attempt, instance_id=self._shop.instance.id, digest=self.digest, at=self.initialized_at
            )
            self._last_told = self._shop.outbox.add(first, self.attempt.cause, may_wait=True)
            if self._definition is not None:
                self._log.say("Status changed to Initializing")

    async def _prepare(self, definition: JobDefinition) -> PreparedScript:
        """Have ready, while the claim is on its way, what the script needs."""
        return await self._shop.starter.prepare(
            definition,
            run_id=self.attempt.run_id,
            arguments=self.attempt.command.arguments,
            trace=self.attempt.command.trace,
        )

    async def _outcome(self) -> Outcome:
        """Run the script; whatever the runner itself raises is an outcome too, for a run has to end."""
        try:
            return await self._run_script()
        except Exception as error:
            logger.exception("run failed in the runner itself", run_id=self.attempt.run_id)
            return runner_failed(str(error), has_started=self._started_at is not None)

    async def _run_script(self) -> Outcome:
        """Start the script and see it through; returns how it ended."""
        if self._definition is None or self._preparing is None:
            return deleted_before_begun()
        if self._shop.settings.flag("WEBJOBS_STOPPED"):
            await self.drop()
            return ended_by_request(Reason.STOPPED, "WEBJOBS_STOPPED is set: no job may run.")
        try:
            started = await self._start(self._preparing)
        except (WebJobsError, OSError) as error:
            return not_started(reason_not_started(error), str(error))
        if started is None:
            return self._wish.result()
        try:
            self._started_at = started_at = datetime.now(UTC)
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
            for warning in started.warnings:
                self._log.say(warning, "SYS WARN")
            started.process.resume_reading()
            return await self._see_through(started, self._definition)
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
            lambda chunk: self._log.script.on_stdout(chunk),  # the log is made while the launcher works
            lambda chunk: self._log.script.on_stderr(chunk),
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
                return exited(facts_of_exit(process.over))
            return await self._end(started, settings)
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
        self._want(over_limit(Reason.MAX_DURATION, evidence))

    async def _end(self, started: StartedScript, settings: JobSettings) -> Outcome:
        """End the script: somebody wishes that, it took too long, or it is idle."""
        if self._wish.done():
            wanted = self._wish.result()
        else:
            assert self._idle is not None
            wanted = over_limit(Reason.IDLE_TIMEOUT, self._idle.result())
        self._log.say(wanted.evidence, "SYS WARN")
        woken = asyncio.Event()
        started.process.when_over(woken.set)
        end = await started.stop(settings, JobType.TRIGGERED, woken)
        return with_grace(wanted, end.how)

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
                    lambda: self._log.script.received,
                    lambda: self._idle_limit,
                    self.limit_changed,
                    started_at,
                )
            except OSError as error:  # out of descriptors, perhaps: nobody is found idle by that
                logger.error("idleness cannot be told", run_id=self.attempt.run_id, error=str(error))
                await asyncio.sleep(IDLE_TIMEOUT_SECONDS)
