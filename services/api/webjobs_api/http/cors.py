"""CORS for every route: preflights, and the headers of answers. `cross_origin` has the rules."""

from aiohttp import web
from aiohttp.typedefs import Handler
from webjobs_service.options import methods_of

from webjobs_api.http.cross_origin import (
    ANY_ORIGIN,
    Origins,
    answer_headers,
    is_allowed,
    is_preflighted,
    may_change,
    parse_origins,
    preflight_headers,
)
from webjobs_api.http.keys import SETTINGS
from webjobs_api.http.vary import add_vary

_ANY_METHOD = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


@web.middleware
async def preflight_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer preflights of pages that may use the api; a browser sends them without a login."""
    origin, method = request.headers.get("Origin"), request.headers.get("Access-Control-Request-Method")
    if request.method != "OPTIONS" or method is None or not is_allowed(origin, _origins(request)):
        return await handler(request)
    error = request.match_info.http_exception
    if error is None:
        methods: set[str] = set(_ANY_METHOD)
    elif isinstance(error, web.HTTPMethodNotAllowed):
        methods = methods_of(error)
    else:
        methods = {
            "OPTIONS",
            *(each for each in _ANY_METHOD if each == method),
        }  # so that a page sees the 404
    asked = request.headers.get("Access-Control-Request-Headers", "")
    return web.Response(status=204, headers=preflight_headers(methods, asked))


async def add_cors_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the CORS headers of this response, before its head is sent."""
    origins = _origins(request)
    if not origins:
        return
    if ANY_ORIGIN not in origins:
        add_vary(response, "Origin")
    response.headers.update(answer_headers(request.headers.get("Origin"), origins))


def is_change_allowed(request: web.Request) -> bool:
    """Whether the page that makes a browser send this request may change something here."""
    return may_change(
        request.headers.get("Origin"),
        _origins(request),
        needs_login=request.app[SETTINGS].username is not None,
        is_preflighted=is_preflighted(request.method, request.headers),
    )


def is_origin_allowed(request: web.Request) -> bool:
    """Whether a page of another site that may read answers makes a browser send this request."""
    return is_allowed(request.headers.get("Origin"), _origins(request))


def _origins(request: web.Request) -> Origins:
    text = request.app[SETTINGS].cors_origins
    return parse_origins(text) if text else frozenset()
