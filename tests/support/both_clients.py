"""`Client` and `AsyncClient` behind one interface, so that one test runs with both."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from typing import Any

from webjobs_client import AsyncClient, Client


class EitherClient:
    """One of the two clients; every method of it is awaited."""

    def __init__(self, client: Client | AsyncClient) -> None:
        self.client = client

    async def do(self, name: str, *arguments: Any, **options: Any) -> Any:
        """What the method of this name returns."""
        return await called(getattr(self.client, name), *arguments, **options)

    async def items(self, name: str, *arguments: Any, most: int | None = None, **options: Any) -> list[Any]:
        """What the method of this name iterates over, at most so many."""
        return await items_of(getattr(self.client, name), *arguments, most=most, **options)


async def called(method: Any, *arguments: Any, **options: Any) -> Any:
    """What a method of either client, or of its run, returns."""
    if asyncio.iscoroutinefunction(method):
        return await method(*arguments, **options)
    return await asyncio.to_thread(method, *arguments, **options)


async def items_of(method: Any, *arguments: Any, most: int | None = None, **options: Any) -> list[Any]:
    """What a method of either client iterates over."""
    found = method(*arguments, **options)
    if hasattr(found, "__aiter__"):
        taken = []
        async with contextlib.aclosing(found):
            while most is None or len(taken) < most:
                try:
                    taken.append(await anext(found))
                except StopAsyncIteration:
                    break
        return taken

    def take() -> list[Any]:
        with contextlib.closing(found):
            return list(itertools.islice(found, most))

    return await asyncio.to_thread(take)


@contextlib.asynccontextmanager
async def either_client(kind: str, *arguments: Any, **options: Any) -> AsyncIterator[EitherClient]:
    """The client that is `sync` or `async`, for the time of the body."""
    if kind == "async":
        async with AsyncClient(*arguments, **options) as client:
            yield EitherClient(client)
    else:
        with Client(*arguments, **options) as waiting:
            yield EitherClient(waiting)
