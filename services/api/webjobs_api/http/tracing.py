"""The trace of each request, and the line about it in the log of access."""

import logging

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from webjobs_rules.trace import TRACEPARENT, TRACESTATE, Trace, new_trace, parse_trace

from webjobs_api.http.timed_response import timed_response

log = structlog.stdlib.get_logger(__name__)
_level = logging.getLogger(__name__)

_TRACE = web.RequestKey("trace", Trace)


def trace_of(request: web.Request) -> Trace:
    """The trace that the request's headers name; a new one, for the whole request, when they name none."""
    trace = request.get(_TRACE)
    if trace is None:
        headers = request.headers
        given = parse_trace(headers.getall(TRACEPARENT, []), headers.getall(TRACESTATE, []))
        trace = request[_TRACE] = given or new_trace()
    return trace


def about(request: web.Request) -> dict[str, str]:
    """What a line of the log says of a request."""
    return {"method": request.method, "path": request.path, "trace_id": trace_of(request).trace_id}


@web.middleware
async def access_log_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Log every request with its trace, if the level is `debug`. The query is left out: it has arguments."""
    if not _level.isEnabledFor(logging.DEBUG):
        return await handler(request)

    def write(status: int, seconds: float) -> None:
        log.debug("request", **about(request), status=status, seconds=round(seconds, 6))

    return await timed_response(request, handler, write)
