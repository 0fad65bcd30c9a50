"""Starts the next run of a job as soon as one before it has ended, without waiting for the queue."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from webjobs_events.commands import RunTriggeredJob
from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus
from webjobs_events.run_step import run_step
from webjobs_rules.job import JobName

from webjobs_runner.log import logger
from webjobs_runner.runs.concurrency import ConcurrencyLimits
from webjobs_runner.runs.queue_lookup import FoundCommand
from webjobs_runner.runs.queue_signals import QueueSignals
from webjobs_runner.runs.run_inbox import RunInbox
from webjobs_runner.runs.run_registry import RunRegistry

T = TypeVar("T")

_STARTED = 16  # runs of a job at a time


class NextRuns:
    """The runner that ends a run looks which is next. If it does not, the queue delivers that one later."""

    def __init__(
        self,
        bus: Bus,
        signals: QueueSignals,
        limits: ConcurrencyLimits,
        registry: RunRegistry,
        inbox: RunInbox,
    ) -> None:
        self._bus = bus
        self._signals = signals
        self._limits = limits
        self._registry = registry
        self._inbox = inbox

    async def run(self) -> None:
        """Start runs until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(_each(self._signals.jobs, self._start_next_of, lambda name: name))
            group.create_task(_each(self._signals.commands, self._start, lambda run: run.job_name))

    async def _start(self, command: RunTriggeredJob) -> None:
        subject = command.subject(self._bus.subjects)
        message = await self._bus.last_message(self._bus.subjects.commands_stream, subject)
        if message is not None and not self._registry.call(command.command_id):
            self._inbox.offer(FoundCommand(self._bus, message))

    async def _start_next_of(self, job_name: JobName) -> None:
        # The turn of the last one has come just now; the others were called before, or delivered.
        for message, command in (await self._limits.next_of(job_name))[-_STARTED:]:
            if not self._registry.call(command.command_id):
                self._inbox.offer(message)


async def _each(
    queue: "asyncio.Queue[T]", start: Callable[[T], Awaitable[None]], job_of: Callable[[T], JobName]
) -> None:
    while True:
        item = await queue.get()
        job_name = job_of(item)
        try:
            await run_step(start(item), logger, "next run left to the queue", job=job_name)
        except BusUnavailable as error:
            logger.debug("next run left to the queue", job=job_name, error=str(error))
