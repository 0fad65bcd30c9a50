"""Log files put together again from the chunks in the stream of logs."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import NamedTuple

import structlog
from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus, StreamMessage, StreamReader

log = structlog.stdlib.get_logger(__name__)

FILE_HEADER = "Webjobs-File"
OFFSET_HEADER = "Webjobs-Offset"

_WINDOW = 16  # chunks asked for ahead of the client, up to 1 MiB each
_BATCH = 8  # chunks handed on at once
_OPEN_TIMEOUT = 3.0  # seconds
_STALL = 3.0  # seconds without a chunk after which we look whether there are any left
_IDLE = 0.5  # seconds between looks at whether a followed log has ended

Ended = Callable[[], Awaitable[bool]]
"""Answers whether nothing will be written to a log any more."""


class Piece(NamedTuple):
    """Some bytes of a log, and their end: the offset of what comes next."""

    data: bytes
    end: int


class Assembly:
    """Drops what a log has had already: chunks may come twice, or overlap after a runner's restart.

    Args:
        start: Offset up to which a reader has every source already.
    """

    def __init__(self, start: int = 0) -> None:
        self._start = start
        self._ends: dict[str, int] = {}

    def fresh(self, source: str, offset: int, data: bytes) -> bytes:
        """The part of a chunk of this source that is new; a gap before it, left by retention, is skipped."""
        end = self._ends.get(source, self._start)
        if offset + len(data) <= end:
            return b""
        self._ends[source] = offset + len(data)
        return data[max(0, end - offset) :]


async def read_log(
    bus: Bus, subject: str, file_name: str, *, start: int = 0, follow_until: Ended | None = None
) -> AsyncGenerator[bytes, None]:
    """A log file piece by piece, no piece empty, never the whole in memory.

    Args:
        bus: Where the stream is.
        subject: Of the log's chunks; `*` as its source merges those of all instances in stream order.
        file_name: Chunks of other files are passed over.
        start: Offset of the first byte to give, of each source.
        follow_until: None ends the log where it ends now. Otherwise it goes on until this answers true
            and everything written until then was given.

    Raises:
        BusUnavailable: NATS does not answer; what came before is only a part.
    """
    async with aclosing(
        read_pieces(bus, subject, file_name, start=start, follow_until=follow_until)
    ) as pieces:
        async for piece in pieces:
            yield piece.data


async def read_pieces(
    bus: Bus, subject: str, file_name: str, *, start: int = 0, follow_until: Ended | None = None
) -> AsyncGenerator[Piece, None]:
    """The same with offsets.

    Raises:
        BusUnavailable: NATS does not answer; what came before is only a part.
    """
    assembly = Assembly(start)
    async with aclosing(_messages(bus, subject, follow_until)) as messages:
        async for message in messages:
            if message.headers.get(FILE_HEADER) == file_name:
                source, offset = message.subject.rpartition(".")[2], offset_of(message)
                if data := assembly.fresh(source, offset, message.data):
                    yield Piece(data, offset + len(message.data))


def offset_of(message: StreamMessage) -> int:
    """Where a chunk begins in its log."""
    text = message.headers.get(OFFSET_HEADER, "")
    if text.isdecimal():
        return int(text)
    log.warning("log chunk without an offset", subject=message.subject, sequence=message.sequence)
    return 0


async def _messages(
    bus: Bus, subject: str, follow_until: Ended | None
) -> AsyncGenerator[StreamMessage, None]:
    reader = await _opened(bus, subject, 1, _WINDOW)
    left, position = reader.pending_at_start, 0
    batches = reader.batches(max_messages=_BATCH)
    arrival: asyncio.Future[list[StreamMessage]] | None = None
    try:
        while left > 0 or follow_until is not None:
            arrival = arrival or asyncio.ensure_future(anext(batches))
            await asyncio.wait({arrival}, timeout=_IDLE if follow_until else _STALL)
            if arrival.done():
                batch, arrival = arrival.result(), None
                for message in batch:
                    yield message
                left, position = left - len(batch), batch[-1].sequence
            elif follow_until is None:  # did retention take what was still to come?
                left = min(left, await _pending(bus, subject, position + 1))
            elif await follow_until() and not await _pending(bus, subject, position + 1):
                return
    finally:
        if arrival is not None:
            arrival.cancel()
            await asyncio.gather(arrival, return_exceptions=True)
        await batches.aclose()
        await reader.close()


async def _pending(bus: Bus, subject: str, start_sequence: int) -> int:
    """How many chunks there are from this sequence on."""
    probe = await _opened(bus, subject, start_sequence, 1)
    await probe.close()
    return probe.pending_at_start


async def _opened(bus: Bus, subject: str, start_sequence: int, window: int) -> StreamReader:
    stream = bus.subjects.logs_stream
    reader = bus.read_stream(stream, [subject], start_sequence=start_sequence, window=window)
    try:
        async with asyncio.timeout(_OPEN_TIMEOUT):
            await reader.open()
    except BaseException as error:
        await reader.close()
        if isinstance(error, TimeoutError):
            raise BusUnavailable(f"reading {subject}", "no answer in time") from error
        raise
    return reader
