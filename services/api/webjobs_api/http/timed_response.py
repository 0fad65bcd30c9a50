"""Handles a request, and reports its status and duration."""

import time
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler


async def timed_response(
    request: web.Request, handler: Handler, on_end: Callable[[int, float], None]
) -> web.StreamResponse:
    """The handler's answer, once `on_end` was called with its status and the seconds that it took.

    It is called also when the handler raises: with the status of an HTTP error, else with 500.
    """
    began, status = time.perf_counter(), 500
    try:
        response = await handler(request)
        status = response.status
        return response
    except web.HTTPException as error:
        status = error.status
        raise
    finally:
        on_end(status, time.perf_counter() - began)
