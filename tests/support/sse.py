"""Server-sent events as a browser reads them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp


@dataclass(frozen=True)
class ServerSentEvent:
    """One event."""

    id: str
    name: str
    data: str


class EventReader:
    """Reads one answer; `last_id` is what a browser would send to resume."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer
        self.last_id = ""
        self.heartbeats = 0

    async def next(self, timeout: float = 10.0) -> ServerSentEvent | None:
        """The next event; None when the answer has ended."""
        async with asyncio.timeout(timeout):
            return await self._next()

    async def take(self, count: int) -> list[ServerSentEvent]:
        """The next events, which must come; those of unfinished lines are left out."""
        events: list[ServerSentEvent] = []
        while len(events) < count:
            event = await self.next()
            assert event is not None, "the answer has ended"
            if event.name != "partial":
                events.append(event)
        return events

    async def until_heartbeat(self) -> None:
        """Wait for a sign of life that is no event."""
        wanted = self.heartbeats + 1
        async with asyncio.timeout(10):
            while self.heartbeats < wanted:
                assert await self._block() is None, "an event came"

    async def next_sign(self) -> ServerSentEvent | None:
        """The next event, or None for a heartbeat."""
        async with asyncio.timeout(10):
            return await self._block()

    async def _next(self) -> ServerSentEvent | None:
        while not self.answer.content.at_eof():
            event = await self._block()
            if event is not None:
                return event
        return None

    async def _block(self) -> ServerSentEvent | None:
        name, data = "message", []
        while line := (await self.answer.content.readline()).decode().rstrip("\n"):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "id":
                self.last_id = value
            elif field == "event":
                name = value
            elif field == "data":
                data.append(value)
            else:
                assert not field
                self.heartbeats += 1
        return ServerSentEvent(self.last_id, name, "\n".join(data)) if data else None


@asynccontextmanager
async def reading(session: aiohttp.ClientSession, path: str, **options: Any) -> AsyncIterator[EventReader]:
    """A reader of an address that must answer with events."""
    headers = {"Accept": "text/event-stream", **options.pop("headers", {})}
    async with session.get(path, headers=headers, **options) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        yield EventReader(answer)
