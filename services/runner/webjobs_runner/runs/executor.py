"""One run of a triggered job, from its first event to the end of its last process."""

import asyncio
import signal
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

from webjobs_events.errors import WebJobsError
from webjobs_events.jetstream import LiveSettings
from webjobs_events.job import JobDefinition, JobType
from webjobs_events.job_settings import JobSettings
from webjobs_events.status import Reason

from webjobs_runner.domain.run_events import initializing_event, running_event
from webjobs_runner.domain.run_outcome import (
    Ended,
    Outcome,
    deleted_before_begun,
    ended_by_request,
    exited,
    lease_overdue,
    not_started,
    over_limit,
    runner_failed,
    with_grace,
)
from webjobs_runner.heartbeat import Peers
from webjobs_runner.jobs.definitions import settings_of
from webjobs_runner.log import logger
from webjobs_runner.processes.exit_facts import facts_of_exit, reason_not_started
from webjobs_runner.processes.idle import idle_verdict
from webjobs_runner.processes.process import ScriptProcess
from webjobs_runner.processes.script_start import PreparedScript, ScriptStarter, StartedScript
from webjobs_runner.runs.claims import OwnAttempt
from webjobs_runner.runs.dependencies import RunDependencies
from webjobs_runner.runs.fence import Fence
from webjobs_runner.runs.finish import Finish, RecordedEnd
from webjobs_runner.runs.run_journal import UnfinishedRun
from webjobs_runner.runs.run_registry import RunRegistry

IDLE_TIMEOUT_SECONDS = 120.0
_UNWATCHED_SECONDS = 1.0


class RunExecutor:
    """Makes executions, and passes changes of the app settings on to those that run."""

    def __init__(
        self,
        dependencies: RunDependencies,
        settings: LiveSettings,
        starter: ScriptStarter,
        registry: RunRegistry,
        finish: Finish,
        peers: Peers,
    ) -> None:
        self.instance = dependencies.instance
        self.outbox = dependencies.outbox
        self.journal = dependencies.journal
        self.requests = dependencies.requests
        self.logs = dependencies.logs
        self.settings = settings
        self.starter = starter
        self.registry = registry
        self.finish = finish
        self.peers = peers
        settings.on_change(self._setting_changed)

    def prepare(self, own: OwnAttempt, definition: JobDefinition | None) -> "RunExecution":
        """Returns the execution of an attempt, whose script is being made ready to start."""
        return RunExecution(self, own, definition)

    def _setting_changed(self, name: str) -> None:
        if name == "WEBJOBS_STOPPED" and self.settings.flag(name):
            self.registry.ask_to_end(Reason.STOPPED, "WEBJOBS_STOPPED was set.")
        elif name == "WEBJOBS_IDLE_TIMEOUT":
            self.registry.limits_changed()


class RunExecution:
    """One attempt: prepare, start, watch, stop its script.

    Args:
        executor: Of this runner.
        own: The attempt.
        definition: Of its job; None when the job is deleted.
    """

    def __init__(self, executor: RunExecutor, own: OwnAttempt, definition: JobDefinition | None) -> None:
        self.attempt = own.attempt
        self.after = own.after
        self.limit_changed = asyncio.Event()
        self._claimed_at = own.claimed_at
        self._digest = definition.digest if definition else ""
        self._initialized_at = datetime.now(UTC)
        self._executor = executor
        self._definition = definition
        self._log = executor.logs.of(own.attempt)
        is_fenced = definition is not None and settings_of(definition).concurrency.is_fenced
        self._fence = Fence(executor.peers) if is_fenced else None
        self._started_at: datetime | None = None
        self._requested: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._steps: asyncio.Future[int] | None = None  # the sequence of the latest event, once stored
        self._idle: asyncio.Task[str] | None = None
        self._preparing = asyncio.ensure_future(self._prepare(definition)) if definition else None

    def ask_to_end(self, reason: Reason, evidence: str) -> None:
        """Let it end as Aborted; the first request counts."""
        self._request(ended_by_request(reason, evidence))

    def _request(self, outcome: Outcome) -> None:
        if not self._requested.done():
            self._requested.set_result(outcome)

    async def drop(self) -> None:
        """Release what was prepared: the run is not started here, or not at all."""
        if self._preparing is None:
            return
        self._preparing.cancel()
        (prepared,) = await asyncio.gather(self._preparing, return_exceptions=True)
        if isinstance(prepared, PreparedScript):
            prepared.release()

    async def carry_out(self) -> RecordedEnd:
        """Start the script and see it through; returns its end, which is on disk, not yet on the stream."""
        self._executor.journal.note(
            UnfinishedRun(
                command=self.attempt.command,
                digest=self._digest,
                initialized_at=self._initialized_at,
                after=self.after,
                run_id=self.attempt.run_id,
                attempt=self.attempt.number,
                retry_of=self.attempt.retry_of,
            )
        )
        with self._executor.registry.executing(self):
            request = self._executor.requests.of_attempt(self.attempt)
            if request is not None:
                self.ask_to_end(request.reason, request.evidence)
            return self._recorded(await self._outcome())

    def _recorded(self, outcome: Outcome) -> RecordedEnd:
        try:
            self._publish_beginning()
            self._log.script.finish()
        except Exception:  # how it ended is known, and is worth more than what comes before
            logger.exception("beginning of a run not recorded", run_id=self.attempt.run_id)
        self._executor.outbox.hurry()  # the final event follows when the stream has those before
        ended = Ended(self.attempt, outcome, self._digest, self._started_at)
        log = self._log if self._definition else None  # the data of a deleted job stay away
        event = self._executor.finish.record(ended, self._definition, log)
        return RecordedEnd(self.attempt, event, self._log, self._steps, self.after, self._claimed_at)

    def _publish_beginning(self) -> None:
        """Publish the first event and write the first line of the log, unless that is done."""
        if self._steps is None:
            first = initializing_event(
                self.attempt,
                instance_id=self._executor.instance.id,
                digest=self._digest,
                at=self._initialized_at,
            )
            self._steps = self._executor.outbox.add(first, self.attempt.cause, may_wait=True)
            if self._definition is not None:
                self._log.say("Status changed to Initializing")

    async def _prepare(self, definition: JobDefinition) -> PreparedScript:
        """Make ready, while the claim is on its way, what the script needs."""
        return await self._executor.starter.prepare(
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
        if self._executor.settings.flag("WEBJOBS_STOPPED"):
            await self.drop()
            return ended_by_request(Reason.STOPPED, "WEBJOBS_STOPPED is set: no job may run.")
        try:
            started = await self._start(self._preparing)
        except (WebJobsError, OSError) as error:
            return not_started(reason_not_started(error), str(error))
        if started is None:
            return self._requested.result()
        try:
            self._started_at = started_at = datetime.now(UTC)
            script, host = self._definition.script, started.host
            running = running_event(
                self.attempt,
                instance_id=self._executor.instance.id,
                digest=self._digest,
                at=started_at,
                script=script,
            )
            self._steps = self._executor.outbox.add(running, self.attempt.cause, may_wait=True)
            self._log.say(f"Run script '{script}' with script host - '{host}'")
            self._log.say("Status changed to Running")
            for warning in started.warnings:
                self._log.say(warning, "SYS WARN")
            started.process.resume_reading()
            return await self._see_through(started, self._definition)
        finally:
            started.release()

    async def _start(self, preparing: "asyncio.Task[PreparedScript]") -> StartedScript | None:
        """Start the script; None when the run is requested to end before.

        Raises: As `ScriptStarter.start`.
        """
        if not preparing.done():  # a new version, on its way to this disk
            self._publish_beginning()
            watched: set[asyncio.Future[Any]] = {preparing, self._requested}
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        if self._fence is not None and self._fence.is_overdue:
            self._lease_overdue(self._fence)
        if self._requested.done():
            await self.drop()
            return None
        started = await self._executor.starter.begin(
            preparing.result(),
            lambda chunk: self._log.script.on_stdout(chunk),  # the log is made while the launcher works
            lambda chunk: self._log.script.on_stderr(chunk),
        )
        try:
            self._publish_beginning()  # while the launcher starts the script
            await started.process.started()
        except BaseException:
            started.release()
            raise
        return started

    async def _see_through(self, started: StartedScript, definition: JobDefinition) -> Outcome:
        """Wait for the script's end, or stop it when it is idle, over its limit, or requested to end."""
        process, loop = started.process, asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()

        def wake(*_: object) -> None:
            if not woken.done():
                woken.set_result(None)

        def watch() -> None:
            self._idle = asyncio.ensure_future(self._until_idle(process, started_at))
            self._idle.add_done_callback(wake)

        process.when_over(wake)
        self._requested.add_done_callback(wake)
        started_at = time.monotonic()
        settings = settings_of(definition)
        limits = [loop.call_later(self._unwatched_seconds, watch)]
        if settings.timeout is not None:
            limits.append(loop.call_later(settings.timeout, self._over_time, settings.timeout, started_at))
        fence = self._fence
        try:
            with fence.around(process, lambda: self._lease_overdue(fence)) if fence else nullcontext():
                if process.over is None:
                    await woken
                if process.over is None:
                    return await self._end(started, settings)
            if fence is not None and fence.has_expired and process.over.signal == signal.SIGKILL:
                return lease_overdue(fence.evidence)
            return exited(facts_of_exit(process.over))
        finally:
            for limit in limits:
                limit.cancel()
            if self._idle is not None:
                self._idle.cancel()
            if process.over is None:
                process.kill()
                await process.wait()

    def _lease_overdue(self, fence: Fence) -> None:
        self._request(lease_overdue(fence.evidence))

    def _over_time(self, limit: float, started_at: float) -> None:
        measured = time.monotonic() - started_at
        evidence = (
            f"It ran for {measured:.3g} s; the limit is {limit:g} s. "
            "Raise or remove timeout in settings.job if that is too short."
        )
        self._request(over_limit(Reason.MAX_DURATION, evidence))

    async def _end(self, started: StartedScript, settings: JobSettings) -> Outcome:
        """End the script: it is requested to end, took too long, or is idle."""
        if self._requested.done():
            wanted = self._requested.result()
        else:
            assert self._idle is not None
            wanted = over_limit(Reason.IDLE_TIMEOUT, self._idle.result())
        self._log.say(wanted.evidence, "SYS WARN")
        is_over = asyncio.Event()
        started.process.when_over(is_over.set)
        end = await started.stop(settings, JobType.TRIGGERED, is_over)
        return with_grace(wanted, end.how)

    @property
    def _idle_limit(self) -> float:
        return self._executor.settings.number("WEBJOBS_IDLE_TIMEOUT", IDLE_TIMEOUT_SECONDS)

    @property
    def _unwatched_seconds(self) -> float:
        """No run is found idle before: most have ended by then, and are spared a watch."""
        return min(_UNWATCHED_SECONDS, max(0.0, self._idle_limit / 10) or _UNWATCHED_SECONDS)

    async def _until_idle(self, process: ScriptProcess, started_at: float) -> str:
        """Wait until the script has been idle for WEBJOBS_IDLE_TIMEOUT; returns the evidence."""
        while True:
            try:
                return await idle_verdict(
                    process.pid,
                    lambda: self._log.script.received,
                    lambda: self._idle_limit,
                    self.limit_changed,
                    started_at,
                )
            except OSError as error:  # out of descriptors, perhaps: no run is found idle by that
                logger.error("idleness cannot be measured", run_id=self.attempt.run_id, error=str(error))
                await asyncio.sleep(IDLE_TIMEOUT_SECONDS)
