"""Asks a service whether it is ready, with nothing but a socket: the stack must start fast."""

import asyncio
import contextlib
from dataclasses import dataclass

_TIMEOUT_SECONDS = 2.0
_EVERY_INTERFACE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


@dataclass(frozen=True, slots=True)
class HealthResponse:
    """What a server answered to a GET."""

    status: int
    body: bytes


async def is_healthy(host: str, port: int) -> bool:
    """Whether `GET /healthz` answers 200; False if no service listens or answers."""
    try:
        return (await get(host, port, "/healthz")).status == 200
    except OSError:
        return False


async def answers(host: str, port: int, timeout: float) -> bool:
    """Whether a service answers anything, ready or not: it checks nothing for this question."""
    try:
        await _request("OPTIONS", host, port, "/healthz", timeout)
    except OSError:
        return False
    return True


async def get(host: str, port: int, path: str, timeout: float = _TIMEOUT_SECONDS) -> HealthResponse:
    """The answer to a GET.

    Raises:
        OSError: There is no answer within the time-out in seconds, or it is not HTTP.
    """
    return await _request("GET", host, port, path, timeout)


async def _request(method: str, host: str, port: int, path: str, timeout: float) -> HealthResponse:
    try:
        async with asyncio.timeout(timeout):
            return await _exchange(method, reachable(host), port, path)
    except (ValueError, IndexError) as error:
        raise OSError(f"{host}:{port} does not answer as HTTP says") from error


def reachable(host: str) -> str:
    """The address at which a server that listens on `host` is reached from this machine."""
    return _EVERY_INTERFACE.get(host, host)


async def _exchange(method: str, host: str, port: int, path: str) -> HealthResponse:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        # 1.0: the body comes in one piece and ends with the connection.
        writer.write(f"{method} {path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        return HealthResponse(int(head.split()[1]), body)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
