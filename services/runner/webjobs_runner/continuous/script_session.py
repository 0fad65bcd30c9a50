"""One life of a continuous job's script: from its start to the end of its last process."""

import asyncio
import signal
import time
from collections.abc import Callable
from datetime import timedelta

from webjobs_events.events import (
    ContinuousRunning,
    ContinuousStarting,
    ContinuousStopped,
    ContinuousStopping,
)
from webjobs_events.job import JobDefinition
from webjobs_rules.errors import WebJobsError
from webjobs_rules.exit_facts import ExitFacts
from webjobs_rules.job import JobType
from webjobs_rules.status import Reason
from webjobs_service.lifetime import cancel_all

from webjobs_runner.continuous.continuous_status import ContinuousStatus
from webjobs_runner.continuous.dependencies import ContinuousDependencies
from webjobs_runner.continuous.health_watch import HealthWatch
from webjobs_runner.continuous.stop_reason import REPLACED, RESTARTED, STANDBY, StopReason
from webjobs_runner.continuous.wakeup import Wakeup
from webjobs_runner.domain.uptime_notice import next_notice_at
from webjobs_runner.jobs.settings import settings_of
from webjobs_runner.logs.continuous_log import ContinuousLog
from webjobs_runner.processes.exit_facts import facts_of_exit, reason_not_started
from webjobs_runner.processes.script_start import StartedScript
from webjobs_runner.processes.script_stop import ScriptEnd


class ScriptSession:
    """Starts a script, watches it, and stops it when it may not go on.

    Args:
        dependencies: Of the runner.
        definition: What is run.
        log: Of the job.
        status: Of the job here, which is entered as it changes.
        wakeup: Set whenever something changed that the next two depend on.
        interruption: Why what is running has to end now; None: it may go on.
        has_lost_lease: Whether what is running has lost the lease on its singleton.
    """

    __slots__ = (
        "_definition",
        "_dependencies",
        "_has_lost_lease",
        "_health",
        "_interruption",
        "_log",
        "_reminder",
        "_settings",
        "_sick",
        "_started_at",
        "_status",
        "_wakeup",
        "pid",
        "port",
    )

    def __init__(
        self,
        dependencies: ContinuousDependencies,
        definition: JobDefinition,
        log: ContinuousLog,
        status: ContinuousStatus,
        wakeup: Wakeup,
        interruption: Callable[[JobDefinition], StopReason | None],
        has_lost_lease: Callable[[JobDefinition], bool],
    ) -> None:
        self._dependencies = dependencies
        self._definition = definition
        self._settings = settings_of(definition)
        self._log = log
        self._status = status
        self._wakeup = wakeup
        self._interruption = interruption
        self._has_lost_lease = has_lost_lease
        self._health: HealthWatch | None = None
        self._sick: str | None = None
        self._started_at = time.monotonic()
        self._reminder: asyncio.TimerHandle | None = None
        self.port: int | None = None
        """WEBJOBS_PORT of the running script; None while it does not run."""
        self.pid: int | None = None
        """Of its main process; None while it does not run."""

    @property
    def age(self) -> timedelta:
        """How long the script runs by now."""
        return timedelta(seconds=time.monotonic() - self._started_at)

    @property
    def health_failures(self) -> int | None:
        """Failed health checks in a row; None without a check, or before the first one."""
        return self._health.failures if self._health is not None else None

    async def run(self) -> ExitFacts | None:
        """Answer how it ended by itself, or why it could not begin; None when it was stopped."""
        definition = self._definition
        self._log.start_again()
        self._status.enter(ContinuousStarting, definition)
        try:
            port = self._dependencies.ports.take(definition.job_name)
            started = await self._start(port)
        except (WebJobsError, OSError) as error:
            self._dependencies.starter.not_started(definition, error)
            return ExitFacts(reason_not_started(error), str(error))
        if started is None:
            return None
        try:
            self._log.script.write_system(
                f"Run script '{definition.script}' with script host - '{started.host}'"
            )
            for warning in started.warnings:
                self._log.script.write_system(warning, "SYS WARN")
            self._status.enter(ContinuousRunning, definition, script=definition.script)
            self.port, self.pid = port, started.process.pid
            self._started_at = time.monotonic()
            self._remind()
            started.process.resume_reading()
            end = await self._watch(started, port)
        finally:
            self.port = self.pid = None
            if self._reminder is not None:
                self._reminder.cancel()
            started.release()
        self._log.script.finish()
        return end

    def _remind(self) -> None:
        """Have the log say at the right ages that the script still runs."""
        age = timedelta(seconds=time.monotonic() - self._started_at)
        due = next_notice_at(age) - age
        self._reminder = asyncio.get_running_loop().call_later(due.total_seconds(), self._log_uptime)

    def _log_uptime(self) -> None:
        age = timedelta(seconds=round(time.monotonic() - self._started_at))
        self._log.script.write_system(f"The script is still running, for {age} now.")
        self._remind()

    async def _start(self, port: int) -> StartedScript | None:
        """Start the script; None when it may not run any more before it has begun.

        Raises: As `ScriptStarter.start`.
        """
        definition = self._definition
        starting = asyncio.ensure_future(
            self._dependencies.starter.start(
                definition,
                self._log.script,
                port=port,
                fencing_token=self._dependencies.leases.token(definition.job_name),
            )
        )
        starting.add_done_callback(lambda _: self._wakeup.set())
        try:
            while not starting.done():
                stop_reason = self._interruption(definition)
                if stop_reason not in (None, REPLACED, RESTARTED):
                    self._status.stay_stopped(definition, stop_reason)
                    return None
                await self._wakeup.wait()
                self._wakeup.clear()
            return starting.result()
        finally:
            if not starting.done():
                await cancel_all(starting)

    async def _watch(self, started: StartedScript, port: int) -> ExitFacts | None:
        """Wait for the process's end; None when it was made to end for good."""
        process = started.process
        process.when_over(self._wakeup.set)
        self._dependencies.leases.guard(self._definition.job_name, process.limit)
        health = self._begin_health_watch(port)
        try:
            while (ended := process.over) is None:
                stop_reason = self._interruption(self._definition)
                if stop_reason is not None:
                    await self._stop(started, stop_reason)
                    return None
                if self._sick is not None:
                    return await self._end_sick(started, self._sick)
                await self._wakeup.wait()
                self._wakeup.clear()
            if ended.signal == signal.SIGKILL and self._has_lost_lease(self._definition):
                self._publish_stopped(STANDBY, ScriptEnd(ended, "It was killed before the lease ended."))
                return None
            return facts_of_exit(ended)
        finally:
            self._dependencies.leases.guard(self._definition.job_name, None)
            await cancel_all(health)
            if process.over is None:
                process.kill()
                await process.wait()

    async def _stop(self, started: StartedScript, stop_reason: StopReason) -> None:
        """Notify, wait, kill; the event of the end follows the proof that nothing is left."""
        grace = self._settings.stopping_wait_seconds(JobType.CONTINUOUS)
        longest = self._dependencies.terms.stop_grace_seconds if stop_reason is STANDBY else None
        if longest is not None:
            grace = min(grace, longest)
        self._status.enter(
            ContinuousStopping, self._definition, reason=stop_reason.reason, grace_seconds=grace
        )
        self._publish_stopped(stop_reason, await self._end(started, longest))

    def _publish_stopped(self, stop_reason: StopReason, end: ScriptEnd) -> None:
        self._log.script.finish()
        self._status.enter(
            ContinuousStopped,
            self._definition,
            reason=stop_reason.reason,
            evidence=f"{stop_reason.evidence} {end.how}",
            exit_code=end.exit.exit_code,
            signal=end.exit.signal,
        )

    async def _end(self, started: StartedScript, longest_grace: float | None = None) -> ScriptEnd:
        """End the script; not even a long grace outlives the lease on a singleton."""

        def shorter_grace() -> float | None:
            is_lost = self._has_lost_lease(self._definition)
            return self._dependencies.terms.stop_grace_seconds if is_lost else None

        return await started.stop(
            self._settings,
            JobType.CONTINUOUS,
            self._wakeup,
            longest_grace=longest_grace,
            shorter_grace=shorter_grace,
        )

    # Its health

    def _begin_health_watch(self, port: int) -> "asyncio.Task[None] | None":
        check = self._settings.health_check
        if check is None:
            return None
        self._health = HealthWatch(check, port, self._log.script, self._found_sick)
        return asyncio.create_task(self._health.run())

    def _found_sick(self, evidence: str) -> None:
        self._sick = evidence
        self._wakeup.set()

    async def _end_sick(self, started: StartedScript, evidence: str) -> ExitFacts:
        grace = self._settings.stopping_wait_seconds(JobType.CONTINUOUS)
        self._log.script.write_system(f"{evidence} It has {grace:g} s to end.", "SYS ERROR")
        end = await self._end(started)
        return ExitFacts(Reason.HEALTH_CHECK, f"{evidence} {end.how}", end.exit.exit_code, end.exit.signal)
