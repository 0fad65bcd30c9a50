"""The last event of a run, of which the stream gets exactly one, whoever writes it and however late.

The stream itself is the judge: a terminal event is published on condition that the last event of its job
is the one up to which its author has looked. What a runner wrote before it was cut off, and what others
wrote about it meanwhile, can so never both be stored.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from weakref import WeakValueDictionary

from webjobs_events.envelope import decode_event
from webjobs_events.errors import BusUnavailable, RevisionConflict, UndecodableMessage
from webjobs_events.events import RunEnded
from webjobs_events.jetstream import Bus, StreamMessage
from webjobs_events.job import JobName, JobType
from webjobs_events.status import TERMINAL_STATUSES, Status
from webjobs_events.subjects import token_of

from webjobs_runner.log import logger
from webjobs_runner.triggered.attempt import Attempt

_RETRY_DELAY = 0.25  # seconds


@dataclass(frozen=True, slots=True)
class RunOnStream:
    """What the stream of events says of a run.

    Attributes:
        position: Sequence of the last event of its job that was looked at.
        attempt: The latest attempt that is told of; one that is announced by the end before counts.
        has_begun: Whether that one's first event is there.
        end: Its terminal event; None when it has not ended, or is followed by another attempt.
        before: The end of the attempt before, when that was read.
    """

    position: int
    attempt: Attempt
    has_begun: bool = False
    end: RunEnded | None = None
    before: RunEnded | None = None


async def look_at_run(bus: Bus, attempt: Attempt, after: int) -> RunOnStream:
    """What the stream says of a run, from an attempt of it on.

    Args:
        bus: To NATS.
        attempt: From which on.
        after: Sequence that the stream had before this attempt; its events are behind it.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    found = RunOnStream(after, attempt)
    async with aclosing(_job_events(bus, attempt.job_name, after)) as messages:
        async for message in messages:
            found = _with(found, message)
    return found


def _with(found: RunOnStream, message: StreamMessage) -> RunOnStream:
    attempt, has_begun = found.attempt, found.has_begun
    if message.headers.get("ce-subject") != f"triggered/{token_of(attempt.job_name)}/{attempt.run_id}":
        return RunOnStream(message.sequence, attempt, has_begun, found.end, found.before)
    end = _end_in(message)
    if end is None:
        has_begun = has_begun or message.subject.endswith(f".{Status.INITIALIZING}")
        return RunOnStream(message.sequence, attempt, has_begun, found.end, found.before)
    if end.next_run_id is None:
        return RunOnStream(message.sequence, attempt, True, end, found.before)
    return RunOnStream(message.sequence, attempt.after(end.next_run_id, end.next_attempt_at), before=end)


def _end_in(message: StreamMessage) -> RunEnded | None:
    if message.subject.rpartition(".")[2] not in TERMINAL_STATUSES:
        return None
    try:
        event = decode_event(message.subject, message.headers, message.data)
    except UndecodableMessage as error:
        logger.error("unreadable event passed over", sequence=message.sequence, error=str(error))
        return None
    return event if isinstance(event, RunEnded) else None


async def _job_events(bus: Bus, job_name: JobName, after: int) -> AsyncGenerator[StreamMessage, None]:
    """The events of a triggered job behind a sequence."""
    stream, pattern = bus.subjects.events_stream, bus.subjects.job_event(JobType.TRIGGERED, job_name, "*")
    position = after
    while True:
        batch, left = await bus.messages_from(stream, pattern, start_sequence=position + 1)
        for message in batch:
            position = message.sequence
            yield message
        if left == 0:
            return


class RunEnds:
    """Writes terminal events."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._locks: WeakValueDictionary[JobName, asyncio.Lock] = WeakValueDictionary()

    async def write(
        self, attempt: Attempt, event: RunEnded, looked_until: int, *, is_known: bool
    ) -> RunEnded:
        """Write the terminal event of an attempt unless it has one, waiting while NATS is away.

        Args:
            attempt: That has ended.
            event: Its terminal event.
            looked_until: Sequence up to which the attempt certainly had not ended.
            is_known: Whether that is the sequence of an event of this job, perhaps the last one.

        Returns:
            The terminal event that the attempt has now: this one, or that of somebody who was faster.
        """
        if is_known and await self._publish(attempt, event, looked_until):
            return event
        # One at a time: the runs of a job that end together would otherwise keep failing each other.
        lock = self._locks.setdefault(attempt.job_name, asyncio.Lock())
        async with lock:
            while True:
                try:
                    end, last = await self._look(attempt, event, looked_until)
                    if end is not None:
                        return end
                    if await self._publish(attempt, event, last):
                        return event
                    looked_until = max(looked_until, last)
                except BusUnavailable:
                    await asyncio.sleep(_RETRY_DELAY)

    async def _publish(self, attempt: Attempt, event: RunEnded, last: int) -> bool:
        """Publish on condition; False when that does not hold, or nobody knows."""
        pattern = self._bus.subjects.job_event(JobType.TRIGGERED, event.job_name, "*")
        try:
            await self._bus.publish_event(event, attempt.cause, after=(pattern, last))
        except RevisionConflict:
            return False
        except BusUnavailable:
            await asyncio.sleep(_RETRY_DELAY)  # it may be stored for all we know: the stream is asked
            return False
        return True

    async def _look(self, attempt: Attempt, event: RunEnded, after: int) -> tuple[RunEnded | None, int]:
        """The end that the attempt has, and the sequence of its job's last event.

        An end that a later release wrote, and this one cannot read, counts as the one that we would write.
        """
        about, last = f"triggered/{token_of(attempt.job_name)}/{attempt.run_id}", 0
        async with aclosing(_job_events(self._bus, attempt.job_name, after)) as messages:
            async for message in messages:
                last = message.sequence
                is_end = message.subject.rpartition(".")[2] in TERMINAL_STATUSES
                if is_end and message.headers.get("ce-subject") == about:
                    return _end_in(message) or event, last
        if last:
            return None, last
        pattern = self._bus.subjects.job_event(JobType.TRIGGERED, attempt.job_name, "*")
        newest = await self._bus.last_message(self._bus.subjects.events_stream, pattern)
        if newest is not None and newest.sequence > after:  # it came a moment ago: not looked at yet
            return await self._look(attempt, event, after)
        return None, newest.sequence if newest is not None else 0
