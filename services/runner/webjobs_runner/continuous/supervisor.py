"""One continuous job on this runner: whether its script may live, and when it lives again."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from webjobs_events.events import (
    ContinuousInactiveInstance,
    ContinuousInitializing,
    ContinuousPendingRestart,
)
from webjobs_events.job import JobDefinition
from webjobs_rules.exit_facts import ExitFacts, exit_code_line
from webjobs_rules.job import JobType
from webjobs_rules.status import Reason, Status
from webjobs_service.lifetime import cancel_all

from webjobs_runner.continuous.continuous_status import ContinuousStatus
from webjobs_runner.continuous.dependencies import ContinuousDependencies
from webjobs_runner.continuous.script_session import ScriptSession
from webjobs_runner.continuous.stop_reason import (
    ALL_STOPPED,
    DISABLED,
    NOT_ENABLED,
    REPLACED,
    RESTARTED,
    STANDBY,
    StopReason,
)
from webjobs_runner.continuous.usage_reports import RunningScript
from webjobs_runner.continuous.wakeup import Wakeup
from webjobs_runner.domain.restart import DEFAULT_RESTART_DELAY, Restart, restart_after
from webjobs_runner.jobs.settings import settings_of
from webjobs_runner.logs.continuous_log import ContinuousLog

_LOG_PATIENCE = 0.5  # seconds


class Supervisor:
    """Keeps one continuous job running, as long as it is wanted."""

    __slots__ = (
        "_definition",
        "_dependencies",
        "_final",
        "_job_settings",
        "_log",
        "_session",
        "_short_runs",
        "_starts",
        "_status",
        "_wakeup",
    )

    def __init__(
        self, dependencies: ContinuousDependencies, definition: JobDefinition, log: ContinuousLog
    ) -> None:
        self._dependencies = dependencies
        self._definition = definition
        self._job_settings = settings_of(definition)
        self._log = log
        self._final: StopReason | None = None
        self._short_runs = 0
        self._starts = 0
        self._wakeup = Wakeup()
        self._session: ScriptSession | None = None
        self._status = ContinuousStatus(dependencies.instance, dependencies.outbox, dependencies.numbers, log)

    @property
    def port(self) -> int | None:
        """WEBJOBS_PORT of the running script; None while none runs."""
        return self._session.port if self._session is not None else None

    @property
    def running(self) -> RunningScript | None:
        """The script that runs at the moment; None while none does."""
        session = self._session
        if session is None or session.pid is None:
            return None
        return RunningScript(
            job_name=self._definition.job_name,
            pid=session.pid,
            started_at=datetime.now(UTC) - session.age,
            restarts=self._starts - 1,
            health_failures=session.health_failures,
        )

    def update(self, definition: JobDefinition) -> None:
        """The definition is this one now."""
        self._definition = definition
        self._job_settings = settings_of(definition)
        self.wake()

    def end(self, reason: Reason, evidence: str) -> None:
        """Stop the job for good: `run` returns when none of its processes is left."""
        self._final = self._final or StopReason(reason, evidence)
        self.wake()

    def wake(self) -> None:
        """Something that decides about running has changed."""
        self._wakeup.set()

    def republish(self) -> None:
        """Others took this runner for lost and its jobs for stopped: say what is true, from the beginning."""
        self._status.republish(self._definition)

    async def run(self) -> None:
        """Supervise until `end` is called and done, and the log of that is on its way."""
        self._status.enter(ContinuousInitializing, self._definition)
        try:
            while True:
                self._wakeup.clear()
                stop_reason = self._stop_reason()
                if stop_reason is not None:
                    self._status.stay_stopped(self._definition, stop_reason)
                    if self._final is not None:
                        break
                    await self._give_lease_up()
                elif await self._may_run_here():
                    if await self._deployed_edit():
                        await self._run_once()
                    continue
                await self._wakeup.wait()
        finally:
            self._dependencies.ports.give_back(self._definition.job_name)
            await self._give_lease_up()
        await self._log.shipped(_LOG_PATIENCE)

    # Whether it may run

    def _stop_reason(self) -> StopReason | None:
        if self._final is not None:
            return self._final
        if self._definition.disabled:
            return DISABLED
        if self._definition.is_stopped:
            return NOT_ENABLED
        return ALL_STOPPED if self._dependencies.settings.flag("WEBJOBS_STOPPED") else None

    async def _may_run_here(self) -> bool:
        job_name = self._definition.job_name
        if not self._definition.is_singleton:
            await self._give_lease_up()
            return True
        self._dependencies.leases.listen(job_name, self.wake)
        if await self._dependencies.leases.acquire(job_name):
            return True
        if self._status.now is not Status.INACTIVE_INSTANCE:
            holder = self._dependencies.leases.holder(job_name)
            self._status.enter(ContinuousInactiveInstance, self._definition, held_by=holder)
        return False

    async def _give_lease_up(self) -> None:
        self._dependencies.leases.listen(self._definition.job_name, None)
        await self._dependencies.leases.release(self._definition.job_name)

    def _interruption(self, running: JobDefinition) -> StopReason | None:
        """Why a running process has to end now; None when it may go on."""
        stop_reason = self._stop_reason()
        if stop_reason is not None:
            return stop_reason
        wanted = self._definition
        if self._has_lost_lease(running):
            return STANDBY
        if (wanted.digest, wanted.script, wanted.settings) != (
            running.digest,
            running.script,
            running.settings,
        ):
            return REPLACED
        return RESTARTED if wanted.restarted_by != running.restarted_by else None

    def _has_lost_lease(self, running: JobDefinition) -> bool:
        wanted = self._definition
        return (
            wanted.is_singleton
            and running.is_singleton
            and not self._dependencies.leases.holds(wanted.job_name)
        )

    # Its lives

    async def _deployed_edit(self) -> bool:
        """Have an edit in the job's folder deployed before the script starts; False when it may not start."""
        job_name = self._definition.job_name
        deploying = asyncio.ensure_future(self._dependencies.folders.newest(JobType.CONTINUOUS, job_name))
        deploying.add_done_callback(lambda _: self.wake())
        try:
            while not deploying.done() and self._stop_reason() is None:
                await self._wakeup.wait()
                self._wakeup.clear()
        finally:
            await cancel_all(deploying)  # without NATS: what is known is run
        return self._stop_reason() is None

    async def _run_once(self) -> None:
        definition = self._definition
        begun = time.monotonic()
        self._starts += 1
        session = self._session = ScriptSession(
            self._dependencies,
            definition,
            self._log,
            self._status,
            self._wakeup,
            self._interruption,
            self._has_lost_lease,
        )
        try:
            end = await session.run()
        finally:
            self._session = None
        if end is not None:
            await self._pend(definition, begun, end)
        else:
            self._short_runs = 0

    async def _pend(self, definition: JobDefinition, begun: float, end: ExitFacts) -> None:
        """The process has ended by itself: wait until it is due again, or something changes."""
        lived = timedelta(seconds=time.monotonic() - begun)
        before = self._short_runs
        restart = self._restart(lived, before)
        self._short_runs = restart.short_runs
        delay = restart.delay.total_seconds()
        if end.reason is Reason.EXIT_CODE and end.exit_code:
            self._log.script.write_system(exit_code_line(end.exit_code, end.evidence), "SYS ERROR")
            self._log.script.write_system(f"It is started again in {delay:g} s.")
        else:
            self._log.script.write_system(
                f"{end.evidence} It is started again in {delay:g} s.",
                "SYS INFO" if end.exit_code == 0 else "SYS ERROR",
            )
        self._status.enter(
            ContinuousPendingRestart,
            definition,
            restart_delay_seconds=delay,
            reason=end.reason,
            exit_code=end.exit_code,
            signal=end.signal,
            evidence=end.evidence,
        )
        published_at = time.monotonic()  # the delay that the event names counts from the event on
        while (left := published_at + delay - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._wakeup.wait()
            except TimeoutError:
                return
            self._wakeup.clear()
            if self._interruption(definition) is not None:
                self._short_runs = 0
                return
            # WEBJOBS_RESTART_TIME may have changed.
            delay = self._restart(lived, before).delay.total_seconds()

    def _restart(self, lived: timedelta, short_runs: int) -> Restart:
        seconds = self._dependencies.settings.number(
            "WEBJOBS_RESTART_TIME", DEFAULT_RESTART_DELAY.total_seconds()
        )
        return restart_after(lived, short_runs, self._job_settings.restart, timedelta(seconds=seconds))
