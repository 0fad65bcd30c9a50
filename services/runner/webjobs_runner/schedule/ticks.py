"""Records the outcome of due times: the stream of events is the only memory of a schedule."""

from collections.abc import Mapping
from contextlib import aclosing, suppress
from datetime import datetime

import msgspec
from msgspec.structs import replace
from webjobs_events.envelope import Cause, cause_in, decode_event
from webjobs_events.errors import InvalidToken, UndecodableMessage
from webjobs_events.events import ScheduleTicked
from webjobs_events.jetstream import Bus, StreamMessage
from webjobs_events.subjects import Subjects, name_of, token_of
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunId
from webjobs_rules.trace import Trace, derived_trace

from webjobs_runner.log import logger


class Cursor(msgspec.Struct, frozen=True):
    """How far a job's due times are recorded.

    Attributes:
        sequence: Of the last message on the subject of these events, readable or not; 0 when there is none.
        recorded_until: The last recorded due time; None when there is none.
        schedule: The expression at that time.
        time_zone: And its zone.
        recorded_at: Sequence of the event that records it; what is not recorded yet is looked for from there.
    """

    sequence: int = 0
    recorded_until: datetime | None = None
    schedule: str = ""
    time_zone: str = ""
    recorded_at: int = 0


class Ticks:
    """Reads and writes `ScheduleTicked` events."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def all_cursors(self) -> Mapping[JobName, Cursor]:
        """Returns how far the due times of every job are recorded, once NATS answers."""
        return await self._bus.connection.outage_of("reading of ticks").retry(self._read_cursors)

    async def _read_cursors(self) -> Mapping[JobName, Cursor]:
        cursors: dict[JobName, Cursor] = {}
        unreadable: list[str] = []
        stored = self._bus.stored(self._bus.subjects.events_stream, [self._subject("*")], latest_only=True)
        async with aclosing(stored) as batches:
            async for batch in batches:
                for message in batch:
                    event = tick_in(message)
                    if event is not None:
                        cursors[event.job_name] = _cursor(message.sequence, event)
                    else:
                        unreadable.append(message.subject)
        for subject in unreadable:
            with suppress(InvalidToken):
                job_name = name_of(subject.split(".")[-2])
                cursors[job_name] = await self.cursor(job_name)
        return cursors

    async def cursor(self, job_name: JobName) -> Cursor:
        """How far a job's due times are recorded.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        stream, subject = self._bus.subjects.events_stream, self._subject(job_name)
        last = message = await self._bus.last_message(stream, subject)
        while message is not None:
            event = tick_in(message)
            if event is not None:
                return replace(_cursor(message.sequence, event), sequence=last.sequence if last else 0)
            message = await self._bus.last_message_before(stream, subject, message.sequence)
        return Cursor(last.sequence) if last else Cursor()

    async def record(self, event: ScheduleTicked, after: Cursor, trace_seed: str = "") -> Cursor:
        """Record the outcome of a due time, unless another one was recorded since `after`.

        Args:
            event: The outcome.
            after: How far the job's due times are recorded.
            trace_seed: As for `scheduled_trace`.

        Raises:
            RevisionConflict: Another runner was faster.
            BusUnavailable: NATS does not answer; it may or may not be recorded.
        """
        cause = Cause()
        if event.run_id is not None:
            command_id = scheduled_command_id(event.job_name, event.run_id)
            cause = cause_in(scheduled_trace(command_id, trace_seed), command_id)
        subject = self._subject(event.job_name)
        sequence = await self._bus.publish_event(event, cause, after=(subject, after.sequence))
        return _cursor(sequence, event)

    def _subject(self, job_name: str) -> str:
        return ticks_subject(self._bus.subjects, job_name)


def ticks_subject(subjects: Subjects, job_name: str) -> str:
    """Returns the subject on which the outcomes of a job's due times are recorded."""
    return subjects.job_event(JobType.TRIGGERED, job_name, "ScheduleTicked")


def scheduled_command_id(job_name: JobName, run_id: RunId) -> str:
    """Returns the id of the command for a due time, the same on every runner."""
    return f"run/{token_of(job_name)}/{run_id}"


def scheduled_trace(command_id: str, seed: str) -> Trace:
    """The trace of the run for a due time: the same for every runner.

    Args:
        command_id: Of the command for the due time.
        seed: Distinguishes jobs of the same name in different installations.
    """
    return derived_trace(command_id, seed)


def _cursor(sequence: int, event: ScheduleTicked) -> Cursor:
    return Cursor(sequence, event.until or event.due, event.schedule, event.time_zone, sequence)


def tick_in(message: StreamMessage) -> ScheduleTicked | None:
    """Returns the record in a message on that subject; None when it is unreadable."""
    try:
        event = decode_event(message.subject, message.headers, message.data)
    except UndecodableMessage as error:
        logger.error("unreadable event passed over", sequence=message.sequence, error=str(error))
        return None
    return event if isinstance(event, ScheduleTicked) else None
