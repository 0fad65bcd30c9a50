"""Sees a started script through: it ends by itself, or is ended because it must."""

import asyncio
import signal
import time
from contextlib import nullcontext

from webjobs_events.jetstream import LiveSettings
from webjobs_events.job import JobDefinition
from webjobs_rules.job import JobType
from webjobs_rules.job_settings import JobSettings
from webjobs_rules.status import Reason

from webjobs_runner.domain.run_outcome import (
    Outcome,
    exited,
    lease_overdue,
    over_limit,
    with_grace,
    with_usage,
)
from webjobs_runner.jobs.settings import settings_of
from webjobs_runner.log import logger
from webjobs_runner.processes.exit_facts import facts_of_exit
from webjobs_runner.processes.idle import wait_until_idle
from webjobs_runner.processes.script_start import StartedScript
from webjobs_runner.runs.fence import Fence
from webjobs_runner.runs.run_log import RunLog

IDLE_TIMEOUT_SECONDS = 120.0
_UNWATCHED_SECONDS = 1.0


class EndRequest:
    """How an attempt is to end, once that is requested; the first request counts."""

    def __init__(self) -> None:
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def make(self, outcome: Outcome) -> None:
        """Request that the attempt end like this."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)


class ScriptWatch:
    """Watches one script, from its start to the end of its last process.

    Args:
        started: The script.
        log: Of the run.
        settings: App settings as they are now.
        request: To end it.
        fence: Ends it with the lease of the runner; None: it goes on while NATS is away.
        limit_changed: Set when WEBJOBS_IDLE_TIMEOUT has changed.
    """

    def __init__(
        self,
        started: StartedScript,
        log: RunLog,
        settings: LiveSettings,
        request: EndRequest,
        fence: Fence | None,
        limit_changed: asyncio.Event,
    ) -> None:
        self._started = started
        self._process = started.process
        self._log = log
        self._settings = settings
        self._request = request
        self._fence = fence
        self._limit_changed = limit_changed
        self._started_at = time.monotonic()
        self._idle: asyncio.Task[str] | None = None

    async def outcome(self, definition: JobDefinition) -> Outcome:
        """Wait for the script's end, or stop it when it is idle, over its limit, or requested to end."""
        outcome = await self._outcome(definition)
        return with_usage(outcome, self._process.over.usage if self._process.over else None)

    async def _outcome(self, definition: JobDefinition) -> Outcome:
        process, loop = self._process, asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()

        def wake(*_: object) -> None:
            if not woken.done():
                woken.set_result(None)

        def watch_idleness() -> None:
            self._idle = asyncio.ensure_future(self._until_idle())
            self._idle.add_done_callback(wake)

        process.when_over(wake)
        self._request.outcome.add_done_callback(wake)
        settings = settings_of(definition)
        limits = [loop.call_later(self._unwatched_seconds, watch_idleness)]
        if settings.timeout is not None:
            limits.append(loop.call_later(settings.timeout, self._over_time, settings.timeout))
        try:
            with self._fence.around(process, self._lease_overdue) if self._fence else nullcontext():
                if process.over is None:
                    await woken
                if process.over is None:
                    return await self._end(settings)
            if self._fence is not None and process.over.signal == signal.SIGKILL and self._fence.has_expired:
                return lease_overdue(self._fence.evidence)
            return exited(facts_of_exit(process.over))
        finally:
            for limit in limits:
                limit.cancel()
            if self._idle is not None:
                self._idle.cancel()
            if process.over is None:
                process.kill()
                await process.wait()

    def _lease_overdue(self) -> None:
        assert self._fence is not None
        self._request.make(lease_overdue(self._fence.evidence))

    def _over_time(self, limit: float) -> None:
        measured = time.monotonic() - self._started_at
        evidence = (
            f"It ran for {measured:.3g} s; the limit is {limit:g} s. "
            "Raise or remove timeout in settings.job if that is too short."
        )
        self._request.make(over_limit(Reason.MAX_DURATION, evidence))

    async def _end(self, settings: JobSettings) -> Outcome:
        """End the script: it is requested to end, took too long, or is idle."""
        if self._request.outcome.done():
            wanted = self._request.outcome.result()
        else:
            assert self._idle is not None
            wanted = over_limit(Reason.IDLE_TIMEOUT, self._idle.result())
        self._log.write_system(wanted.evidence, "SYS WARN")
        is_over = asyncio.Event()
        self._process.when_over(is_over.set)
        end = await self._started.stop(settings, JobType.TRIGGERED, is_over)
        return with_grace(wanted, end.how)

    @property
    def _idle_limit(self) -> float:
        return self._settings.number("WEBJOBS_IDLE_TIMEOUT", IDLE_TIMEOUT_SECONDS)

    @property
    def _unwatched_seconds(self) -> float:
        """No run is found idle before: most have ended by then, and are spared a watch."""
        return min(_UNWATCHED_SECONDS, max(0.0, self._idle_limit / 10) or _UNWATCHED_SECONDS)

    async def _until_idle(self) -> str:
        """Wait until the script has been idle for WEBJOBS_IDLE_TIMEOUT; returns the evidence."""
        while True:
            try:
                return await wait_until_idle(
                    self._process.pid,
                    lambda: self._log.script.received,
                    lambda: self._idle_limit,
                    self._limit_changed,
                    self._started_at,
                )
            except OSError as error:  # out of descriptors, perhaps: no run is found idle by that
                logger.error("idleness cannot be measured", pid=self._process.pid, error=str(error))
                await asyncio.sleep(IDLE_TIMEOUT_SECONDS)
