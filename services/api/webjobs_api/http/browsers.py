"""Which requests a browser makes, to show a page or for a script of one.

Browsers describe requests in Sec-Fetch headers (Fetch Metadata), but not to http://, loopback apart. So
Accept, Referer and X-Requested-With count too.
"""

from collections.abc import Mapping

from webjobs_api.http.negotiation import wants_page

_NAVIGATION = "navigate"
_FOR_PROGRAMS = tuple(
    f"/{each}/"
    for each in (
        "api",
        "vfs",
        "logstream",
        "diagnostics",
        "schemas",
        "metrics",
        "openapi.json",
        "asyncapi.json",
    )
)


def asks_for_page(path: str, headers: Mapping[str, str]) -> bool:
    """Returns whether a browser wants to show the answer to this request as a page.

    Where only programs ask, Accept is not enough: some name HTML in it.
    """
    if not wants_page(headers.get("Accept", "")):
        return False
    mode = headers.get("Sec-Fetch-Mode")
    if mode is not None:
        return mode == _NAVIGATION
    return not f"{path.rstrip('/')}/".startswith(_FOR_PROGRAMS)


def is_script_of_page(headers: Mapping[str, str], base: str) -> bool:
    """Returns whether a page in a browser makes this request.

    Args:
        headers: Of the request.
        base: What every URL of this api begins with.
    """
    return (
        "Sec-Fetch-Site" in headers
        or "X-Requested-With" in headers
        or headers.get("Referer", "").startswith(f"{base}/")
    )


def page_before(referer: str, base: str) -> str:
    """Returns the path, without the prefix of a proxy, of the page of ours that made a request; else `/`."""
    return referer.removeprefix(base) if referer.startswith(f"{base}/") else "/"
