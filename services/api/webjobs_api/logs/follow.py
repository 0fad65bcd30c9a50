"""The follower of logs: what is written to a log, until it does not grow any more."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar

from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus, StreamMessage
from webjobs_service.lifetime import cancel_all

from webjobs_api.backends.tail import Follower, Tails
from webjobs_api.http.log_errors import LogIncomplete
from webjobs_api.logs.assembly import Piece
from webjobs_api.logs.merged_log import MergedLog
from webjobs_api.logs.reader import FinalLog, LogSource, read_log

T = TypeVar("T")


@asynccontextmanager
async def following(
    bus: Bus, tails: Tails, source: LogSource, *, start: int | None = 0
) -> AsyncIterator[AsyncGenerator[Piece, None]]:
    """A log piece by piece, no piece empty, until it does not grow any more and all of it came.

    Args:
        bus: Where the stream is.
        tails: Of which one is followed.
        source: The log.
        start: Offset of the first byte to give, of each instance; None: what comes from now on.

    Raises:
        BusUnavailable: NATS does not answer; what came before is only a part.
        LogIncomplete: The rest does not come; what came before is only a part.
    """
    if source.final is not None and start is not None:
        async with aclosing(read_log(bus, source, start=start)) as pieces:
            yield pieces
        return
    after = None if start is None else 0
    async with (
        tails.follow(bus.subjects.logs_stream, source.subject, after=after) as follower,
        aclosing(_Following(bus, source, follower, start).pieces()) as pieces,
    ):
        yield pieces


class _Following:
    """One follower's way through a log."""

    def __init__(self, bus: Bus, source: LogSource, follower: Follower, start: int | None) -> None:
        self._bus = bus
        self._source = source
        self._follower = follower
        self._position = follower.position  # sequence up to which chunks were read
        self._is_from_now = start is None
        self._start = start or 0
        begins_anywhere = self._is_from_now or source.is_continuous
        self._log = MergedLog(source.file_name, self._start, begins_anywhere=begins_anywhere)

    async def pieces(self) -> AsyncGenerator[Piece, None]:
        end = asyncio.ensure_future(self._source.next_end(None))
        try:
            async with aclosing(self._pieces_until(end)) as growing:
                async for piece in growing:
                    yield piece
        finally:
            await cancel_all(end)
        async with aclosing(self._rest(end.result())) as rest:
            async for piece in rest:
                yield piece

    async def _pieces_until(self, end: "asyncio.Future[FinalLog]") -> AsyncGenerator[Piece, None]:
        """What comes while the log may grow."""
        arrival: asyncio.Future[list[StreamMessage]] | None = None
        try:
            while not end.done():
                arrival = arrival or asyncio.ensure_future(self._follower.next())
                patience = self._source.gap_patience if self._log.has_gap else None
                waited: set[asyncio.Future[Any]] = {arrival, end}
                await asyncio.wait(waited, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                if arrival.done():
                    messages, arrival = arrival.result(), None
                    if not messages:
                        raise BusUnavailable(f"following {self._source.subject}", "its reader has ended")
                    self._position = messages[-1].sequence
                    pieces = self._log.add(messages)
                else:
                    pieces = [] if end.done() else self._log.skip_gaps()
                for piece in pieces:
                    yield piece
        finally:
            await cancel_all(arrival)

    def _rest(self, final: FinalLog) -> AsyncGenerator[Piece, None]:
        """What is still to come of a log that grows no more."""
        if final.is_gone:
            raise LogIncomplete(self._source.file_name, self._log.end, None)
        if self._is_from_now and not self._log.has_begun:
            # What was stored before is not wanted, but shows how much is still to come.
            self._log = MergedLog(self._source.file_name, wanted_after=self._position)
            self._position = 0
        source = self._source._replace(final=final)
        return read_log(self._bus, source, start=self._start, log=self._log, after=self._position)


async def with_pauses(
    items: AsyncGenerator[T, None], seconds: Callable[[], float], closing: asyncio.Event
) -> AsyncGenerator[T | None, None]:
    """The same, with None whenever nothing came for so long; ends early when all is closing."""
    arrival: asyncio.Future[T] | None = None
    end: asyncio.Future[bool] = asyncio.ensure_future(closing.wait())
    try:
        while True:
            arrival = arrival or asyncio.ensure_future(anext(items))
            waited: set[asyncio.Future[Any]] = {arrival, end}
            await asyncio.wait(waited, timeout=seconds(), return_when=asyncio.FIRST_COMPLETED)
            if closing.is_set():
                return
            if not arrival.done():
                yield None
                continue
            try:
                item, arrival = arrival.result(), None
            except StopAsyncIteration:
                return
            yield item
    finally:
        await cancel_all(end, arrival)
