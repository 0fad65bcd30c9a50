"""Which addresses may be called; pure."""

import ipaddress

from yarl import URL

from webjobs_api.hooks.errors import InvalidHook

_LONGEST = 2000  # characters
# Look public to Python, and are not: metadata of clouds, addresses of protocols.
_SPECIAL = [ipaddress.ip_network(each) for each in ("168.63.129.16/32", "192.0.0.0/24", "64:ff9b:1::/48")]
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def parse_target(text: str) -> URL:
    """The address of a hook.

    Raises:
        InvalidHook: It is none that can be called.
    """
    text = text.strip()
    if not text:
        raise InvalidHook("its url is missing")
    if len(text) > _LONGEST:
        raise InvalidHook(f"its url is longer than {_LONGEST} characters")
    if not text.isprintable():
        raise InvalidHook("its url holds a control character")
    try:
        url = URL(text)
        host, port = url.host, url.port
        url.human_repr()
        (host or "").encode("idna")
    except (ValueError, UnicodeError) as error:
        raise InvalidHook("its url cannot be read") from error
    if url.scheme not in ("http", "https") or not host or not port:
        raise InvalidHook("its url must begin with http:// or https:// and name a host")
    return url.with_fragment(None)


def is_public(address: str) -> bool:
    """Whether an IP address is of the open internet: no loopback, no private network, no metadata service."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip.is_site_local:
            return False
    is_special = any(ip in network for network in _SPECIAL)
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or is_special)


def shown(url: str) -> str:
    """The address as it may be shown: without user and password."""
    parsed = URL(url)
    return str(parsed.with_user("***").with_password(None)) if parsed.user or parsed.password else url
