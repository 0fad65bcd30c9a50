"""Log files put together again from the chunks in the stream of logs."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import NamedTuple

import structlog
from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus, StreamMessage, StreamReader

from webjobs_api.http.errors import LogIncomplete
from webjobs_api.logs.assembly import Assembly, Piece

log = structlog.stdlib.get_logger(__name__)

FILE_HEADER = "Webjobs-File"
OFFSET_HEADER = "Webjobs-Offset"

_WINDOW = 64  # chunks asked for ahead of the client
_WINDOW_BYTES = 68 * 1024  # of them: one of the largest that a runner sends
_OPEN_TIMEOUT = 3.0  # seconds
_LOOK_INTERVAL = 0.5  # seconds without a chunk after which we look whether more can come
_GAP_PATIENCE = 0.1  # part of the patience after which a gap stays


class FinalLog(NamedTuple):
    """A log that does not grow any more."""

    size: int | None
    """In bytes; None when it is not known: what the stream holds is the log."""
    is_gone: bool = False
    """Whether it was removed."""


Look = Callable[[], Awaitable[FinalLog | None]]
"""Returns what is known of the end of a log; None while it may still grow."""


class LogSource(NamedTuple):
    """Which log to read."""

    subject: str
    """Of its chunks; `*` as its last token merges those of all instances in stream order."""
    file_name: str
    """Chunks of other files are passed over."""
    look: Look
    final: FinalLog | None = None
    """What is known of its end already."""
    is_continuous: bool = False
    """Whether its oldest part may have been removed."""
    patience: float = 30.0
    """Seconds without a new byte after which what is missing is not waited for any more."""


async def read_pieces(
    bus: Bus, source: LogSource, *, start: int = 0, follow: bool = False
) -> AsyncGenerator[Piece, None]:
    """A log file piece by piece, no piece empty, never the whole in memory.

    A log whose size is known is read up to there, and what the stream does not hold yet is waited for.
    Otherwise it is read as far as it is stored at the beginning, or followed until it does not grow any more.

    Args:
        bus: Where the stream is.
        source: The log.
        start: Offset of the first byte to give; of each instance, when there are several.
        follow: Whether to go on while the log may grow.

    Raises:
        BusUnavailable: NATS does not answer; what came before is only a part.
        LogIncomplete: The rest does not come; what came before is only a part.
    """
    reading = _Reading(bus, source, start, follow)
    try:
        async for piece in reading.pieces():
            yield piece
    finally:
        await reading.close()


class _Reading:
    """One reader's way through a log."""

    def __init__(self, bus: Bus, source: LogSource, start: int, follow: bool) -> None:
        self._bus = bus
        self._source = source
        self._start = start
        self._follow = follow
        self._final = source.final
        self._logs: dict[str, Assembly] = {}
        self._left = 0  # chunks still to come of those that are counted
        self._position = 0  # sequence up to which chunks were read
        self._reader: StreamReader | None = None
        self._batches: AsyncGenerator[list[StreamMessage], None] | None = None
        self._arrival: asyncio.Future[list[StreamMessage]] | None = None

    async def pieces(self) -> AsyncGenerator[Piece, None]:
        self._reader = await _opened(self._bus, self._source.subject, 1, _WINDOW)
        self._left = self._reader.pending_at_start
        self._batches = self._reader.batches(max_messages=1)
        clock = asyncio.get_running_loop().time
        moved_at = clock()
        while not self._is_at_end:
            batch = await self._next_batch()
            for message in batch:
                for piece in self._add(message):
                    yield self._checked(piece)
            if batch:
                moved_at = clock()
                continue
            await self._look()
            silence = clock() - moved_at
            if silence > _GAP_PATIENCE * self._source.patience:
                for piece in self._skip_gaps():
                    yield self._checked(piece)
                    moved_at = clock()
            if self._is_sized and silence > self._source.patience:
                raise LogIncomplete(self._source.file_name, self._end, self._final and self._final.size)
        if self._final is not None or self._source.is_continuous:
            for piece in self._skip_gaps():
                yield piece

    async def close(self) -> None:
        if self._arrival is not None:
            self._arrival.cancel()
            await asyncio.gather(self._arrival, return_exceptions=True)
        if self._batches is not None:
            await self._batches.aclose()
        if self._reader is not None:
            await self._reader.close()

    @property
    def _is_sized(self) -> bool:
        return self._final is not None and self._final.size is not None

    @property
    def _end(self) -> int:
        """How far a log of one source was read."""
        return max((each.end for each in self._logs.values()), default=self._start)

    @property
    def _is_at_end(self) -> bool:
        if self._final is not None and self._final.size is not None:
            return self._end >= self._final.size
        return self._left <= 0 and (self._final is not None or not self._follow)

    async def _next_batch(self) -> list[StreamMessage]:
        """The next chunks; none when none came for a while."""
        assert self._batches is not None
        self._arrival = self._arrival or asyncio.ensure_future(anext(self._batches))
        await asyncio.wait({self._arrival}, timeout=_LOOK_INTERVAL)
        if not self._arrival.done():
            return []
        batch, self._arrival = self._arrival.result(), None
        self._left -= len(batch)
        self._position = batch[-1].sequence
        return batch

    async def _look(self) -> None:
        """See whether more can come."""
        if self._final is None or self._is_sized:
            final = await self._source.look()
            if final is not None and final.is_gone:
                raise LogIncomplete(self._source.file_name, self._end, None)
            if self._follow and self._final is None and final is not None:
                self._final = final
                self._left = await self._pending()
                return
        if not self._is_sized and not (self._follow and self._final is None):
            pending = await self._pending()
            if pending < self._left and not self._source.is_continuous:
                raise LogIncomplete(self._source.file_name, self._end, None)
            self._left = min(self._left, pending)

    async def _pending(self) -> int:
        """How many chunks there are behind those that were read."""
        probe = await _opened(self._bus, self._source.subject, self._position + 1, 1)
        await probe.close()
        return probe.pending_at_start

    def _add(self, message: StreamMessage) -> list[Piece]:
        if message.headers.get(FILE_HEADER) != self._source.file_name:
            return []
        source, offset = message.subject.rpartition(".")[2], offset_of(message)
        assembly = self._logs.get(source)
        if assembly is None:
            start = max(self._start, offset) if self._source.is_continuous else self._start
            assembly = self._logs[source] = Assembly(start)
        return assembly.add(offset, message.data)

    def _skip_gaps(self) -> list[Piece]:
        return [piece for assembly in self._logs.values() for piece in assembly.skip_gap()]

    def _checked(self, piece: Piece) -> Piece:
        """The piece, unless a part is missing in the midst of a log that is to be whole."""
        begins_at = piece.end - len(piece.data) - piece.gap
        if piece.gap and self._is_sized and begins_at > self._start:
            raise LogIncomplete(self._source.file_name, begins_at, self._final and self._final.size)
        return piece


def offset_of(message: StreamMessage) -> int:
    """Where a chunk begins in its log."""
    text = message.headers.get(OFFSET_HEADER, "")
    if text.isdecimal():
        return int(text)
    log.warning("log chunk without an offset", subject=message.subject, sequence=message.sequence)
    return 0


async def _opened(bus: Bus, subject: str, start_sequence: int, window: int) -> StreamReader:
    stream = bus.subjects.logs_stream
    reader = bus.read_stream(
        stream, [subject], start_sequence=start_sequence, window=window, window_bytes=_WINDOW_BYTES
    )
    try:
        async with asyncio.timeout(_OPEN_TIMEOUT):
            await reader.open()
    except BaseException as error:
        await reader.close()
        if isinstance(error, TimeoutError):
            raise BusUnavailable(f"reading {subject}", "no answer in time") from error
        raise
    return reader
