"""One continuous job on this runner: start it, watch it, start it again, stop it."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from webjobs_events.errors import WebJobsError
from webjobs_events.events import (
    ContinuousEvent,
    ContinuousInactiveInstance,
    ContinuousInitializing,
    ContinuousPendingRestart,
    ContinuousRunning,
    ContinuousStarting,
    ContinuousStopped,
    ContinuousStopping,
)
from webjobs_events.jetstream import LiveSettings
from webjobs_events.job import JobDefinition, JobType
from webjobs_events.status import Reason, Status

from webjobs_runner.continuous_log import ContinuousLog
from webjobs_runner.domain.job_settings import read_job_settings
from webjobs_runner.domain.restart import DEFAULT_RESTART_DELAY, restart_delay
from webjobs_runner.exit_facts import ExitFacts, facts_of_exit, reason_not_started
from webjobs_runner.instance import Instance
from webjobs_runner.outbox import Outbox
from webjobs_runner.process import ProcessExit, ScriptProcess
from webjobs_runner.script_start import ScriptStarter, StartedScript, end_script
from webjobs_runner.singleton import SingletonLeases

_LOST_LEASE_GRACE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every supervisor of a runner shares."""

    instance: Instance
    settings: LiveSettings
    starter: ScriptStarter
    outbox: Outbox
    leases: SingletonLeases
    shutdown_files: Path


@dataclass(frozen=True, slots=True)
class _Halt:
    """Why a job may not run (any more)."""

    reason: Reason
    evidence: str


_STANDBY = _Halt(Reason.STOPPED, "Another instance holds the singleton.")


class Supervisor:
    """Keeps one continuous job running, as long as it is wanted."""

    def __init__(self, workshop: Workshop, definition: JobDefinition, log: ContinuousLog) -> None:
        self._shop = workshop
        self._definition = definition
        self._log = log
        self._final: _Halt | None = None
        self._poked = asyncio.Event()
        self._sequence = 0
        self._status: Status | None = None
        workshop.leases.listen(definition.job_name, self.poke)

    def update(self, definition: JobDefinition) -> None:
        """The definition is this one now."""
        self._definition = definition
        self.poke()

    def end(self, reason: Reason, evidence: str) -> None:
        """Stop the job for good: `run` returns when none of its processes is left."""
        self._final = self._final or _Halt(reason, evidence)
        self.poke()

    def poke(self) -> None:
        """Something that decides about running has changed."""
        self._poked.set()

    async def run(self) -> None:
        """Supervise until `end` is called and done."""
        self._enter(ContinuousInitializing)
        try:
            while True:
                self._poked.clear()
                halt = self._halt()
                if halt is not None:
                    self._stay_stopped(halt)
                    if self._final is not None:
                        return
                    await self._shop.leases.release(self._definition.job_name)
                elif await self._may_run_here():
                    await self._run_once()
                    continue
                await self._poked.wait()
        finally:
            await self._shop.leases.release(self._definition.job_name)
            self._shop.leases.listen(self._definition.job_name, None)

    # Whether it may run

    def _halt(self) -> _Halt | None:
        if self._final is not None:
            return self._final
        if self._definition.disabled:
            return _Halt(Reason.STOPPED, "The job is disabled.")
        if self._shop.settings.flag("WEBJOBS_STOPPED"):
            return _Halt(Reason.STOPPED, "WEBJOBS_STOPPED is set.")
        return None

    async def _may_run_here(self) -> bool:
        job_name = self._definition.job_name
        if not self._definition.is_singleton:
            await self._shop.leases.release(job_name)
            return True
        if await self._shop.leases.acquire(job_name):
            return True
        if self._status is not Status.INACTIVE_INSTANCE:
            self._enter(ContinuousInactiveInstance, held_by=self._shop.leases.holder(job_name))
        return False

    def _stay_stopped(self, halt: _Halt) -> None:
        if self._status is not Status.STOPPED:
            self._enter(ContinuousStopped, reason=halt.reason, evidence=halt.evidence)

    def _interruption(self, running: JobDefinition) -> _Halt | None:
        """Why a running process has to end now; None when it may go on."""
        halt = self._halt()
        if halt is not None:
            return halt
        wanted = self._definition
        if (wanted.digest, wanted.script, wanted.settings) != (
            running.digest,
            running.script,
            running.settings,
        ):
            return _Halt(Reason.REPLACED, "The job's files or settings have changed.")
        if wanted.is_singleton and not self._shop.leases.holds(wanted.job_name):
            return _STANDBY
        return None

    # One life of its process

    async def _run_once(self) -> None:
        definition = self._definition
        self._log.start_again()
        self._enter(ContinuousStarting)
        shutdown_file = self._shop.shutdown_files / secrets.token_hex(8)
        begun = time.monotonic()
        try:
            started = await self._shop.starter.start(
                definition, self._log.script, shutdown_file=str(shutdown_file)
            )
        except (WebJobsError, OSError) as error:
            await self._pend(definition, begun, ExitFacts(reason_not_started(error), str(error)))
            return
        try:
            self._log.script.say(f"Run script '{definition.script}' with script host - '{started.host}'")
            self._enter(ContinuousRunning, script=definition.script)
            ended = await self._watch(definition, started, shutdown_file)
        finally:
            started.release()
            shutdown_file.unlink(missing_ok=True)
        self._log.script.finish()
        if ended is not None:
            await self._pend(definition, begun, facts_of_exit(ended))

    async def _watch(
        self, definition: JobDefinition, started: StartedScript, shutdown_file: Path
    ) -> ProcessExit | None:
        """Wait for the process's end; None when it was made to end."""
        ending = asyncio.ensure_future(started.process.wait())
        ending.add_done_callback(lambda _: self._poked.set())
        try:
            while not ending.done():
                halt = self._interruption(definition)
                if halt is not None:
                    await self._stop(definition, started.process, shutdown_file, halt)
                    return None
                await self._poked.wait()
                self._poked.clear()
            return ending.result()
        finally:
            if not ending.done():
                started.process.kill()
                await ending

    async def _stop(
        self, definition: JobDefinition, process: ScriptProcess, shutdown_file: Path, halt: _Halt
    ) -> None:
        """Notify, wait, kill; the event of the end follows the proof that nothing is left."""
        grace = read_job_settings(definition.settings).stopping_wait_seconds(JobType.CONTINUOUS)
        if halt is _STANDBY:
            grace = min(grace, _LOST_LEASE_GRACE_SECONDS)
        self._enter(ContinuousStopping, reason=halt.reason, grace_seconds=grace)
        shutdown_file.parent.mkdir(parents=True, exist_ok=True)
        shutdown_file.write_text(datetime.now(UTC).isoformat())
        killed = await end_script(process, grace)
        ended = await process.wait()
        how = f"It was killed after {grace:g} s of grace." if killed else "It ended within its grace."
        self._log.script.finish()
        self._enter(
            ContinuousStopped,
            reason=halt.reason,
            evidence=f"{halt.evidence} {how}",
            exit_code=ended.exit_code,
            signal=ended.signal,
        )

    async def _pend(self, definition: JobDefinition, begun: float, end: ExitFacts) -> None:
        """The process has ended by itself: wait until it is due again, or something changes."""
        now = time.monotonic()
        lived = timedelta(seconds=now - begun)
        self._log.script.say(
            f"{end.evidence} It is started again in {self._delay(lived):g} s.",
            "SYS INFO" if end.exit_code == 0 else "SYS ERROR",
        )
        self._enter(
            ContinuousPendingRestart,
            restart_delay_seconds=self._delay(lived),
            reason=end.reason,
            exit_code=end.exit_code,
            signal=end.signal,
            evidence=end.evidence,
        )
        while (left := now + self._delay(lived) - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._poked.wait()
            except TimeoutError:
                return
            self._poked.clear()
            if self._interruption(definition) is not None:
                return

    def _delay(self, lived: timedelta) -> float:
        seconds = self._shop.settings.number("WEBJOBS_RESTART_TIME", DEFAULT_RESTART_DELAY.total_seconds())
        return restart_delay(lived, timedelta(seconds=seconds)).total_seconds()

    # Telling

    def _enter(self, event_type: Callable[..., ContinuousEvent], **facts: Any) -> None:
        """Enter a status: its event is the change."""
        self._sequence += 1
        event = event_type(
            at=datetime.now(UTC),
            instance=self._shop.instance.id,
            boot=self._shop.instance.boot,
            job_name=self._definition.job_name,
            sequence=self._sequence,
            digest=self._definition.digest,
            **facts,
        )
        self._status = event.status
        self._shop.outbox.add(event)
        self._log.script.say(f"Status changed to {event.status}")
