"""Which addresses and Host headers mean this machine and no other."""

import ipaddress
import re
from functools import lru_cache

_HOST = re.compile(r"[A-Za-z0-9._~%:\[\]-]*")


def is_host(host: str) -> bool:
    """Whether a Host header can be one: it becomes a part of every address in an answer."""
    return _HOST.fullmatch(host) is not None


@lru_cache(maxsize=64)  # every request asks for its Host, and few differ
def is_loopback(host: str) -> bool:
    """Whether a name or address, without a port, can only mean this machine itself."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def without_port(host: str) -> str:
    """The name or address in a Host header: `[::1]:8080` gives `[::1]`."""
    name, colon, port = host.rpartition(":")
    return name if colon and (port.isdigit() or not port) else host
