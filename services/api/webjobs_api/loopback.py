"""Which addresses and Host headers mean this machine and no other."""

import ipaddress
from functools import lru_cache


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
