"""What of a request a job's own server gets to see, and what of its answer the client does; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from multidict import CIMultiDict

INSTANCE_HEADER = "X-WebJobs-Instance"
"""In a request: which instance is to answer. In an answer: which one did."""

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_NOT_FOR_JOBS = frozenset({"host", "expect", INSTANCE_HEADER.lower()})
_HANDSHAKE = "sec-websocket-"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came in, for `X-Forwarded-…`."""

    client: str
    host: str
    scheme: str
    prefix: str


def target_of(raw_target: str, route: str) -> tuple[str, str]:
    """The address of a request cut in two: up to `passthrough`, and what the job's server is asked for.

    Both are as the client wrote them, percent-encoding and query included; the second begins with `/`.

    Args:
        raw_target: As in the first line of the request.
        route: The route that it matched, which tells how many parts the first half has.
    """
    _, marked, rest = raw_target.partition("://")
    path = rest[rest.find("/") :] if marked and not raw_target.startswith("/") and "/" in rest else raw_target
    path, question, query = path.partition("?")
    parts = path.split("/")
    count = route.split("/").index("passthrough") + 1
    return "/".join(parts[:count]), "/" + "/".join(parts[count:]) + question + query


def request_headers(
    headers: Iterable[tuple[str, str]], origin: Origin, *, with_authorization: bool
) -> CIMultiDict[str]:
    """The headers that the job's server gets.

    Args:
        headers: Of the request.
        origin: Where it came in.
        with_authorization: False: the request's credentials are those of the api, and nobody else's.
    """
    given = CIMultiDict(headers)
    dropped = _NOT_FOR_JOBS | _of_this_hop(given)
    if not with_authorization:
        dropped |= {"authorization"}
    kept = CIMultiDict(
        (name, value)
        for name, value in given.items()
        if name.lower() not in dropped and not name.lower().startswith(_HANDSHAKE)
    )
    before = kept.get("X-Forwarded-For")
    kept["X-Forwarded-For"] = f"{before}, {origin.client}" if before else origin.client
    kept.setdefault("X-Forwarded-Host", origin.host)
    kept.setdefault("X-Forwarded-Proto", origin.scheme)
    kept.setdefault("X-Forwarded-Prefix", origin.prefix)
    kept["Host"] = "localhost"
    return kept


def response_headers(headers: Mapping[str, str], instance_id: str) -> CIMultiDict[str]:
    """The headers that the client gets: those of the job's server, and which instance it was."""
    given = CIMultiDict(headers)
    dropped = _of_this_hop(given)
    kept = CIMultiDict((name, value) for name, value in given.items() if name.lower() not in dropped)
    kept[INSTANCE_HEADER] = instance_id
    return kept


def upgrade_headers(headers: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    """The headers by which the two ends of a websocket agree on it, of a request or of its answer."""
    given = CIMultiDict(headers)
    kept = CIMultiDict((name, value) for name, value in given.items() if name.lower().startswith(_HANDSHAKE))
    kept["Connection"], kept["Upgrade"] = "Upgrade", "websocket"
    return kept


def _of_this_hop(headers: CIMultiDict[str]) -> frozenset[str]:
    named = (name.strip().lower() for value in headers.getall("Connection", []) for name in value.split(","))
    return _HOP_BY_HOP | frozenset(named)
