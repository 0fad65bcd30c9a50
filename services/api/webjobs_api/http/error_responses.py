"""Error → HTTP status and body."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from webjobs_events.errors import (
    BusUnavailable,
    MessageTooLarge,
    NoResponders,
    StorageFull,
    UnreadableDefinition,
)
from webjobs_events.files import Fault
from webjobs_events.jetstream import QueryRefused
from webjobs_rules.errors import (
    InvalidAppSetting,
    InvalidArguments,
    InvalidJobName,
    InvalidJobSettings,
    InvalidRunId,
    WebJobsError,
)
from webjobs_service.connections import BodyTimedOut
from webjobs_service.options import methods_of

from webjobs_api.http.file_errors import FilesRefused
from webjobs_api.http.reply_statuses import REPLY_STATUSES
from webjobs_api.http.runner_errors import CommandFailed
from webjobs_api.http.tracing import about

log = structlog.stdlib.get_logger(__name__)

RETRY_AFTER = 2  # seconds that a client is asked to wait while a part of webjobs is away

STATUSES: Mapping[type[WebJobsError], int] = {
    InvalidJobName: 400,
    InvalidArguments: 400,
    InvalidJobSettings: 400,
    InvalidAppSetting: 400,
    InvalidRunId: 404,
    UnreadableDefinition: 409,
    MessageTooLarge: 413,
    BusUnavailable: 503,
    NoResponders: 503,
    StorageFull: 507,
}
"""Of the errors of the libraries; those of the api have theirs in `http_status`."""

FAULT_STATUSES: Mapping[Fault, int] = {
    Fault.BAD_PATH: 400,
    Fault.BAD_ARCHIVE: 400,
    Fault.RESERVED: 403,
    Fault.FORBIDDEN: 403,
    Fault.NOT_FOUND: 404,
    Fault.OUTSIDE: 404,
    Fault.CONFLICT: 409,
    Fault.NOT_EMPTY: 409,
    Fault.PRECONDITION: 412,
    Fault.BUSY: 503,
    Fault.SESSION_GONE: 503,
    Fault.NO_SPACE: 507,
    Fault.FAILED: 500,
}

_HEADERS: Mapping[int, Mapping[str, str]] = {
    429: {"Retry-After": str(RETRY_AFTER)},
    503: {"Retry-After": str(RETRY_AFTER)},
}


def status_of(error: WebJobsError) -> int:
    """Returns the HTTP status of an error; 500 for one that no request should cause."""
    if isinstance(error, CommandFailed):
        return REPLY_STATUSES.get(error.code, 500)
    if isinstance(error, FilesRefused):
        return FAULT_STATUSES.get(error.fault, 500)
    if isinstance(error, QueryRefused):
        return 503 if error.code == 503 else 500
    status: int = getattr(error, "http_status", 0)
    return status or STATUSES.get(type(error), 500)


def logged_status(request: web.Request, error: WebJobsError) -> int:
    """The same for an error that is answered now: one that no request should cause is logged."""
    status = status_of(error)
    if status == 500:
        log.error("request failed", **about(request), error=str(error))
    return status


def headers_of(status: int) -> Mapping[str, str]:
    """What an answer of this status must say beside its body."""
    return _HEADERS.get(status, {})


@web.middleware
async def error_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn errors into short plain text; an unexpected one is logged and becomes 500."""
    try:
        return await handler(request)
    except Exception as error:
        answer = error_answer(request, error)
        if answer is None:
            raise
        return web.Response(status=answer.status, text=answer.text, headers=answer.headers)


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """An error as an answer: its status, a sentence that says what to do, and headers beside the body."""

    status: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)


def error_answer(request: web.Request, error: Exception) -> ErrorAnswer | None:
    """The answer to a request that ended with an error, which is logged if no request should cause it.

    None for what is no error of the answer: a redirect, or a client that has left.
    """
    match error:
        case WebJobsError():
            status = logged_status(request, error)
            headers = {**headers_of(status), **getattr(error, "http_headers", {})}
            return ErrorAnswer(status, str(error), headers)
        case web.HTTPException() if error.status < HTTPStatus.BAD_REQUEST:
            return None
        case web.HTTPException():
            is_of_router = error.text == f"{error.status}: {error.reason}"
            text = _help_of(request, error) if is_of_router else error.text or error.reason
            methods = methods_of(error) if isinstance(error, web.HTTPMethodNotAllowed) else ()
            return ErrorAnswer(error.status, text, {"Allow": ", ".join(sorted(methods))} if methods else {})
        case web.RequestPayloadError():
            log.debug("body not readable", method=request.method, path=request.path, error=str(error))
            return ErrorAnswer(
                400,
                "The body did not arrive as its headers say: its chunks are not valid. Send it again.",
            )
        case ConnectionError() | BodyTimedOut():
            return None
        case _:
            log.error("request failed", **about(request), exc_info=error)
            return ErrorAnswer(500, "The api failed; its log says why.")


def _help_of(request: web.Request, error: web.HTTPException) -> str:
    """Says what is wrong with an address or a method."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        methods = ", ".join(sorted(error.allowed_methods))
        return f"{request.method[:20]} is not allowed here; use {methods}."
    if isinstance(error, web.HTTPNotFound):
        return f"There is nothing at {request.path[:200]!r}. The page /docs shows every address there is."
    return error.text or error.reason
