"""Finds chunks of a log by what they count: the stream of logs is its own index.

Chunks of one log are stored in the order of their offsets, but for those around an outage. So a chunk is
found by halves, in time that grows with the logarithm of the size of the log.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import NamedTuple

from webjobs_events.jetstream import Bus, StreamMessage
from webjobs_rules.log_format import LineCount, LogChunk, decode_chunk

from webjobs_api.logs.reader import LogSource

_NEAR = 8  # sequences that are read on rather than halved
_BATCH = 4  # messages read to find a chunk of the log between those of the other
_BACK = 64  # messages looked at for the last chunk of a log
_AT_ONCE = 10  # chunks asked for at the same time
_READ_AHEAD = 8  # chunks read at a time


class StoredChunk(NamedTuple):
    """A chunk and where it is in the stream."""

    sequence: int
    chunk: LogChunk
    before: LineCount
    """What is before the chunk."""

    @property
    def until(self) -> LineCount:
        """What is before the end of the chunk."""
        return self.before.after(self.chunk.data)


class ChunkIndex:
    """The chunks of one log, of one source, that count lines."""

    def __init__(self, bus: Bus, source: LogSource) -> None:
        self._bus = bus
        self._source = source

    async def first(self) -> StoredChunk | None:
        """Returns the first chunk; None when there is none, or it counts no lines.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        return await self._first_from(1, None)

    async def last(self) -> StoredChunk | None:
        """Returns the last chunk; None when there is none near the end, or it counts no lines.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        stream, subject = self._bus.subjects.logs_stream, self._source.subject
        message = await self._bus.last_message(stream, subject)
        for _ in range(_BACK):
            if message is None:
                return None
            chunk = decode_chunk(message.headers, message.data)
            if chunk.file_name == self._source.file_name:
                return StoredChunk(message.sequence, chunk, chunk.before) if chunk.before else None
            message = await self._bus.last_message_before(stream, subject, message.sequence)
        return None

    async def last_with(
        self, first: StoredChunk, last: StoredChunk, is_before: Callable[[StoredChunk], bool]
    ) -> StoredChunk:
        """Returns a chunk for which `is_before` holds, near the last such; `first` when there is none.

        Args:
            first: The first chunk.
            last: The last chunk.
            is_before: Whether what is looked for is not before a chunk: true up to one, then false.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        if is_before(last):
            return last
        low, high = first, last.sequence
        while high - low.sequence > _NEAR:
            middle = (low.sequence + high) // 2
            found = await self._first_from(middle, high)
            if found is None or not is_before(found):
                high = middle
            else:
                low = found
        return low

    async def samples(self, first: StoredChunk, last: StoredChunk, count: int) -> list[StoredChunk]:
        """Returns about so many chunks in order, the first and the last among them.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        step = max(1, -(-(last.sequence - first.sequence) // count))
        wanted = range(first.sequence + step, last.sequence, step)
        found = {first.sequence: first, last.sequence: last}
        for place in range(0, len(wanted), _AT_ONCE):
            asked = (self._chunk_at(sequence) for sequence in wanted[place : place + _AT_ONCE])
            for each in await asyncio.gather(*asked):
                if each is not None and each.sequence < last.sequence:
                    found[each.sequence] = each
        return sorted(found.values(), key=lambda each: each.chunk.offset)

    async def _chunk_at(self, sequence: int) -> StoredChunk | None:
        """The first chunk on the subject from a sequence on; None when it is of another log."""
        messages, _ = await self._bus.messages_from(
            self._bus.subjects.logs_stream,
            self._source.subject,
            start_sequence=sequence,
            count=1,
            is_append_only=True,
        )
        for message in messages:
            chunk = decode_chunk(message.headers, message.data)
            if chunk.file_name == self._source.file_name and chunk.before is not None:
                return StoredChunk(message.sequence, chunk, chunk.before)
        return None

    async def _first_from(self, sequence: int, limit: int | None) -> StoredChunk | None:
        """The first chunk from a sequence on, below the limit."""
        if limit is not None and sequence >= limit:
            return None
        async with aclosing(_pages_from(self._bus, self._source, sequence, _BATCH)) as pages:
            async for page in pages:
                for message in page:
                    if limit is not None and message.sequence >= limit:
                        return None
                    chunk = decode_chunk(message.headers, message.data)
                    if chunk.file_name == self._source.file_name:
                        return StoredChunk(message.sequence, chunk, chunk.before) if chunk.before else None
        return None


async def chunks_from(
    bus: Bus, source: LogSource, sequence: int, *, count: int = _READ_AHEAD
) -> AsyncGenerator[list[LogChunk], None]:
    """The chunks of a log that are stored by now, from a sequence on, some at a time.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    async with aclosing(_pages_from(bus, source, sequence, count)) as pages:
        async for page in pages:
            chunks = (decode_chunk(message.headers, message.data) for message in page)
            yield [chunk for chunk in chunks if chunk.file_name == source.file_name]


def _pages_from(
    bus: Bus, source: LogSource, sequence: int, count: int
) -> AsyncGenerator[list[StreamMessage], None]:
    return bus.pages_from(
        bus.subjects.logs_stream, source.subject, start_sequence=sequence, count=count, is_append_only=True
    )
