"""An aiohttp app served with time limits for its connections."""

import asyncio
import resource
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.http_parser import RawRequestMessage
from yarl import URL

from webjobs_service.connections import Connections, ConnectionTerms, connections_within
from webjobs_service.lifetime import cancel_all
from webjobs_service.route_spelling import RouteSpelling
from webjobs_service.stalled_clients import StalledClients

TERMS = ConnectionTerms()
_AS_WRITTEN = RouteSpelling([])

_Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
_RequestFactory = Callable[..., web.BaseRequest]
_MAX_PATH_BYTES = 8190  # the rest of a request line may be longer
_BACKLOG = 128  # connections that wait to be accepted


def raise_open_files() -> int:
    """Let this process open as many files as it may; returns how many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else 1_000_000


@asynccontextmanager
async def serve_http(
    app: web.Application,
    host: str,
    port: int,
    *,
    open_files: int,
    shutdown_timeout: float,
    spelling: RouteSpelling = _AS_WRITTEN,
    max_line_bytes: int = 8190,
    terms: ConnectionTerms = TERMS,
) -> AsyncIterator[str]:
    """Serve while the body runs. A handler is cancelled when its client leaves.

    Args:
        app: Not started yet.
        host: Address to listen on.
        port: 0 takes any free one.
        open_files: That its connections may need.
        shutdown_timeout: Seconds that requests in progress have to end.
        spelling: Of the routes whose case does not matter.
        max_line_bytes: Of a request line.
        terms: Time limits.

    Yields:
        The base URL, such as `http://127.0.0.1:8080`.
    """
    connections = Connections(terms, connections_within(open_files))
    app.middlewares.insert(0, connections.middleware)
    runner = web.AppRunner(
        app,
        access_log=None,
        handler_cancellation=True,
        shutdown_timeout=shutdown_timeout,
        max_line_size=max_line_bytes,
        auto_decompress=False,  # it takes a body without its end for whole, and ends at encodings it lacks
        keepalive_timeout=terms.idle,
    )
    await runner.setup()
    server = runner.server
    assert server is not None
    server.request_handler = _with_short_paths(server.request_handler)
    server.request_factory = _with_spelling(server.request_factory, spelling)
    try:
        async with _listening(host, port) as sockets, StalledClients(server, terms.unread):
            tasks = [asyncio.create_task(connections.watch())]
            tasks += [asyncio.create_task(connections.accept(each, server)) for each in sockets]
            try:
                address = sockets[0].getsockname()
                shown = f"[{address[0]}]" if ":" in address[0] else address[0]
                yield f"http://{shown}:{address[1]}"
            finally:
                await cancel_all(*tasks)
    finally:
        await runner.cleanup()


def _with_short_paths(answer: _Answer) -> _Answer:
    """The same, but for paths above the limit: the router looks at each of their parts, which takes long."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if len(request.rel_url.raw_path) > _MAX_PATH_BYTES:
            text = f"The path of the address is longer than {_MAX_PATH_BYTES:,} bytes, which is the limit."
            return web.Response(status=414, text=text)
        return await answer(request)

    return handle


def _with_spelling(make: _RequestFactory, spelling: RouteSpelling) -> _RequestFactory:
    """The same, but each request has the address that its route spells: nothing behind it sees another."""

    def respelled(message: RawRequestMessage, *rest: Any) -> web.BaseRequest:
        target = spelling.of(message.method, message.path)
        if target != message.path:
            message = message._replace(path=target, url=_url_of(target))
        return make(message, *rest)

    return respelled


def _url_of(target: str) -> URL:
    """A target as aiohttp's parser reads it."""
    if not target.startswith("/"):
        return URL(target, encoded=True)
    path, _, query = target.partition("?")
    return URL.build(path=path, query_string=query, encoded=True)


@asynccontextmanager
async def _listening(host: str, port: int) -> AsyncIterator[list[socket.socket]]:
    """Sockets that listen on every address of the host."""
    bound = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port, start_serving=False)
    sockets = [each.dup() for each in bound.sockets]
    bound.close()
    try:
        for each in sockets:
            each.setblocking(False)
            each.listen(_BACKLOG)
        yield sockets
    finally:
        for each in sockets:
            each.close()
