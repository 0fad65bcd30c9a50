"""Connections of hooks: to addresses that may be called, looked at when the connection is made."""

import asyncio
import errno
import socket
from typing import Any

import aiohttp

from webjobs_api.hooks.errors import InvalidHook
from webjobs_api.hooks.target import is_public

_RESOLVE_SECONDS = 3.0


class ForbiddenAddress(OSError):
    """A host name leads to where hooks may not go."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__(errno.EACCES, f"{address} is not an address that hooks may call")


def hook_session(*, allow_private: bool) -> aiohttp.ClientSession:
    """A client that keeps no cookies and no connections.

    The address is looked at in the moment of connecting, after the name was resolved: whatever the name
    led to before, and whatever it will lead to, does not matter.
    """
    connector = aiohttp.TCPConnector(
        use_dns_cache=False,
        force_close=True,
        limit=0,
        socket_factory=None if allow_private else _guarded_socket,
    )
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


def _guarded_socket(info: Any) -> socket.socket:
    family, kind, protocol, _, address = info
    if not is_public(str(address[0])):
        raise ForbiddenAddress(str(address[0]))
    return socket.socket(family, kind, protocol)


async def refuse_forbidden(host: str) -> None:
    """Fail for a host that leads, now, to where hooks may not go; one that leads nowhere is accepted.

    Raises:
        InvalidHook: It is, or leads to, an address that is not public.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_RESOLVE_SECONDS):
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        return  # looked at again at each delivery
    for *_, address in found:
        if not is_public(str(address[0])):
            raise InvalidHook(
                f"{host[:100]!r} leads to {address[0]}, a loopback, private or reserved address; "
                "WEBJOBS_HOOKS_ALLOW_PRIVATE=true allows those"
            )
