"""Connections that have left HTTP behind: bytes pass between client and job as they are."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import StreamReader, web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import StreamWriter

log = structlog.stdlib.get_logger(__name__)

_WINDOW_BYTES = 32 * 1024  # read ahead on either side; twice as much at most


class _Incoming:
    """Stands where aiohttp has a parser of websockets, and hands bytes on as they come."""

    def __init__(self, protocol: BaseProtocol) -> None:
        self.content = StreamReader(protocol, _WINDOW_BYTES, loop=asyncio.get_running_loop())

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        if data:
            self.content.feed_data(data)
        return False, b""

    def feed_eof(self) -> None:
        self.content.feed_eof()


async def relay(request: web.Request, response: web.StreamResponse, job: ResponseHandler) -> None:
    """Pass bytes both ways until either end closes, with as little held as each end takes.

    Args:
        request: Of the client.
        response: To the client, begun with status 101.
        job: The connection to the job, on which it has answered with status 101.
    """
    from_job, from_client = _Incoming(job), _Incoming(request.protocol)
    to_job = StreamWriter(job, asyncio.get_running_loop())
    job.set_parser(from_job, from_job.content)
    request.protocol.set_parser(from_client)  # type: ignore[arg-type]  # as a parser of websockets
    ways = [
        asyncio.create_task(_pass(from_job.content, response.write)),
        asyncio.create_task(_pass(from_client.content, to_job.write)),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        for outcome in await asyncio.gather(*ways, return_exceptions=True):
            if isinstance(outcome, Exception):
                log.debug("upgraded connection cut off", path=request.path, error=str(outcome))


async def _pass(source: StreamReader, write: Callable[[bytes], Awaitable[None]]) -> None:
    async for data in source.iter_any():
        await write(data)
