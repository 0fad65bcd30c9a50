"""CORS: which pages of other sites may use this api, and the headers for their browsers; pure.

Source: the Fetch standard, section "HTTP extensions".
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import urlsplit

ANY_ORIGIN = "*"
EXPOSED_HEADERS = (
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Range",
    "ETag",
    "Link",
    "Location",
    "Preference-Applied",
    "Retry-After",
    "SCM-DEPLOYMENT-ID",
    "Webjobs-Sequence",
    "Webjobs-Warning",
    "WWW-Authenticate",
    "X-WebJobs-Instance",
)
"""Headers of answers that a page may read, beside those that it always may."""

_ORIGIN = re.compile(r"(https?)://((?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?)")
_USUAL_PORTS = {"http": ":80", "https": ":443"}
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_MOST_NAMES = 100  # of headers that one preflight asks for
_MAX_AGE = 600  # seconds that a browser may remember an answer to a preflight
_SIMPLE_METHODS = frozenset({"GET", "HEAD", "POST"})
_SIMPLE_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
_HEADERS_OF_SCRIPTS = ("Idempotency-Key", "X-Requested-With")

Origins = frozenset[str]
"""Of pages that may use the api; `*` among them: of all pages."""


@lru_cache(maxsize=16)
def parse_origins(text: str) -> Origins:
    """The origins of a comma-separated list, or `*` alone.

    Raises:
        ValueError: An entry is no origin.
    """
    entries = [entry.strip().lower() for entry in text.split(",")]
    if ANY_ORIGIN in entries and len(entries) > 1:
        raise ValueError("'*' allows every origin: leave the others out, or leave it out")
    return frozenset(entry if entry == ANY_ORIGIN else _origin(entry) for entry in entries)


def is_allowed(origin: str | None, origins: Origins) -> bool:
    """Whether a page of this origin may read answers."""
    return origin is not None and (ANY_ORIGIN in origins or origin.lower() in origins)


def may_change(origin: str | None, origins: Origins, *, needs_login: bool, is_preflighted: bool) -> bool:
    """Whether a page of this origin may send requests that change something.

    A browser adds a login that it knows to the requests of any page. So where the api needs one, `*` is not
    enough for requests that a browser sends without a preflight.

    Args:
        origin: Of the page.
        origins: Those that are allowed.
        needs_login: Whether the api needs a login.
        is_preflighted: Whether a browser sends such a request only after a preflight.
    """
    if ANY_ORIGIN in origins:
        return origin is not None and (is_preflighted or not needs_login)
    return is_allowed(origin, origins)


def is_preflighted(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a browser sends such a request of a page only after a preflight, and without a known login."""
    media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return (
        method not in _SIMPLE_METHODS
        or (media_type != "" and media_type not in _SIMPLE_TYPES)
        or any(name in headers for name in _HEADERS_OF_SCRIPTS)
    )


def answer_headers(origin: str | None, origins: Origins) -> dict[str, str]:
    """The headers of every answer, but `Vary`."""
    if not is_allowed(origin, origins):
        return {}
    exposed = {"Access-Control-Expose-Headers": ", ".join(EXPOSED_HEADERS)}
    if ANY_ORIGIN in origins:  # a browser then shows no answer to a request with a login that it knows
        return {"Access-Control-Allow-Origin": ANY_ORIGIN, **exposed}
    return {
        "Access-Control-Allow-Origin": origin or "",
        "Access-Control-Allow-Credentials": "true",
        **exposed,
    }


def preflight_headers(methods: Iterable[str], asked: str) -> dict[str, str]:
    """The headers of an answer to a preflight, beside those of every answer.

    Args:
        methods: That the address has.
        asked: Value of Access-Control-Request-Headers; all of them are allowed.
    """
    names = [name.strip() for name in asked.split(",", _MOST_NAMES)[:_MOST_NAMES]]
    allowed = ", ".join(name for name in names if _NAME.fullmatch(name))
    return {
        "Access-Control-Allow-Methods": ", ".join(sorted(methods)),
        "Access-Control-Max-Age": str(_MAX_AGE),
        **({"Access-Control-Allow-Headers": allowed} if allowed else {}),
    }


def _origin(entry: str) -> str:
    match = _ORIGIN.fullmatch(entry.removesuffix("/"))
    if match is None:
        raise ValueError(f"{entry[:60]!r} is no origin such as https://pages.example.com:8443{_meant(entry)}")
    scheme, host = match.groups()
    return f"{scheme}://{host.removesuffix(_USUAL_PORTS[scheme])}"


def _meant(entry: str) -> str:
    try:
        parts = urlsplit(entry if "://" in entry else f"https://{entry}")
    except ValueError:
        return ""
    meant = f"{parts.scheme}://{parts.netloc}"
    return f". Did you mean {meant}?" if _ORIGIN.fullmatch(meant) else ""
