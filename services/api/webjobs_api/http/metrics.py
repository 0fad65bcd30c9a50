"""How long requests take, by route and status, for Prometheus."""

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from prometheus_client import Counter, Histogram

from webjobs_api.http.timed_response import timed_response

REQUEST_SECONDS = Histogram(
    "webjobs_api_request_seconds",
    "Time from the request's headers to the end of its handler.",
    ["method", "route", "status"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60),
)

HOOK_CALLS = Counter("webjobs_api_hook_calls", "Calls of hooks, by how each ended.", ["outcome"])


@web.middleware
async def metrics_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Measure every request; unknown addresses count together, and so do unknown methods."""

    def observe(status: int, seconds: float) -> None:
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else "unknown"
        method = request.method if request.method in hdrs.METH_ALL else "other"
        REQUEST_SECONDS.labels(method, route, status).observe(seconds)

    return await timed_response(request, handler, observe)
