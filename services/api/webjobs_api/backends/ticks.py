"""Reads recorded ticks: which jobs have any, and the latest ones of a job."""

import asyncio
import contextlib
from contextlib import aclosing
from datetime import datetime

import structlog
from aiohttp import web
from webjobs_events.envelope import decode_event
from webjobs_events.errors import UndecodableMessage
from webjobs_events.events import Deleted, ScheduleTicked
from webjobs_events.jetstream import Bus, StreamMessage, first_since
from webjobs_rules.job import JobName, JobType
from webjobs_service.lifetime import cancel_all

from webjobs_api.backends.latest_events import start_of_latest

log = structlog.stdlib.get_logger(__name__)


class Ticks:
    """An async context manager: knows which jobs have a scheduler log, current while it is entered."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._deleted: dict[JobName, int] = {}
        self._recorded: dict[JobName, int] = {}
        self._last: dict[JobName, ScheduleTicked] = {}
        self._following: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Ticks":
        self._following = asyncio.create_task(self._follow(), name="ticks")
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await cancel_all(self._following)

    def has_any(self, job_name: JobName) -> bool:
        """Whether the job has recorded ticks since it was last deleted."""
        return self._recorded.get(job_name, 0) > self._deleted.get(job_name, 0)

    def last(self, job_name: JobName) -> ScheduleTicked | None:
        """The outcome of the job's last due time; None without any since it was last deleted."""
        return self._last.get(job_name) if self.has_any(job_name) else None

    async def latest(self, job_name: JobName, count: int) -> list[ScheduleTicked]:
        """The latest `count` events about a job's due times since it was last deleted, oldest first.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        subject = self._subject(job_name, "ScheduleTicked")
        deleted = await self._bus.last_message(
            self._bus.subjects.events_stream, self._subject(job_name, "Deleted")
        )
        start = await start_of_latest(self._bus, [subject], deleted.sequence + 1 if deleted else 1, count)
        if start is None:
            return []
        found: list[ScheduleTicked] = []
        stored = self._bus.stored(self._bus.subjects.events_stream, [subject], start_sequence=start)
        async with aclosing(stored) as batches:
            async for batch in batches:
                found += [
                    event for message in batch if isinstance(event := _event_in(message), ScheduleTicked)
                ]
        return found[-count:]

    async def since(self, begin: datetime, most: int) -> list[ScheduleTicked]:
        """The first `most` events about due times since an instant, oldest first.

        Those of a job before it was last deleted are not among them.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        stream, subject = self._bus.subjects.events_stream, self._subject("*", "ScheduleTicked")
        start = await first_since(self._bus, stream, subject, begin)
        found: list[ScheduleTicked] = []
        if start is None:
            return found
        async with aclosing(self._bus.stored(stream, [subject], start_sequence=start)) as batches:
            async for batch in batches:
                for message in batch:
                    event = _event_in(message)
                    if isinstance(event, ScheduleTicked) and message.sequence > self._deleted.get(
                        event.job_name, 0
                    ):
                        found.append(event)
                if len(found) >= most:
                    break
        return found[:most]

    async def _follow(self) -> None:
        try:
            await self._read()
        except Exception:
            log.exception("scheduler logs that are new are not named any more")

    async def _read(self) -> None:
        reader = self._bus.read_stream(
            self._bus.subjects.events_stream,
            [self._subject("*", "ScheduleTicked"), self._subject("*", "Deleted")],
            latest_only=True,
        )
        reader.on_replaced = self._restart
        async with reader, contextlib.aclosing(reader.batches()) as batches:
            async for batch in batches:
                for message in batch:
                    event = _event_in(message)
                    if isinstance(event, ScheduleTicked):
                        self._recorded[event.job_name] = message.sequence
                        self._last[event.job_name] = event
                    elif isinstance(event, Deleted):
                        self._deleted[event.job_name] = message.sequence
                        self._last.pop(event.job_name, None)

    def _restart(self) -> None:
        """The stream was replaced by another one, whose sequences say nothing about those of before."""
        self._recorded = {name: 0 for name in self._recorded if self.has_any(name)}
        self._deleted = dict.fromkeys(self._recorded, -1)

    def _subject(self, job_name: str, event_name: str) -> str:
        return self._bus.subjects.job_event(JobType.TRIGGERED, job_name, event_name)


def _event_in(message: StreamMessage) -> object:
    try:
        return decode_event(message.subject, message.headers, message.data)
    except UndecodableMessage as error:
        log.warning("event passed over", sequence=message.sequence, error=str(error))
        return None


TICKS = web.AppKey("ticks", Ticks)
