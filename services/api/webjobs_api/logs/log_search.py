"""Searches all that is stored of a log for a text."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec
from webjobs_events.jetstream import Bus
from webjobs_rules.log_format import LogChunk
from webjobs_service.lifetime import cancel_all

from webjobs_api.logs.assembly import Assembly
from webjobs_api.logs.chunk_index import chunks_from
from webjobs_api.logs.reader import LogSource
from webjobs_api.logs.text_search import TextSearch

SEARCH_SECONDS = 2.0
"""After which a search returns what it has found."""

_CHUNKS = 64  # read at a time
_SEARCHED_AT_ONCE = 8  # of them, before others have their turn


class SearchResult(msgspec.Struct, frozen=True):
    """The lines that hold a text.

    Attributes:
        matches: Numbers of the first 1,000 of them.
        count: How many there are.
        complete: Whether all that the log has by now was searched: not when the time was up, or a part of
            the log is not stored yet.
    """

    matches: list[int]
    count: int
    complete: bool


async def search_log(
    bus: Bus, source: LogSource, search: TextSearch, *, seconds: float = SEARCH_SECONDS
) -> SearchResult:
    """Returns the lines of a log, of one source, that hold the text.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    assembly: Assembly | None = None
    is_whole = True
    async with aclosing(_read_ahead(chunks_from(bus, source, 1, count=_CHUNKS))) as stored:
        async for chunks in stored:
            for place, chunk in enumerate(chunks):
                if place % _SEARCHED_AT_ONCE == 0:
                    await asyncio.sleep(0)  # the next chunks are received meanwhile
                assembly = assembly or Assembly(chunk.offset if source.is_continuous else 0)
                for piece in assembly.add(chunk.offset, chunk.data):
                    is_whole = is_whole and not piece.gap
                    is_as_stored = piece.start == chunk.offset
                    search.add(piece.data, chunk.before.lines + 1 if chunk.before and is_as_stored else None)
            if loop.time() > deadline:
                return SearchResult(search.matches, search.count, False)
    assembly = assembly or Assembly()
    for piece in assembly.skip_gap():
        is_whole = False
        search.add(piece.data)
    search.finish()
    size = source.final.size if source.final is not None else None
    return SearchResult(search.matches, search.count, is_whole and (size is None or assembly.end >= size))


async def _read_ahead(
    stored: AsyncGenerator[list[LogChunk], None],
) -> AsyncGenerator[list[LogChunk], None]:
    """The same chunks; the next ones are on their way while some are searched."""
    following: asyncio.Future[list[LogChunk] | None] = asyncio.ensure_future(anext(stored, None))
    try:
        while (chunks := await following) is not None:
            following = asyncio.ensure_future(anext(stored, None))
            yield chunks
    finally:
        await cancel_all(following)
        await stored.aclose()
