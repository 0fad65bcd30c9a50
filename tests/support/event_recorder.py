"""Records everything published on the bus: events in order, and logs reassembled."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TypeVar

from support.eventually import eventually
from webjobs_events.envelope import decode_event
from webjobs_events.events import (
    ContinuousEvent,
    Event,
    JobEvent,
    RunAborted,
    RunEnded,
    RunEvent,
    RunFailed,
    RunSuccess,
)
from webjobs_events.jetstream import Bus, StreamMessage
from webjobs_rules.log_format import FILE_HEADER, decode_chunk

E = TypeVar("E", bound=Event)


@dataclass
class _LogFile:
    """What has been put together so far: tests ask again and again while a log grows."""

    content: bytearray = field(default_factory=bytearray)
    messages: int = 0
    """So many messages of the subject are in it, or of other files."""


class EventRecorder:
    """Follows the events and logs of one namespace."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.events: list[Event] = []
        """All of them, in the order of the stream."""
        self.ids: list[str] = []
        """Their ids; a repeat shows."""
        self._logs: defaultdict[str, list[StreamMessage]] = defaultdict(list)
        self._log_files: defaultdict[tuple[str, str], _LogFile] = defaultdict(_LogFile)

    async def follow(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_events())
            group.create_task(self._follow_logs())

    async def _follow_events(self) -> None:
        async for batch in self._bus.read_stream(self._bus.subjects.events_stream).batches():
            for message in batch:
                if "ce-id" not in message.headers:
                    continue  # a test sent it, to see who stumbles over it
                self.events.append(decode_event(message.subject, message.headers, message.data))
                self.ids.append(message.headers["ce-id"])

    async def _follow_logs(self) -> None:
        async for batch in self._bus.read_stream(self._bus.subjects.logs_stream).batches():
            for message in batch:
                self._logs[message.subject].append(message)

    def of(self, event_type: type[E], job_name: str | None = None) -> list[E]:
        """Events of a type, of one job if named."""
        found = [event for event in self.events if isinstance(event, event_type)]
        return [e for e in found if job_name is None or getattr(e, "job_name", None) == job_name]

    def of_run(self, run_id: str) -> list[RunEvent]:
        """The events of one run."""
        return [event for event in self.of(RunEvent) if event.run_id == run_id]

    def statuses(self, job_name: str, instance: str | None = None) -> list[str]:
        """The statuses a continuous job has entered."""
        return [
            event.name
            for event in self.of(ContinuousEvent, job_name)
            if instance is None or event.instance == instance
        ]

    def changes(self, job_name: str) -> list[str]:
        """The events about a job's definition."""
        return [event.name for event in self.of(JobEvent, job_name)]

    async def end_of(self, run_id: str, timeout: float = 30.0) -> RunEnded:
        """The terminal event of a run, once it is there."""

        def ended() -> RunEnded | None:
            return next((event for event in self.of_run(run_id) if isinstance(event, ENDS)), None)

        event = await eventually(ended, timeout)
        assert event is not None
        return event

    async def until_published(self) -> None:
        """Wait until everything that is in the streams now has been seen."""
        last = await self._bus.last_sequence(self._bus.subjects.events_stream)
        await eventually(lambda: len(self.events) >= last)

    def log(self, subject: str, file_name: str) -> bytes:
        """A log file put together from its chunks as readers do: what comes twice is dropped.

        Raises:
            AssertionError: There is a gap.
        """
        return bytes(self._assembled(subject, file_name))

    def log_size(self, subject: str, file_name: str) -> int:
        """So many bytes would `log` return now."""
        return len(self._assembled(subject, file_name))

    def _assembled(self, subject: str, file_name: str) -> bytearray:
        log = self._log_files[subject, file_name]
        for message in self._logs[subject][log.messages :]:
            chunk = decode_chunk(message.headers, message.data)
            if chunk.file_name == file_name:
                size = len(log.content)
                assert chunk.offset <= size, f"a gap from {size} to {chunk.offset}"
                log.content += chunk.data[size - chunk.offset :]
            log.messages += 1
        return log.content

    def chunk_sizes(self, subject: str) -> list[tuple[str, int]]:
        """The file and the size of each log chunk on a subject, in the order of the stream."""
        return [(message.headers[FILE_HEADER], len(message.data)) for message in self._logs[subject]]


ENDS = (RunSuccess, RunFailed, RunAborted)


@contextlib.asynccontextmanager
async def recorder_of(bus: Bus) -> AsyncIterator[EventRecorder]:
    """Yields a recorder that has all events from the first one on."""
    recorder = EventRecorder(bus)
    task = asyncio.create_task(recorder.follow())
    try:
        yield recorder
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
