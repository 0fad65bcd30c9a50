"""One run of a triggered job, from its first event to the end of its last process."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from webjobs_events.jetstream import LiveSettings
from webjobs_events.job import JobDefinition
from webjobs_rules.errors import WebJobsError
from webjobs_rules.log_format import STATUS_CHANGED
from webjobs_rules.run_report import Progress
from webjobs_rules.status import Reason, Status

from webjobs_runner.domain.run_events import initializing_event, progressed_event, running_event
from webjobs_runner.domain.run_outcome import (
    Ended,
    Outcome,
    deleted_before_begun,
    ended_by_request,
    lease_overdue,
    not_started,
    runner_failed,
    with_report,
)
from webjobs_runner.heartbeat import Peers
from webjobs_runner.jobs.settings import settings_of
from webjobs_runner.log import logger
from webjobs_runner.processes.exit_facts import reason_not_started
from webjobs_runner.processes.script_start import PreparedScript, ScriptStarter, StartedScript
from webjobs_runner.runs.claims import OwnAttempt
from webjobs_runner.runs.dependencies import RunDependencies
from webjobs_runner.runs.fence import Fence
from webjobs_runner.runs.finish import Finish, RecordedOutcome
from webjobs_runner.runs.run_journal import UnfinishedRun
from webjobs_runner.runs.run_registry import RunRegistry
from webjobs_runner.runs.run_report import RunReport
from webjobs_runner.runs.script_watch import EndRequest, ScriptWatch


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
            self.registry.request_end(Reason.STOPPED, "WEBJOBS_STOPPED was set.")
        elif name == "WEBJOBS_IDLE_TIMEOUT":
            self.registry.limits_changed()


class RunExecution:
    """One attempt: prepare and start its script, watch it, record its end.

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
        self._started_at: datetime | None = None
        self._request = EndRequest()
        self._fence: Fence | None = None
        self._progressed = 0  # events
        self._steps: asyncio.Future[int] | None = None  # the sequence of the latest event, once stored
        self._preparing = asyncio.ensure_future(self._prepare(definition)) if definition else None

    def request_end(self, reason: Reason, evidence: str) -> None:
        """Let it end as Aborted; the first request counts."""
        self._request.make(ended_by_request(reason, evidence))

    async def drop(self) -> None:
        """Release what was prepared and is not started; harmless when there is nothing."""
        preparing, self._preparing = self._preparing, None
        if preparing is None:
            return
        preparing.cancel()
        (prepared,) = await asyncio.gather(preparing, return_exceptions=True)
        if isinstance(prepared, PreparedScript):
            prepared.release()

    async def carry_out(self) -> RecordedOutcome:
        """Start the script and see it through; returns its end, which is on disk, not yet on the stream."""
        try:
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
                    self.request_end(request.reason, request.evidence)
                return self._recorded(await self._outcome())
        finally:
            await self.drop()

    def _recorded(self, outcome: Outcome) -> RecordedOutcome:
        try:
            self._publish_beginning()
            self._log.script.finish()
        except Exception:  # how it ended is known, and is worth more than what comes before
            logger.exception("beginning of a run not recorded", run_id=self.attempt.run_id)
        self._executor.outbox.hurry()  # the final event follows when the stream has those before
        ended = Ended(self.attempt, outcome, self._digest, self._started_at)
        log = self._log if self._definition else None  # the data of a deleted job stay away
        event = self._executor.finish.record(ended, self._definition, log)
        return RecordedOutcome(self.attempt, event, self._log, self._steps, self.after, self._claimed_at)

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
                self._log.write_system(f"{STATUS_CHANGED}{Status.INITIALIZING}")

    async def _prepare(self, definition: JobDefinition) -> PreparedScript:
        """Make ready, while the claim is on its way, what the script needs."""
        return await self._executor.starter.prepare(
            definition,
            run_id=self.attempt.run_id,
            run_folder=self._log.folder,
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
            return ended_by_request(Reason.STOPPED, "WEBJOBS_STOPPED is set: no job may run.")
        try:
            started = await self._start(self._preparing)
        except (WebJobsError, OSError) as error:
            self._executor.starter.not_started(self._definition, error)
            return not_started(reason_not_started(error), str(error))
        if started is None:
            return self._request.outcome.result()
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
            self._log.write_system(f"Run script '{script}' with script host - '{host}'")
            self._log.write_system(f"{STATUS_CHANGED}{Status.RUNNING}")
            for warning in started.warnings:
                self._log.write_system(warning, "SYS WARN")
            started.process.resume_reading()
            watch = ScriptWatch(
                started,
                self._log,
                self._executor.settings,
                self._request,
                self._fence,
                self.limit_changed,
            )
            report = RunReport(self._log.folder, self._publish_progress, self._warn)
            with report.watched():
                outcome = await watch.outcome(self._definition)
            return await self._with_report(outcome, report)
        finally:
            started.release()

    def _warn(self, text: str) -> None:
        self._log.write_system(text, "SYS WARN")

    async def _with_report(self, outcome: Outcome, report: RunReport) -> Outcome:
        """The same outcome with what the script reports; whatever is wrong with that is no failure."""
        try:
            await report.read_end()
        except Exception as error:
            logger.exception("report of a run not read", run_id=self.attempt.run_id)
            return with_report(outcome, None, None, [f"What the script reports cannot be read: {error}."])
        return with_report(outcome, report.result, report.progress, report.warnings)

    def _publish_progress(self, progress: Progress) -> bool:
        """Publish how far the script is; False while the event before is not stored, for NATS may be away."""
        if self._steps is None or not self._steps.done():
            return False
        self._progressed += 1
        event = progressed_event(
            self.attempt,
            self._progressed,
            progress,
            instance_id=self._executor.instance.id,
            at=datetime.now(UTC),
        )
        self._steps = self._executor.outbox.add(event, self.attempt.cause)
        return True

    async def _start(self, preparing: "asyncio.Task[PreparedScript]") -> StartedScript | None:
        """Start the script; None when the run is requested to end before.

        Raises: As `ScriptStarter.start`.
        """
        if not preparing.done():  # a new version, on its way to this disk
            self._publish_beginning()
            watched: set[asyncio.Future[Any]] = {preparing, self._request.outcome}
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        if self._definition is not None and settings_of(self._definition).concurrency.is_fenced:
            self._fence = Fence(self._executor.peers)
            if self._fence.is_overdue:
                self._request.make(lease_overdue(self._fence.evidence))
        if self._request.outcome.done():
            return None
        self._log.make_folder()  # the script may write there at once
        prepared, self._preparing = preparing.result(), None  # from here on it is the script's to release
        started = await self._executor.starter.begin(
            prepared,
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
