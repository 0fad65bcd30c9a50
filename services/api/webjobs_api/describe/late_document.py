"""A document that takes long to build and is rarely asked for."""

import asyncio
from collections.abc import Callable

from aiohttp import web


class LateDocument:
    """Built when it is first asked for, in a thread: neither the start nor other requests wait for it."""

    def __init__(self, build: Callable[[], bytes]) -> None:
        """Nothing is built yet."""
        self._build = build
        self._built: asyncio.Future[bytes] | None = None

    async def read(self) -> bytes:
        """The document; all who ask get the same one."""
        if self._built is None:
            self._built = asyncio.ensure_future(asyncio.to_thread(self._build))
        # The others who wait for it must not lose it with the one who asked first.
        return await asyncio.shield(self._built)


ASYNCAPI = web.AppKey("asyncapi", LateDocument)
OPENAPI: web.AppKey[dict[str | None, LateDocument]] = web.AppKey("openapi", dict)
