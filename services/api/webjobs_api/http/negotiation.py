"""One address for people and programs: a browser gets a page, everything else the data."""

from functools import wraps

from aiohttp import web
from aiohttp.typedefs import Handler

from webjobs_api.http.vary import add_vary

_PAGE = "text/html"
_DATA = "application/json"


def by_accept(page: Handler, data: Handler) -> Handler:
    """A handler that answers with `page` to a client that accepts HTML by name, else with `data`."""

    @wraps(data)
    async def choose(request: web.Request) -> web.StreamResponse:
        handler = page if wants_page(request.headers.get("Accept", "")) else data
        response = await handler(request)
        if not response.prepared:
            add_vary(response, "Accept")
        return response

    return choose


def wants_page(accept: str) -> bool:
    """Whether an Accept header names HTML, and not JSON before it; `*/*` alone is a program's."""
    weights = dict(_weight(part) for part in accept.lower().split(","))
    return weights.get(_PAGE, 0.0) > weights.get(_DATA, 0.0)


def _weight(part: str) -> tuple[str, float]:
    media_type, _, parameters = part.partition(";")
    quality = next((p.strip()[2:] for p in parameters.split(";") if p.strip().startswith("q=")), "1")
    try:
        return media_type.strip(), float(quality)
    except ValueError:
        return media_type.strip(), 0.0
