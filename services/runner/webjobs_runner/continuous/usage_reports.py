"""Measures what continuous jobs use on this runner, and publishes it to those who listen."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus
from webjobs_events.usage import USAGE_SECONDS, ProcessUsage, UsageReport, encode_usage
from webjobs_rules.job import JobName

from webjobs_runner.instance import Instance
from webjobs_runner.processes.cpu_time import TreeUsage, usage_of_trees

_MOST_JOBS = 1000  # in one message


@dataclass(frozen=True, slots=True)
class RunningScript:
    """A continuous job whose process runs here; the fields are as in `ProcessUsage`."""

    job_name: JobName
    pid: int
    started_at: datetime
    restarts: int
    health_failures: int | None


@dataclass(frozen=True, slots=True)
class _Measured:
    at: float  # monotonic
    used: Mapping[int, TreeUsage]  # by pid


class UsageReports:
    """Publishes a report every 15 s while a process runs.

    Args:
        bus: To NATS.
        instance: This runner.
        running: The scripts that run here at the moment.
    """

    def __init__(self, bus: Bus, instance: Instance, running: Callable[[], Sequence[RunningScript]]) -> None:
        self._bus = bus
        self._subject = bus.subjects.usage(instance.id)
        self._running = running
        self._before = _Measured(0.0, {})

    async def run(self) -> None:
        """Measure and publish until cancelled."""
        while True:
            await asyncio.sleep(USAGE_SECONDS)
            scripts = self._running()
            if scripts and self._bus.is_connected:
                await self._report(scripts)

    async def _report(self, scripts: Sequence[RunningScript]) -> None:
        used = await asyncio.to_thread(usage_of_trees, [script.pid for script in scripts])
        measured = _Measured(time.monotonic(), used)
        jobs = [_usage(script, measured, self._before) for script in scripts if script.pid in used]
        self._before = measured
        with suppress(BusUnavailable):  # the next report says the same
            for start in range(0, len(jobs), _MOST_JOBS):
                part = jobs[start : start + _MOST_JOBS]
                await self._bus.broadcast(self._subject, encode_usage(UsageReport(jobs=part)))


def _usage(script: RunningScript, measured: _Measured, before: _Measured) -> ProcessUsage:
    used, earlier = measured.used[script.pid], before.used.get(script.pid)
    percent = None
    if earlier is not None:
        # A process that ended and was not waited for takes its time with it.
        grown = max(0.0, used.cpu_seconds - earlier.cpu_seconds)
        percent = round(100 * grown / (measured.at - before.at), 1)
    return ProcessUsage(
        job_name=script.job_name,
        pid=script.pid,
        started_at=script.started_at,
        restarts=script.restarts,
        health_failures=script.health_failures,
        cpu_seconds=round(used.cpu_seconds, 2),
        cpu_percent=percent,
        memory_bytes=used.memory_bytes,
    )
