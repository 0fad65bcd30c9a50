"""Clients that take nothing of their answer: little is held for them, and after a while they are cut off."""

import asyncio
import contextlib
import ctypes
import socket
import struct
from collections.abc import AsyncIterator
from weakref import WeakKeyDictionary

import structlog
from aiohttp import web

from webjobs_service.lifetime import LongLived, cancel_all

log = structlog.stdlib.get_logger(__name__)

# What an answer has written and the operating system has not taken; further writes wait beyond that.
_BUFFER_BYTES = 32 * 1024
_CHECKS = 4  # in the time after which a client is cut off
_LONGEST_INTERVAL = 5.0  # seconds between looks
_MANY = 20  # connections that have ended, after which free memory is returned
_TCP_INFO_BYTES = 128
_BYTES_ACKED = struct.Struct("@Q")
_NO_LINGER = struct.pack("ii", 1, 0)
_BYTES_ACKED_AT = 120  # in `struct tcp_info` of linux/tcp.h, since Linux 4.1


async def limit_buffer(request: web.Request, _: web.StreamResponse) -> None:
    """Before each answer: let its writes wait early."""
    if isinstance(request.transport, asyncio.WriteTransport):
        request.transport.set_write_buffer_limits(high=_BUFFER_BYTES)


class StalledClients(LongLived):
    """Watches every connection of a server, whatever is answered on it.

    A client takes something when its machine acknowledges bytes. That it has not read them yet does not
    count against it before its own buffer is full.

    Args:
        server: Has the connections.
        seconds: After which a client that takes nothing is cut off.
    """

    def __init__(self, server: web.Server, seconds: float) -> None:
        self._server = server
        self._seconds = seconds
        self._seen: WeakKeyDictionary[asyncio.BaseTransport, tuple[int, float]] = WeakKeyDictionary()

    @contextlib.asynccontextmanager
    async def _life(self) -> AsyncIterator[None]:
        """Watch while the body runs."""
        task = asyncio.create_task(self._watch(), name="stalled clients")
        try:
            yield
        finally:
            await cancel_all(task)

    async def _watch(self) -> None:
        interval, most = min(self._seconds / _CHECKS, _LONGEST_INTERVAL), 0
        while True:
            await asyncio.sleep(interval)
            now = asyncio.get_running_loop().time()
            connections = self._server.connections
            for connection in connections:
                transport = connection.transport
                if isinstance(transport, asyncio.WriteTransport):
                    self._check(transport, now)
            most = max(most, len(connections))
            if most - len(connections) >= _MANY:
                most = len(connections)
                return_memory()

    def _check(self, transport: asyncio.WriteTransport, now: float) -> None:
        waiting = transport.get_write_buffer_size()
        if not waiting:
            self._seen.pop(transport, None)
            return
        taken = _acknowledged(transport, waiting)
        known = self._seen.get(transport)
        if known is None or known[0] != taken:
            self._seen[transport] = taken, now
        elif now - known[1] >= self._seconds:
            client = transport.get_extra_info("peername")
            log.info("client cut off: it takes nothing", client=client, waiting_bytes=waiting)
            _reset(transport)


def return_memory() -> None:
    """Return free memory to the operating system: the C library keeps what buffers of answers took."""
    with contextlib.suppress(OSError, AttributeError):  # another C library than that of GNU
        ctypes.CDLL(None).malloc_trim(0)


def _reset(transport: asyncio.WriteTransport) -> None:
    """Close at once; what the operating system still holds for the client is not kept until it is taken."""
    connection = transport.get_extra_info("socket")
    with contextlib.suppress(AttributeError, OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()


def _acknowledged(transport: asyncio.WriteTransport, waiting: int) -> int:
    """Bytes that the client's machine has acknowledged; where that is unknown, how much waits, negated."""
    connection = transport.get_extra_info("socket")
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        return int(_BYTES_ACKED.unpack_from(info, _BYTES_ACKED_AT)[0])
    except (AttributeError, OSError, struct.error):
        return -waiting
