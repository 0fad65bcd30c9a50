"""Windows of a log by line number, read from the chunk that has the first line."""

from contextlib import aclosing, suppress
from datetime import datetime
from typing import NamedTuple

from webjobs_events.jetstream import Bus
from webjobs_rules.log_format import LineCount, read_mark

from webjobs_api.logs.assembly import Assembly
from webjobs_api.logs.chunk_index import ChunkIndex, StoredChunk, chunks_from
from webjobs_api.logs.line_cutter import LineCutter
from webjobs_api.logs.line_view import RawLine
from webjobs_api.logs.reader import LogSource

_SAMPLES = 100  # chunks that are looked at for where the errors of a log are
_MARKS_AMONG = 20  # lines of a chunk that are looked at for a mark
_MOST_BYTES = 4 * 1024 * 1024  # read for a window beyond its first line; a window of long lines is shorter


class LogExtent(NamedTuple):
    """How much of a log is stored."""

    lines: int
    """An unfinished one included."""
    end: int
    """Offset of the byte after the last."""
    first_error: int | None
    """Number of the first line of level ERROR or SYS ERROR."""
    first: int = 1
    """Number of the first line: of the log of a continuous job the oldest part may have been removed."""


class _OutOfOrder(Exception):
    """A part of a log is not where its place in the log lets expect it."""


class LineReader:
    """Reads a log by line.

    A log whose chunks count their lines is read from near the line on, any other from its beginning.

    Args:
        bus: Where the stream is.
        source: The log; of one source.
    """

    def __init__(self, bus: Bus, source: LogSource) -> None:
        self._bus = bus
        self._source = source
        self._index = ChunkIndex(bus, source)
        self._bounds: tuple[StoredChunk, StoredChunk] | None = None
        self._is_looked_up = False

    async def extent(self) -> LogExtent:
        """Returns how much of the log is stored.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        bounds = await self._found_bounds()
        if bounds is None:
            return await self._counted_extent()
        first, last = bounds
        final = self._source.final
        if final is not None and final.size is not None and last.chunk.end < final.size:
            return await self._counted_extent()  # the last chunk is on its way, or stored before another one
        until = last.until
        is_unfinished = not last.chunk.data.endswith(b"\n")
        first_error = None
        if until.errors > first.before.errors:
            near = await self._index.last_with(
                first, last, lambda each: each.before.errors == first.before.errors
            )
            first_error = await self._first_error_from(near.sequence)
        return LogExtent(until.lines + is_unfinished, last.chunk.end, first_error, first.before.lines + 1)

    async def lines(self, first: int, count: int) -> list[RawLine]:
        """Returns up to so many lines from a number on; fewer when they are long, none behind the last.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        bounds = await self._found_bounds()
        if bounds is None:
            return await self._read(first, count, None)
        if first > bounds[0].before.lines + 1:
            near = await self._index.last_with(*bounds, lambda each: each.before.lines + 1 < first)
            with suppress(_OutOfOrder):
                return await self._read(first, count, near, in_order=True)
        return await self._read(first, count, bounds[0] if self._source.is_continuous else None)

    async def samples(self) -> list[StoredChunk]:
        """Returns some chunks in order, among them the first and the last; none if they do not count lines.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        bounds = await self._found_bounds()
        return await self._index.samples(*bounds, _SAMPLES) if bounds else []

    async def first_since(self, instant: datetime) -> int | None:
        """Returns the number of a line shortly before the first one that was written since an instant.

        Returns:
            None when nothing is stored, or its chunks do not count lines.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        bounds = await self._found_bounds()
        if bounds is None:
            return None
        near = await self._index.last_with(*bounds, lambda each: _is_before(each, instant))
        return near.before.lines + 1

    async def _read(
        self, first: int, count: int, near: StoredChunk | None, *, in_order: bool = False
    ) -> list[RawLine]:
        """The lines, read from a chunk on, or from the beginning.

        Raises:
            _OutOfOrder: With `in_order`: what follows that chunk is stored before it.
        """
        offset, line = (near.chunk.offset, near.before.lines + 1) if near else (0, 1)
        cutter, assembly = LineCutter(first, line=line, offset=offset, count=count), Assembly(offset)
        lines: list[RawLine] = []
        begun_at: int | None = None
        stored = chunks_from(self._bus, self._source, near.sequence if near else 1)
        async with aclosing(stored):
            async for chunks in stored:
                for chunk in chunks:
                    for piece in assembly.add(chunk.offset, chunk.data):
                        lines += cutter.add(piece)
                if in_order and assembly.has_gap:
                    raise _OutOfOrder
                if lines and begun_at is None:
                    begun_at = cutter.end
                if cutter.is_full or (begun_at is not None and cutter.end - begun_at > _MOST_BYTES):
                    return lines
        for piece in assembly.skip_gap():
            lines += cutter.add(piece)
        return lines + cutter.rest()

    async def _first_error_from(self, sequence: int) -> int | None:
        async with aclosing(chunks_from(self._bus, self._source, sequence)) as stored:
            async for chunks in stored:
                for chunk in chunks:
                    found = chunk.before.first_error(chunk.data) if chunk.before else None
                    if found is not None:
                        return found
        return None

    async def _counted_extent(self) -> LogExtent:
        """The extent of a log whose chunks do not count their lines."""
        cutter, assembly = LineCutter(1 << 60, count=1), Assembly()
        first_error: int | None = None
        async with aclosing(chunks_from(self._bus, self._source, 1)) as stored:
            async for chunks in stored:
                for chunk in chunks:
                    for piece in assembly.add(chunk.offset, chunk.data):
                        if first_error is None:
                            first_error = LineCount(cutter.line - 1).first_error(piece.data)
                        cutter.add(piece)
        return LogExtent(cutter.line - 1 + cutter.is_amid_line, cutter.end, first_error)

    async def _found_bounds(self) -> tuple[StoredChunk, StoredChunk] | None:
        """The first and the last chunk, if they count lines."""
        if not self._is_looked_up:
            self._is_looked_up = True
            first, last = await self._index.first(), await self._index.last()
            self._bounds = (first, last) if first is not None and last is not None else None
        return self._bounds


def _is_before(stored: StoredChunk, instant: datetime) -> bool:
    """Whether the first line of a chunk that has a mark was written before an instant."""
    for line in stored.chunk.data.split(b"\n", _MARKS_AMONG):
        if (mark := read_mark(line)) is not None:
            return mark.at < instant
    return True
