"""The address at which a client reaches this api, and the client's own address; pure.

Both are those of the connection, unless its other end is a trusted proxy, whose headers count then. Each
proxy adds its value at the right, so values are read from the right, one for each trusted proxy on the way.
What is further left may come from the client itself and is ignored; so is a malformed value.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

FORWARDED_HEADERS = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Prefix")
NO_PROXIES = "none"

_FOR, _PROTO, _HOST, _PREFIX = FORWARDED_HEADERS
_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_HOST_NAME = re.compile(r"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_PATH_PREFIX = re.compile(r"(?:/(?!\.{1,2}(?:/|$))(?:[A-Za-z0-9._~!$&()*+;=:@-]|%[0-9A-Fa-f]{2})+)*")
_LONGEST_HOST, _LONGEST_PREFIX = 260, 1000  # characters

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Peer:
    """What the connection itself says.

    Attributes:
        address: Of its other end; empty when it has none.
        scheme: `http` or `https`.
        host: As the request has it.
    """

    address: str
    scheme: str
    host: str


@dataclass(frozen=True, slots=True)
class PublicAddress:
    """How a client reaches this api.

    Attributes:
        client: Address of the client: the first on the way to here that is no trusted proxy.
        scheme: `http` or `https`.
        host: With a port, if it has one.
        prefix: Path that a proxy has taken off, such as `/jobs`; often empty.
        via_proxy: Whether the other end of the connection is a trusted proxy.
    """

    client: str
    scheme: str
    host: str
    prefix: str = ""
    via_proxy: bool = False

    @property
    def base(self) -> str:
        """What every URL of this api begins with."""
        return f"{self.scheme}://{self.host}{self.prefix}"


@lru_cache(maxsize=16)
def parse_proxies(text: str) -> tuple[_Network, ...]:
    """The networks of a list such as `127.0.0.0/8, ::1`; `none` is an empty list.

    Raises:
        ValueError: An entry is neither an address nor a network.
    """
    if text.strip().lower() == NO_PROXIES:
        return ()
    return tuple(_network(entry.strip()) for entry in text.split(","))


@lru_cache(maxsize=1024)
def is_trusted(address: str, proxies: tuple[_Network, ...]) -> bool:
    """Whether an address lies in one of the networks."""
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in proxies)


def public_address(
    peer: Peer,
    headers: Mapping[str, Sequence[str]],
    forwarded: Sequence[Mapping[str, str]],
    proxies: tuple[_Network, ...],
) -> PublicAddress:
    """The public address of a request.

    Args:
        peer: What its connection says.
        headers: Values of each of `FORWARDED_HEADERS`, in the order of the request.
        forwarded: Elements of its `Forwarded` headers (RFC 7239). They count only when the request has none
            of the others: a proxy that writes one kind passes the other on as the client wrote it.
        proxies: The trusted ones.
    """
    if not is_trusted(peer.address, proxies):
        return PublicAddress(peer.address, peer.scheme, peer.host)
    if any(headers.get(name) for name in FORWARDED_HEADERS):
        clients, schemes, hosts, prefixes = (_listed(headers.get(name, ())) for name in FORWARDED_HEADERS)
    else:
        clients, schemes, hosts = (
            [element.get(key, "") for element in forwarded] for key in ("for", "proto", "host")
        )
        prefixes = []
    client, count = _client(peer.address, clients, proxies)
    return PublicAddress(
        client=client,
        scheme=_SCHEMES.get(_outermost(schemes, count).lower(), peer.scheme),
        host=_valid_host(_outermost(hosts, count)) or peer.host,
        prefix=_joined(prefixes[-count:]),
        via_proxy=True,
    )


def _client(peer: str, addresses: Sequence[str], proxies: tuple[_Network, ...]) -> tuple[str, int]:
    """The first address from the right that is no trusted proxy, and how many trusted ones are before it."""
    client, count = peer, 0
    for text in reversed(addresses):
        if not is_trusted(client, proxies):
            break
        parsed = _parsed(_without_port(text))
        if parsed is None:
            break
        client, count = str(parsed), count + 1
    return client, max(count, 1)


def _outermost(values: Sequence[str], count: int) -> str:
    """What the outermost of so many proxies wrote; empty when none wrote anything."""
    return values[-min(count, len(values))] if values else ""


def _joined(prefixes: Iterable[str]) -> str:
    """The prefixes that proxies took off one after the other; empty when one of them is no path."""
    cut = [prefix.rstrip("/") for prefix in prefixes]
    joined = "".join(cut)
    is_path = all(_PATH_PREFIX.fullmatch(each) for each in cut) and len(joined) <= _LONGEST_PREFIX
    return joined if is_path else ""


def _valid_host(host: str) -> str:
    return host if len(host) <= _LONGEST_HOST and _HOST_NAME.fullmatch(host) else ""


def _listed(values: Iterable[str]) -> list[str]:
    return [each.strip().strip('"') for value in values for each in value.split(",")]


def _without_port(text: str) -> str:
    """The address in `192.0.2.1:80`, `[2001:db8::1]:80`, or either without a port."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return mapped or parsed


def _network(entry: str) -> _Network:
    try:
        return ipaddress.ip_network(entry)
    except ValueError as error:
        meant = ""
        if "has host bits set" in str(error):
            meant = f". Did you mean {ipaddress.ip_network(entry, strict=False)}?"
        raise ValueError(
            f"{entry[:60]!r} is neither an address nor a network such as 10.0.0.0/8{meant}"
        ) from None
