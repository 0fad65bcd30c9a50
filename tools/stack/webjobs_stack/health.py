"""Asks a service whether it is ready, with nothing but a socket: the stack must start fast."""

import asyncio
import contextlib

_TIMEOUT_SECONDS = 2.0
_EVERY_INTERFACE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


async def is_healthy(host: str, port: int) -> bool:
    """Whether `GET /healthz` answers 200; False if nobody listens or nobody answers."""
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            return await _status(reachable(host), port) == 200
    except (OSError, TimeoutError, ValueError, IndexError):
        return False


def reachable(host: str) -> str:
    """The address at which a server that listens on `host` is reached from this machine."""
    return _EVERY_INTERFACE.get(host, host)


async def _status(host: str, port: int) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        status_line = await reader.readline()
        return int(status_line.split()[1])
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
