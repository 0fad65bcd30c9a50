"""Errors as problem documents (RFC 9457), for routes that Kudu does not have."""

from functools import wraps
from http import HTTPStatus

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from webjobs_rules.errors import WebJobsError

from webjobs_api.http.error_responses import headers_of, logged_status
from webjobs_api.http.operation import PROBLEM


class Problem(msgspec.Struct, frozen=True):
    """A problem document.

    Attributes:
        type: Always `about:blank`: the status and the sentence say it all.
        title: What the status means.
        status: Of the answer.
        detail: A sentence that says what to do.
    """

    type: str
    title: str
    status: int
    detail: str


def with_problems(handler: Handler) -> Handler:
    """The handler, whose errors are answered as problem documents."""

    @wraps(handler)
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except WebJobsError as error:
            status = logged_status(request, error)
            problem = Problem("about:blank", HTTPStatus(status).phrase, status, str(error))
            body, headers = msgspec.json.encode(problem), headers_of(status)
            return web.Response(status=status, body=body, content_type=PROBLEM, headers=headers)

    return handle
