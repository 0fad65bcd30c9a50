"""Which TCP ports are free on this machine."""

import asyncio
import errno
import random
import socket
import time
from collections import deque
from pathlib import Path

from webjobs_stack.errors import AddressUnusable

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 10_000
# The kernel closes the sockets of a killed process a moment after it is gone.
_CLOSING_SECONDS = 1.0
_returned: deque[int] = deque(maxlen=500)


def free_port(host: str = "127.0.0.1") -> int:
    """Returns a free port, below those the kernel gives to outgoing connections.

    A server that is down must find its port again: a client that reconnects from a port of the kernel's range
    could otherwise take it, or even connect to itself. A port that was returned a moment ago is not returned
    again: nothing may listen there yet.
    """
    highest = _first_ephemeral() - 1
    for _ in range(200):
        port = random.randint(_LOWEST, highest)
        if port not in _returned and is_free(host, port):
            _returned.append(port)
            return port
    with socket.socket() as listener:
        listener.bind((host, 0))
        return int(listener.getsockname()[1])


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now.

    Raises:
        AddressUnusable: The host is no address of this machine, or the port is reserved.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            # Two sockets may both bind with SO_REUSEADDR; only one may listen.
            listener.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        raise AddressUnusable(host, error.strerror or str(error)) from error
    return True


async def becomes_free(host: str, port: int, within_seconds: float = _CLOSING_SECONDS) -> bool:
    """Whether a server could listen there now or a moment later.

    Raises:
        AddressUnusable: The host is no address of this machine, or the port is reserved.
    """
    give_up_at = time.monotonic() + within_seconds
    while not is_free(host, port):
        if time.monotonic() > give_up_at:
            return False
        await asyncio.sleep(0.05)
    return True


def _first_ephemeral() -> int:
    try:
        first = int(_EPHEMERAL.read_text().split()[0])
    except (OSError, ValueError):
        first = 32_768
    return first if first > _LOWEST + 1_000 else 32_768
