"""Begins the next run of a job the moment one before it has ended, without waiting for the queue."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

from webjobs_events.commands import RunTriggeredJob
from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobName

from webjobs_runner.domain.attempt import Attempt
from webjobs_runner.log import logger
from webjobs_runner.runs.concurrency import ConcurrencyLimits
from webjobs_runner.runs.handler import RunHandler
from webjobs_runner.runs.queue_lookup import FoundCommand
from webjobs_runner.runs.run_inbox import RunInbox

T = TypeVar("T")

_CALLED = 16  # runs of a job at a time


class NextRuns:
    """Whoever ends a run looks whose turn it is now. If nobody does, the queue hands out the next one."""

    def __init__(self, bus: Bus, turns: ConcurrencyLimits, triggered: RunHandler, inbox: RunInbox) -> None:
        self._turns = turns
        self._triggered = triggered
        self._inbox = inbox
        self._bus = bus
        self._freed: asyncio.Queue[JobName] = asyncio.Queue()
        self._due: asyncio.Queue[RunTriggeredJob] = asyncio.Queue()

    def freed(self, job_name: JobName) -> None:
        """A command of a job has left the queue."""
        if self._turns.has_line(job_name):
            self._freed.put_nowait(job_name)

    def attempt_waits(self, attempt: Attempt) -> None:
        """The next attempt of a run whose runner is lost may begin in its time: nobody else counts that."""
        due = attempt.not_before or datetime.now(UTC)
        delay = max(0.0, due.timestamp() - time.time())
        asyncio.get_running_loop().call_later(delay, self._due.put_nowait, attempt.command)

    async def run(self) -> None:
        """Begin runs until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(_each(self._freed, self._begin_next))
            group.create_task(_each(self._due, self._begin))

    async def _begin(self, command: RunTriggeredJob) -> None:
        subject = command.subject(self._bus.subjects)
        message = await self._bus.last_message(self._bus.subjects.commands_stream, subject)
        if message is not None and not self._triggered.call(command.command_id):
            self._inbox.offer(FoundCommand(self._bus, message))

    async def _begin_next(self, job_name: JobName) -> None:
        # The turn of the last one has come just now; the others have been called before, or handed out.
        for message, command in (await self._turns.next_of(job_name))[-_CALLED:]:
            if not self._triggered.call(command.command_id):
                self._inbox.offer(message)


async def _each(queue: "asyncio.Queue[T]", begin: Callable[[T], Awaitable[None]]) -> None:
    while True:
        item = await queue.get()
        try:
            await begin(item)
        except BusUnavailable as error:
            logger.debug("next in line left to the queue", error=str(error))
