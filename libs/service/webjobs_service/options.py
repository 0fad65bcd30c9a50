"""`OPTIONS` on every address: which methods it has."""

from aiohttp import web
from aiohttp.typedefs import Handler


@web.middleware
async def options_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer `OPTIONS` with 204 and `Allow`, unless the route has a handler for it."""
    error = request.match_info.http_exception
    if request.method == "OPTIONS" and isinstance(error, web.HTTPMethodNotAllowed):
        return web.Response(status=204, headers={"Allow": ", ".join(sorted(methods_of(error)))})
    return await handler(request)


def methods_of(error: web.HTTPMethodNotAllowed) -> set[str]:
    """The methods of an address, from the refusal of another one."""
    return {*error.allowed_methods, "OPTIONS"}
