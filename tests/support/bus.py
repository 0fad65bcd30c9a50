"""What anybody may do on NATS: subscribe to a job's events, replay them all, change an app setting."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from support.eventually import eventually
from webjobs_events.envelope import decode_event
from webjobs_events.errors import UndecodableMessage
from webjobs_events.events import Event
from webjobs_events.jetstream import Bus, connect_bus
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobType

SUBJECTS = Subjects()


class JobEvents:
    """The events so far, in order; more arrive while the subscription is open."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.sequences: list[int] = []

    @property
    def names(self) -> list[str]:
        return [event.name for event in self.events]

    def of_run(self, run_id: str) -> list[Event]:
        """Those of one run."""
        return [event for event in self.events if getattr(event, "run_id", None) == run_id]

    def of(self, *names: str) -> list[Event]:
        """Those of these names."""
        return [event for event in self.events if event.name in names]

    async def until(self, check: Callable[["JobEvents"], object], timeout: float = 40.0) -> None:
        """Wait until the events so far pass a check."""
        try:
            await eventually(lambda: check(self), timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}; events: {self.names}") from error


@contextlib.asynccontextmanager
async def job_events(nats_url: str, job_type: str, job_name: str) -> AsyncIterator[JobEvents]:
    """Subscribe to a job's events, past and future."""
    pattern = SUBJECTS.job_event(JobType(job_type), job_name, "*")
    seen = JobEvents()
    async with connect_bus(nats_url, name="subscriber", subjects=SUBJECTS) as bus:
        reading = asyncio.create_task(_collect(bus, pattern, seen))
        try:
            yield seen
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def replay(
    nats_url: str, pattern: str = "", *, passes_over_garbage: bool = False
) -> list[tuple[int, Event]]:
    """Every event there is at the moment, with its sequence; what nobody can read is an error if not said."""
    found: list[tuple[int, Event]] = []
    seen = 0
    async with connect_bus(nats_url, name="replay", subjects=SUBJECTS) as bus:
        reader = bus.read_stream(SUBJECTS.events_stream, [pattern or SUBJECTS.all_events])
        await reader.open()
        wanted = reader.pending_at_start
        async with contextlib.aclosing(reader.batches()) as batches:
            while seen < wanted:
                for message in await anext(batches):
                    seen += 1
                    try:
                        event = decode_event(message.subject, message.headers, message.data)
                    except UndecodableMessage:
                        if not passes_over_garbage:
                            raise
                        continue
                    found.append((message.sequence, event))
    return found


@contextlib.asynccontextmanager
async def app_setting(nats_url: str, name: str, value: str) -> AsyncIterator[None]:
    """An app setting, set for the time of the body."""
    async with connect_bus(nats_url, name="operator", subjects=SUBJECTS) as bus:
        await bus.settings.put(name, value.encode())
        try:
            yield
        finally:
            await bus.settings.delete(name)


async def _collect(bus: Bus, pattern: str, seen: JobEvents) -> None:
    reader = bus.read_stream(SUBJECTS.events_stream, [pattern])
    async for batch in reader.batches():
        for message in batch:
            seen.events.append(decode_event(message.subject, message.headers, message.data))
            seen.sequences.append(message.sequence)
