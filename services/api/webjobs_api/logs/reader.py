"""The reader of stored logs: pieces of a log that does not grow, or of what is stored of one by now."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import NamedTuple

from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus, StreamMessage, StreamReader
from webjobs_service.lifetime import cancel_all

from webjobs_api.http.log_errors import LogIncomplete
from webjobs_api.logs.assembly import Piece
from webjobs_api.logs.merged_log import MergedLog

_WINDOW = 64  # chunks asked for ahead of the client
_WINDOW_BYTES = 68 * 1024  # of them: one of the largest that a runner sends
_OPEN_TIMEOUT = 3.0  # seconds
_SILENCE = 0.5  # seconds without a chunk that should be there


class FinalLog(NamedTuple):
    """A log that does not grow any more."""

    size: int | None
    """In bytes; None when it is not known: what the stream holds is the log."""
    is_gone: bool = False
    """Whether it was removed."""


NextEnd = Callable[[FinalLog | None], Awaitable[FinalLog]]
"""Waits until the end of a log is another one than the one given: the log grows no more, then it is gone."""


class LogSource(NamedTuple):
    """Which log to read."""

    subject: str
    """Of its chunks; `*` as its last token merges those of all instances in stream order."""
    file_name: str
    """Chunks of other files are passed over."""
    next_end: NextEnd
    final: FinalLog | None = None
    """Its end, when that is known already."""
    is_continuous: bool = False
    """Whether its oldest part may have been removed."""
    patience: float = 30.0
    """Seconds without a new byte after which what is missing is not waited for any more."""

    @property
    def gap_patience(self) -> float:
        """Seconds without a new byte after which a gap stays."""
        return 0.1 * self.patience


async def read_log(
    bus: Bus, source: LogSource, *, start: int = 0, log: MergedLog | None = None, after: int = 0
) -> AsyncGenerator[Piece, None]:
    """A log piece by piece, no piece empty, never the whole in memory.

    A log whose size is known is read up to there, and what the stream does not hold yet is waited for.
    Otherwise it is read as far as it is stored at the beginning.

    Args:
        bus: Where the stream is.
        source: The log.
        start: Offset of the first byte to give; of each instance, when there are several.
        log: What was read of it before, up to the sequence `after`.
        after: Sequence in the stream after which to begin.

    Raises:
        BusUnavailable: NATS does not answer; what came before is only a part.
        LogIncomplete: The rest does not come; what came before is only a part.
    """
    log = log or MergedLog(source.file_name, start, begins_anywhere=source.is_continuous)
    reading = _Reading(bus, source, start, log, after)
    try:
        async for piece in reading.pieces():
            yield piece
    finally:
        await reading.close()


class _Reading:
    """One reader's way through a log."""

    def __init__(self, bus: Bus, source: LogSource, start: int, log: MergedLog, position: int) -> None:
        self._bus = bus
        self._source = source
        self._size = source.final.size if source.final is not None else None
        self._start = start
        self._log = log
        self._position = position  # sequence up to which chunks were read
        self._left = 0  # stored chunks that are still to come
        self._reader: StreamReader | None = None
        self._batches: AsyncGenerator[list[StreamMessage], None] | None = None
        self._arrival: asyncio.Future[list[StreamMessage]] | None = None
        self._removal: asyncio.Future[FinalLog] | None = None

    async def pieces(self) -> AsyncGenerator[Piece, None]:
        if self._size is None or self._log.end < self._size:
            self._reader = await _opened(self._bus, self._source.subject, self._position + 1, _WINDOW)
            self._left = self._reader.pending_at_start
            self._batches = self._reader.batches(max_messages=1)
        clock = asyncio.get_running_loop().time
        moved_at = clock()
        while not self._is_at_end:
            batch = await self._next_batch()
            for piece in self._log.add(batch):
                yield self._checked(piece)
            if batch:
                moved_at = clock()
                continue
            silence = clock() - moved_at
            if silence > self._source.gap_patience:
                for piece in self._log.skip_gaps():
                    yield self._checked(piece)
                    moved_at = clock()
            await self._expect_more(silence)
        if self._source.final is not None or self._source.is_continuous:
            for piece in self._log.skip_gaps():
                yield piece

    async def close(self) -> None:
        await cancel_all(self._arrival, self._removal)
        if self._batches is not None:
            await self._batches.aclose()
        if self._reader is not None:
            await self._reader.close()

    @property
    def _is_at_end(self) -> bool:
        return self._left <= 0 if self._size is None else self._log.end >= self._size

    async def _next_batch(self) -> list[StreamMessage]:
        """The next chunks; none when none came for a while."""
        assert self._batches is not None
        self._arrival = self._arrival or asyncio.ensure_future(anext(self._batches))
        await asyncio.wait({self._arrival}, timeout=_SILENCE)
        if not self._arrival.done():
            return []
        batch, self._arrival = self._arrival.result(), None
        self._left -= len(batch)
        self._position = batch[-1].sequence
        return batch

    async def _expect_more(self, silence: float) -> None:
        """Give up when no more can come.

        Raises:
            LogIncomplete: No more can come, or nothing came for too long.
        """
        if self._size is not None:
            self._removal = self._removal or asyncio.ensure_future(self._source.next_end(self._source.final))
            if self._removal.done() or silence > self._source.patience:
                raise LogIncomplete(self._source.file_name, self._log.end, self._size)
            return
        probe = await _opened(self._bus, self._source.subject, self._position + 1, 1)
        await probe.close()
        if probe.pending_at_start < self._left and not self._source.is_continuous:
            raise LogIncomplete(self._source.file_name, self._log.end, None)
        self._left = min(self._left, probe.pending_at_start)

    def _checked(self, piece: Piece) -> Piece:
        """The piece, unless a part is missing in the midst of a log that is to be whole."""
        begins_at = piece.start - piece.gap
        if piece.gap and self._size is not None and begins_at > self._start:
            raise LogIncomplete(self._source.file_name, begins_at, self._size)
        return piece


async def _opened(bus: Bus, subject: str, start_sequence: int, window: int) -> StreamReader:
    reader = bus.read_stream(
        bus.subjects.logs_stream,
        [subject],
        start_sequence=start_sequence,
        window=window,
        window_bytes=_WINDOW_BYTES,
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
