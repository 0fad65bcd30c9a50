"""What the stream of events holds about a run."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from webjobs_events.envelope import decode_event
from webjobs_events.errors import UndecodableMessage
from webjobs_events.events import RunEnded, RunEvent
from webjobs_events.jetstream import Bus, StreamMessage
from webjobs_events.subjects import token_of
from webjobs_rules.job import JobName, JobType
from webjobs_rules.status import TERMINAL_STATUSES

from webjobs_runner.domain.attempt import Attempt
from webjobs_runner.domain.run_on_stream import RunOnStream
from webjobs_runner.log import logger


async def read_run(bus: Bus, attempt: Attempt, after: int) -> RunOnStream:
    """Returns what the stream of events shows of a run, from one attempt on.

    Args:
        bus: Connection to NATS.
        attempt: The first attempt to look for.
        after: Sequence that the stream had before this attempt; its events are behind it.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    found = RunOnStream(after, attempt)
    async with aclosing(job_events(bus, attempt.job_name, after)) as messages:
        async for message in messages:
            if _is_about(message, found.attempt):
                found = found.after(message.sequence, _event_in(message))
            else:
                found = replace(found, position=message.sequence)
    return found


async def find_final_event(
    bus: Bus, attempt: Attempt, after: int, unreadable: RunEnded
) -> tuple[RunEnded | None, int]:
    """Returns the final event that an attempt has, and the sequence of its job's last event.

    Args:
        bus: Connection to NATS.
        attempt: Whose final event is looked for.
        after: Sequence up to which the attempt certainly had not ended.
        unreadable: Returned for a final event that a later release wrote and this one cannot read.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    last = 0
    async with aclosing(job_events(bus, attempt.job_name, after)) as messages:
        async for message in messages:
            last = message.sequence
            if _is_about(message, attempt) and _is_final(message):
                event = _event_in(message)
                return event if isinstance(event, RunEnded) else unreadable, last
    if last:
        return None, last
    pattern = bus.subjects.job_event(JobType.TRIGGERED, attempt.job_name, "*")
    newest = await bus.last_message(bus.subjects.events_stream, pattern)
    if newest is not None and newest.sequence > after:  # it came a moment ago: not read yet
        return await find_final_event(bus, attempt, after, unreadable)
    return None, newest.sequence if newest is not None else 0


async def job_events(bus: Bus, job_name: JobName, after: int) -> AsyncGenerator[StreamMessage, None]:
    """The events of a triggered job behind a sequence.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    stream, pattern = bus.subjects.events_stream, bus.subjects.job_event(JobType.TRIGGERED, job_name, "*")
    async with aclosing(
        bus.pages_from(stream, pattern, start_sequence=after + 1, is_append_only=True)
    ) as pages:
        async for page in pages:
            for message in page:
                yield message


def _is_about(message: StreamMessage, attempt: Attempt) -> bool:
    return message.headers.get("ce-subject") == f"triggered/{token_of(attempt.job_name)}/{attempt.run_id}"


def _is_final(message: StreamMessage) -> bool:
    return message.subject.rpartition(".")[2] in TERMINAL_STATUSES


def _event_in(message: StreamMessage) -> RunEvent | None:
    try:
        event = decode_event(message.subject, message.headers, message.data)
    except UndecodableMessage as error:
        logger.error("unreadable event passed over", sequence=message.sequence, error=str(error))
        return None
    return event if isinstance(event, RunEvent) else None
