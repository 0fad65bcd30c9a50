"""How much of what clients download is held for them, and work of which some is always under way."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Coroutine, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, TypeVar

from webjobs_events import files
from webjobs_service.lifetime import cancel_all

_DOWNLOAD_BYTES = 4 * 1024 * 1024  # of files, held for clients; more only in the smallest pieces
READ_AHEAD = 2  # pieces of a download that are asked for, or wait for the client

T = TypeVar("T")


class Downloads:
    """Shares a number of bytes among all downloads: the more there are, the smaller their pieces."""

    def __init__(self) -> None:
        self._active = 0

    @property
    def piece_bytes(self) -> int:
        """How much of a file to ask for next."""
        fair = _DOWNLOAD_BYTES // (READ_AHEAD * max(1, self._active))
        return max(files.READ_BYTES, min(files.CHUNK_BYTES, fair))

    @contextmanager
    def one(self) -> Iterator[None]:
        """Around a download."""
        self._active += 1
        try:
            yield
        finally:
            self._active -= 1


async def in_flight(work: AsyncGenerator[Coroutine[Any, Any, T], None], most: int) -> AsyncGenerator[T, None]:
    """What pieces of work answer, in their order, with at most so many of them going on at the same time."""
    going_on: deque[asyncio.Task[T]] = deque()
    try:
        async with aclosing(work):
            async for each in work:
                going_on.append(asyncio.create_task(each))
                if len(going_on) >= most:
                    yield await going_on.popleft()
            while going_on:
                yield await going_on.popleft()
    finally:
        await cancel_all(*going_on)


async def each(work: Iterator[T]) -> AsyncGenerator[T, None]:
    """The same, for who wants it asynchronous."""
    for one in work:
        yield one
