"""What of a request a job's own server gets to see, and what of its answer the client does; pure."""

from collections.abc import Iterable, Mapping

from multidict import CIMultiDict

from webjobs_api.http.public_address import FORWARDED_HEADERS, PublicAddress
from webjobs_api.http.sessions import COOKIE_PREFIX

INSTANCE_HEADER = "X-WebJobs-Instance"
"""In a request: which instance is to answer. In an answer: which one did."""

SANDBOX = "sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts"
"""Content-Security-Policy by which the pages of a job have an origin of their own, not that of our pages."""

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
_NOT_FOR_JOBS = frozenset({"host", "expect", "forwarded", "cookie", INSTANCE_HEADER.lower()})
_NOT_FOR_CLIENTS = frozenset(
    {"clear-site-data"}
)  # which would end the session, that of another site included
_OF_PROXIES = frozenset({*(name.lower() for name in FORWARDED_HEADERS), "x-forwarded-port", "x-real-ip"})
_HANDSHAKE = "sec-websocket-"


def target_of(raw_target: str, route: str) -> tuple[str, str]:
    """The address of a request cut in two: up to `passthrough`, and what the job's server is asked for.

    Both are as the client wrote them, percent-encoding and query included; the second begins with `/`.

    Args:
        raw_target: As in the first line of the request.
        route: The matched route, which defines how many parts the first half has.
    """
    _, marked, rest = raw_target.partition("://")
    path = rest[rest.find("/") :] if marked and not raw_target.startswith("/") and "/" in rest else raw_target
    path, question, query = path.partition("?")
    parts = path.split("/")
    count = route.split("/").index("passthrough") + 1
    return "/".join(parts[:count]), "/" + "/".join(parts[count:]) + question + query


def request_headers(
    headers: Iterable[tuple[str, str]],
    peer: str,
    public: PublicAddress,
    prefix: str,
    *,
    with_authorization: bool,
) -> CIMultiDict[str]:
    """The headers that the job's server gets: without the sessions of people, whichever site they are of.

    Args:
        headers: Of the request.
        peer: Address of the other end of its connection.
        public: How its client reaches the api.
        prefix: Path up to `passthrough`, as the api got it.
        with_authorization: False: the request's credentials are for the api only.
    """
    given = CIMultiDict(headers)
    dropped = _NOT_FOR_JOBS | _of_this_hop(given)
    if not with_authorization:
        dropped |= {"authorization"}
    if not public.via_proxy:
        dropped |= _OF_PROXIES
    kept = CIMultiDict(
        (name, value)
        for name, value in given.items()
        if name.lower() not in dropped and not name.lower().startswith(_HANDSHAKE)
    )
    for value in given.getall("Cookie", []):
        if cookies := _without_sessions(value):
            kept.add("Cookie", cookies)
    before = ", ".join(kept.getall("X-Forwarded-For", [])) or (public.client if public.client != peer else "")
    kept["X-Forwarded-For"] = f"{before}, {peer}" if before else peer
    kept["X-Forwarded-Host"] = public.host
    kept["X-Forwarded-Proto"] = public.scheme
    kept["X-Forwarded-Prefix"] = public.prefix + prefix
    kept["Host"] = "localhost"
    return kept


def response_headers(headers: Mapping[str, str], instance_id: str) -> CIMultiDict[str]:
    """The headers that the client gets: those of the job's server, and which instance it was.

    A job neither sets nor ends the sessions of people.
    """
    given = CIMultiDict(headers)
    dropped = _of_this_hop(given) | _NOT_FOR_CLIENTS
    kept = CIMultiDict(
        (name, value)
        for name, value in given.items()
        if name.lower() not in dropped and not (name.lower() == "set-cookie" and _is_session(value))
    )
    kept[INSTANCE_HEADER] = instance_id
    return kept


def upgrade_headers(headers: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    """The headers by which the two ends of a websocket agree on it, of a request or of its answer."""
    given = CIMultiDict(headers)
    kept = CIMultiDict((name, value) for name, value in given.items() if name.lower().startswith(_HANDSHAKE))
    kept["Connection"], kept["Upgrade"] = "Upgrade", "websocket"
    return kept


def _without_sessions(cookies: str) -> str:
    """The value of a Cookie header without our sessions."""
    return ";".join(each for each in cookies.split(";") if not _is_session(each)).strip()


def _is_session(cookie: str) -> bool:
    """Whether a cookie is one of our sessions; browsers send one without a name as its value alone."""
    return cookie.lstrip(" \t=").lower().startswith(COOKIE_PREFIX)


def _of_this_hop(headers: CIMultiDict[str]) -> frozenset[str]:
    named = (name.strip().lower() for value in headers.getall("Connection", []) for name in value.split(","))
    return _HOP_BY_HOP | frozenset(named)
