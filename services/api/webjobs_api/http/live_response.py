"""An answer without an end: sent piece by piece, to a client that must go on taking it."""

import structlog
from aiohttp import web

log = structlog.stdlib.get_logger(__name__)

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Accel-Buffering": "no"}


class LiveAnswer:
    """Sends as fast as the client takes, and keeps nothing for it."""

    def __init__(self, request: web.Request, content_type: str) -> None:
        self._request = request
        self.response = web.StreamResponse(headers=_HEADERS)
        self.response.content_type, self.response.charset = content_type, "utf-8"

    async def begin(self) -> bool:
        """Send the head; False when the client wants no more than that."""
        await self.response.prepare(self._request)
        return self._request.method != "HEAD"

    async def send(self, data: bytes) -> None:
        """Send some bytes.

        Raises:
            ConnectionError: The client has left, or was cut off because it takes nothing any more.
        """
        await self.response.write(data)

    async def end(self) -> None:
        """Finish in good order."""
        await self.response.write_eof()

    def cut(self) -> None:
        """Break off: the client must not take what it has for the whole."""
        if self._request.transport is not None:
            self._request.transport.abort()
