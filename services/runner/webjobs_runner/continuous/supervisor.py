"""One continuous job on this runner: start it, watch it, start it again, stop it."""

import asyncio
import os
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from webjobs_events.errors import WebJobsError
from webjobs_events.events import (
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
from webjobs_events.job_settings import read_job_settings
from webjobs_events.status import Reason, Status

from webjobs_runner.continuous.continuous_status import ContinuousStatus, EventNumbers
from webjobs_runner.continuous.poke import Poke
from webjobs_runner.continuous.ports import Ports
from webjobs_runner.continuous.singleton import SingletonLeases
from webjobs_runner.domain.restart import DEFAULT_RESTART_DELAY, restart_delay
from webjobs_runner.instance import Instance
from webjobs_runner.lease_terms import LeaseTerms
from webjobs_runner.log import logger
from webjobs_runner.logs.continuous_log import ContinuousLog
from webjobs_runner.outbox import Outbox
from webjobs_runner.processes.exit_facts import ExitFacts, facts_of_exit, reason_not_started
from webjobs_runner.processes.process import ProcessExit, ScriptProcess
from webjobs_runner.processes.script_start import ScriptStarter, StartedScript, end_script

_LOG_PATIENCE = 0.5  # seconds


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every supervisor of a runner shares."""

    instance: Instance
    settings: LiveSettings
    starter: ScriptStarter
    outbox: Outbox
    leases: SingletonLeases
    terms: LeaseTerms
    shutdown_files: Path
    numbers: EventNumbers
    ports: Ports


@dataclass(frozen=True, slots=True)
class _Halt:
    """Why a job may not run (any more)."""

    reason: Reason
    evidence: str


_DISABLED = _Halt(Reason.STOPPED, "The job is disabled.")
_ALL_STOPPED = _Halt(Reason.STOPPED, "WEBJOBS_STOPPED is set.")
_REPLACED = _Halt(Reason.REPLACED, "The job's files or settings have changed.")
_STANDBY = _Halt(Reason.STOPPED, "The lease on the singleton was lost: another instance may run it.")


class Supervisor:
    """Keeps one continuous job running, as long as it is wanted."""

    __slots__ = ("_definition", "_final", "_log", "_poked", "_port", "_shop", "_status")

    def __init__(self, workshop: Workshop, definition: JobDefinition, log: ContinuousLog) -> None:
        self._shop = workshop
        self._definition = definition
        self._log = log
        self._final: _Halt | None = None
        self._poked = Poke()
        self._port: int | None = None
        self._status = ContinuousStatus(workshop.instance, workshop.outbox, workshop.numbers, log)

    @property
    def port(self) -> int | None:
        """WEBJOBS_PORT of the running script; None while none runs."""
        return self._port

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

    def tell_again(self) -> None:
        """Others took this runner for lost and its jobs for stopped: say what is true, from the beginning."""
        self._status.tell_again(self._definition)

    async def run(self) -> None:
        """Supervise until `end` is called and done, and the log of that is on its way."""
        self._status.enter(ContinuousInitializing, self._definition)
        try:
            while True:
                self._poked.clear()
                halt = self._halt()
                if halt is not None:
                    self._stay_stopped(halt)
                    if self._final is not None:
                        break
                    await self._give_lease_up()
                elif await self._may_run_here():
                    await self._run_once()
                    continue
                await self._poked.wait()
        finally:
            self._shop.ports.give_back(self._definition.job_name)
            await self._give_lease_up()
        await self._log.shipped(_LOG_PATIENCE)

    # Whether it may run

    def _halt(self) -> _Halt | None:
        if self._final is not None:
            return self._final
        if self._definition.is_stopped:
            return _DISABLED
        return _ALL_STOPPED if self._shop.settings.flag("WEBJOBS_STOPPED") else None

    async def _may_run_here(self) -> bool:
        job_name = self._definition.job_name
        if not self._definition.is_singleton:
            await self._give_lease_up()
            return True
        self._shop.leases.listen(job_name, self.poke)
        if await self._shop.leases.acquire(job_name):
            return True
        if self._status.now is not Status.INACTIVE_INSTANCE:
            holder = self._shop.leases.holder(job_name)
            self._status.enter(ContinuousInactiveInstance, self._definition, held_by=holder)
        return False

    async def _give_lease_up(self) -> None:
        self._shop.leases.listen(self._definition.job_name, None)
        await self._shop.leases.release(self._definition.job_name)

    def _stay_stopped(self, halt: _Halt) -> None:
        if self._status.now is not Status.STOPPED:
            self._status.enter(
                ContinuousStopped, self._definition, reason=halt.reason, evidence=halt.evidence
            )

    def _interruption(self, running: JobDefinition) -> _Halt | None:
        """Why a running process has to end now; None when it may go on."""
        halt = self._halt()
        if halt is not None:
            return halt
        wanted = self._definition
        if wanted.is_singleton and running.is_singleton and not self._shop.leases.holds(wanted.job_name):
            return _STANDBY
        if (wanted.digest, wanted.script, wanted.settings) != (
            running.digest,
            running.script,
            running.settings,
        ):
            return _REPLACED
        return None

    # One life of its process

    async def _run_once(self) -> None:
        definition = self._definition
        self._log.start_again()
        self._status.enter(ContinuousStarting, definition)
        shutdown_file = f"{self._shop.shutdown_files}/{secrets.token_hex(8)}"
        begun = time.monotonic()
        try:
            port = self._shop.ports.take(definition.job_name)
            started = await self._start(definition, shutdown_file, port)
        except (WebJobsError, OSError) as error:
            await self._pend(definition, begun, ExitFacts(reason_not_started(error), str(error)))
            return
        if started is None:
            return
        try:
            self._log.script.say(f"Run script '{definition.script}' with script host - '{started.host}'")
            self._status.enter(ContinuousRunning, definition, script=definition.script)
            self._port = port
            started.process.resume_reading()
            ended = await self._watch(definition, started.process, shutdown_file)
        finally:
            self._port = None
            started.release()
            with suppress(FileNotFoundError):
                os.unlink(shutdown_file)
        self._log.script.finish()
        if ended is not None:
            await self._pend(definition, begun, facts_of_exit(ended))

    async def _start(self, definition: JobDefinition, shutdown_file: str, port: int) -> StartedScript | None:
        """Start the script; None when it may not run any more before it has begun.

        Raises: As `ScriptStarter.start`.
        """
        starting = asyncio.ensure_future(
            self._shop.starter.start(definition, self._log.script, shutdown_file=shutdown_file, port=port)
        )
        starting.add_done_callback(lambda _: self.poke())
        try:
            while not starting.done():
                halt = self._interruption(definition)
                if halt is not None and halt is not _REPLACED:
                    self._stay_stopped(halt)
                    return None
                await self._poked.wait()
                self._poked.clear()
            return starting.result()
        finally:
            if not starting.done():
                starting.cancel()
                await asyncio.gather(starting, return_exceptions=True)

    async def _watch(
        self, definition: JobDefinition, process: ScriptProcess, shutdown_file: str
    ) -> ProcessExit | None:
        """Wait for the process's end; None when it was made to end."""
        process.when_over(self.poke)
        try:
            while (ended := process.over) is None:
                halt = self._interruption(definition)
                if halt is not None:
                    await self._stop(definition, process, shutdown_file, halt)
                    return None
                await self._poked.wait()
                self._poked.clear()
            return ended
        finally:
            if process.over is None:
                process.kill()
                await process.wait()

    async def _stop(
        self, definition: JobDefinition, process: ScriptProcess, shutdown_file: str, halt: _Halt
    ) -> None:
        """Notify, wait, kill; the event of the end follows the proof that nothing is left."""
        grace = read_job_settings(definition.settings).stopping_wait_seconds(JobType.CONTINUOUS)
        if halt is _STANDBY:
            grace = min(grace, self._shop.terms.stop_grace_seconds)
        self._status.enter(ContinuousStopping, definition, reason=halt.reason, grace_seconds=grace)
        try:
            self._shop.shutdown_files.mkdir(parents=True, exist_ok=True)
            Path(shutdown_file).write_text(datetime.now(UTC).isoformat())
        except OSError as error:
            logger.error("shutdown file not written", job=definition.job_name, error=str(error))
        was_killed = await end_script(process, grace)
        ended = await process.wait()
        how = f"It was killed after {grace:g} s of grace." if was_killed else "It ended within its grace."
        self._log.script.finish()
        self._status.enter(
            ContinuousStopped,
            definition,
            reason=halt.reason,
            evidence=f"{halt.evidence} {how}",
            exit_code=ended.exit_code,
            signal=ended.signal,
        )

    async def _pend(self, definition: JobDefinition, begun: float, end: ExitFacts) -> None:
        """The process has ended by itself: wait until it is due again, or something changes."""
        lived = timedelta(seconds=time.monotonic() - begun)
        self._log.script.say(
            f"{end.evidence} It is started again in {self._delay(lived):g} s.",
            "SYS INFO" if end.exit_code == 0 else "SYS ERROR",
        )
        self._status.enter(
            ContinuousPendingRestart,
            definition,
            restart_delay_seconds=self._delay(lived),
            reason=end.reason,
            exit_code=end.exit_code,
            signal=end.signal,
            evidence=end.evidence,
        )
        told_at = time.monotonic()  # the delay that the event names counts from the event on
        while (left := told_at + self._delay(lived) - time.monotonic()) > 0:
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
