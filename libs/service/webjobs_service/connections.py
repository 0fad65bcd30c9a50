"""Time limits and a highest number for the connections of an aiohttp server.

aiohttp closes idle keep-alive connections. It waits for ever for the rest of a request's head or body, and
for a client that does not read its answer, and it takes connections until no file can be opened any more.
"""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import structlog
from aiohttp import StreamReader, web
from aiohttp.typedefs import Handler, Middleware

log = structlog.stdlib.get_logger(__name__)

_ACCEPT_AGAIN = 0.1  # seconds after a connection could not be accepted
_REPORT_SECONDS = 60.0  # between two log lines about connections that were closed or refused
_RESERVED_FILES = 96  # for the service itself
_FEWEST = 16  # connections, however low the limit of open files is
_HEAD_TIMED_OUT = "The head of the request did not arrive in time. Send it again."
_NO_ROOM = "There are too many connections. Try again in a moment."


@dataclass(frozen=True, slots=True)
class ConnectionTerms:
    """How long a connection may wait for its client, in seconds.

    Attributes:
        head: From the connection, or from the first byte of a later request, to the end of its head.
        idle: Between an answer and the next request.
        body: Without a byte of a request's body, while the service could read one.
        unread: Without the client taking a byte of its answer: see `stalled_clients`.
    """

    head: float = 10.0
    idle: float = 75.0
    body: float = 30.0
    unread: float = 60.0


class BodyTimedOut(TimeoutError):
    """The body of a request has stopped arriving."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"No byte of the body arrived for {seconds:g} s. Send the request again, with all of its body."
        )


def connections_within(open_files: int) -> int:
    """How many connections fit into a limit of open files, beside what the service itself opens."""
    return max(_FEWEST, open_files - max(_RESERVED_FILES, open_files // 4))


class Connections:
    """The connections of one server.

    Args:
        terms: Time limits.
        most: Connections at the same time. For one more, the one that is idle longest is closed; when none
            is idle, the new one is refused with 503.
    """

    def __init__(self, terms: ConnectionTerms, most: int) -> None:
        self.terms = terms
        self._most = most
        self._open: dict[asyncio.BaseTransport, _Connection] = {}
        self._report = _Report()
        self._has_work = asyncio.Event()  # for the watch

    async def accept(self, listening: socket.socket, server: Callable[[], asyncio.Protocol]) -> None:
        """Accept connections one at a time, until cancelled.

        asyncio's own server accepts bursts of them before the first one can be refused.
        """
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, _ = await loop.sock_accept(listening)
            except OSError as error:  # most likely no file can be opened
                log.warning("connection not accepted", error=str(error))
                self.make_room()
                await asyncio.sleep(_ACCEPT_AGAIN)
                continue
            try:
                await loop.connect_accepted_socket(lambda: _Connection(server(), self), accepted)
            except OSError as error:
                log.debug("connection lost at once", error=str(error))
                accepted.close()

    async def watch(self) -> None:
        """Close connections whose time is over, until cancelled."""
        terms = self.terms
        shortest = min(terms.head, terms.idle, terms.body)
        while True:
            await self._has_work.wait()
            await asyncio.sleep(min(1.0, shortest / 4))
            now = _now()
            self._report.write(now)
            for connection in list(self._open.values()):
                try:
                    connection.check(now)
                except Exception:  # one connection must not keep the others from being watched
                    log.exception("connection not checked")
                    connection.abort()
            if not self._open and not self._report.is_due:
                self._has_work.clear()

    @property
    def middleware(self) -> Middleware:
        """The outermost middleware of the app: between its ends a request is being answered."""

        @web.middleware
        async def in_progress(request: web.Request, handler: Handler) -> web.StreamResponse:
            connection = self._open.get(request.transport) if request.transport is not None else None
            if connection is None:
                return await handler(request)
            connection.begin(request)
            try:
                response = await handler(request)
            except BodyTimedOut as error:
                return _closing(408, str(error))
            finally:
                connection.end()
            if connection.body_error is not None and not response.prepared:
                return _closing(408, str(connection.body_error))
            return response

        return in_progress

    def opened(self, connection: "_Connection", transport: asyncio.Transport) -> bool:
        """Take a connection; False when there is no room, and none can be made."""
        if len(self._open) >= self._most and not self.make_room():
            return False
        self._open[transport] = connection
        self._has_work.set()
        return True

    def make_room(self) -> bool:
        """Close the connection that is idle longest; False when a request is in progress on every one."""
        self._has_work.set()  # what is done now is reported
        idle = [each for each in self._open.values() if each.is_idle]
        if not idle:
            self._report.count("refused")
            return False
        min(idle, key=lambda each: each.waits_since).abort()
        self._report.count("closed_for_others")
        return True

    def closed(self, transport: asyncio.BaseTransport) -> None:
        """Forget a connection."""
        self._open.pop(transport, None)


class _Connection(asyncio.Protocol):
    """One connection: hands everything on to the server's protocol, and remembers when it last came."""

    __slots__ = (
        "_body",
        "_has_begun",
        "_head_since",
        "_last_byte",
        "_owner",
        "_rest",
        "_server",
        "_transport",
        "body_error",
        "waits_since",
    )

    def __init__(self, server: asyncio.Protocol, owner: Connections) -> None:
        self._server: asyncio.Protocol | None = server
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._body: StreamReader | None = None  # of the request in progress
        self._rest: StreamReader | None = None  # of the body of a request that is answered already
        self._head_since: float | None = None  # None between two requests
        self._has_begun = False  # a byte of the head has come
        self._last_byte = 0.0
        self.waits_since = 0.0
        self.body_error: BodyTimedOut | None = None

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert self._server is not None
        self._transport = cast(asyncio.Transport, transport)
        self.waits_since = self._head_since = self._last_byte = _now()
        if self._owner.opened(self, self._transport):
            self._server.connection_made(transport)
        else:
            self._server = None
            self._refuse(503, _NO_ROOM)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._owner.closed(self._transport)
        if self._server is not None:
            self._server.connection_lost(exc)
        self._server = self._body = None

    def data_received(self, data: bytes) -> None:
        self._last_byte = _now()
        if self._body is None:
            self._has_begun = True
            if self._head_since is None:
                self._head_since = self._last_byte
        if self._server is not None:
            self._server.data_received(data)

    def eof_received(self) -> bool | None:
        return self._server.eof_received() if self._server is not None else None

    def pause_writing(self) -> None:
        if self._server is not None:
            self._server.pause_writing()

    def resume_writing(self) -> None:
        if self._server is not None:
            self._server.resume_writing()

    # What the middleware calls

    def begin(self, request: web.Request) -> None:
        """Note that the head of a request has arrived."""
        self._body, self._head_since, self._last_byte = request.content, None, _now()
        self._has_begun = False

    def end(self) -> None:
        """Note that a request is answered."""
        self.waits_since = _now()
        if self._body is not None and not self._body.is_eof():
            self._rest = self._body
            self._head_since = self.waits_since  # it is read for as long as a head may take
        self._body = None

    # What the watch does

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self._body is None

    def abort(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def check(self, now: float) -> None:
        """Close the connection if its time is over."""
        transport, terms = self._transport, self._owner.terms
        if transport is None or transport.get_write_buffer_size():
            return  # the client has an answer to take before anything else can be expected of it
        if self._body is not None:
            self._check_body(self._body, transport, now)
        elif self._head_since is not None and now - self._head_since > terms.head:
            self._end_head(transport)

    def _end_head(self, transport: asyncio.Transport) -> None:
        """Close a connection whose request does not begin, or does not go on."""
        if self._rest is not None and self._rest.is_eof():  # the server waits for the next request
            self._rest = self._head_since = None
        elif self._has_begun and self._rest is None and not transport.is_closing():
            self._refuse(408, _HEAD_TIMED_OUT)
        else:
            transport.close()

    def _check_body(self, body: StreamReader, transport: asyncio.Transport, now: float) -> None:
        if body.is_eof() or self.body_error is not None:
            return
        if not transport.is_reading():  # the service has not taken yet what there is
            self._last_byte = now
        elif now - self._last_byte > self._owner.terms.body:
            self.body_error = BodyTimedOut(self._owner.terms.body)
            body.set_exception(self.body_error)

    def _refuse(self, status: int, text: str) -> None:
        assert self._transport is not None
        reason = {408: "Request Timeout", 503: "Service Unavailable"}[status]
        retry = "Retry-After: 2\r\n" if status == 503 else ""
        self._transport.write(
            f"HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\n{retry}"
            f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}".encode()
        )
        self._transport.close()


class _Report:
    """Logs, once a minute at most, what was done for want of room."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._reported_at = float("-inf")

    @property
    def is_due(self) -> bool:
        """Whether something was counted that is not logged yet."""
        return bool(self._counts)

    def count(self, what: str) -> None:
        """Count it."""
        self._counts[what] = self._counts.get(what, 0) + 1

    def write(self, now: float) -> None:
        """Log what was counted since the last time, unless that was less than a minute ago."""
        if self._counts and now - self._reported_at > _REPORT_SECONDS:
            log.warning("connections at their limit", **self._counts)
            self._reported_at, self._counts = now, {}


def _closing(status: int, text: str) -> web.Response:
    response = web.Response(status=status, text=text)
    response.force_close()
    return response


def _now() -> float:
    return asyncio.get_running_loop().time()
