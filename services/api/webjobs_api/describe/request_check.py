"""Refuses what a route does not take: unknown and repeated query parameters, and bodies that are not read.

It also refuses what would store something while no runner has room on its disk.

What a route takes is what its description in the `operations` of its feature declares.
"""

from collections.abc import Iterable, Mapping

from aiohttp import web
from aiohttp.typedefs import Handler
from webjobs_service.route_spelling import RouteSpelling, SpelledRoute

from webjobs_api.backends.storage import STORAGE
from webjobs_api.describe.document import is_refused_without_room, keys_of
from webjobs_api.http import request_context
from webjobs_api.http.operation import Operation
from webjobs_api.http.problems import with_problems
from webjobs_api.http.request_errors import (
    BrokenEncoding,
    RepeatedParameter,
    UnexpectedBody,
    UnknownEncoding,
    UnknownParameter,
)
from webjobs_api.http.viewer import refuse_viewer
from webjobs_api.runs.run_arguments import BLANK_BODIES

CLIENT_PARAMETERS = frozenset({"_", "api-version", "isAsync"})
"""Query parameters that clients add to any address. They are ignored: docs/http_api.md#query-parameters."""

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_NO_CHANGES = "it sees what is there and changes nothing"
_NO_SECRETS = "what is asked for may hold secrets, which it does not see"
_LONGEST_BLANK_BODY = 64  # bytes


def checked(definitions: Iterable[web.RouteDef], operations: Mapping[str, Operation]) -> list[web.RouteDef]:
    """The routes, each of which refuses what its description does not declare.

    Args:
        definitions: Without their forms with a trailing slash.
        operations: By `keys_of`; every route has one.
    """
    return [
        web.RouteDef(
            route.method,
            route.path,
            _checked(route.handler, operations[keys_of(route)[0]], route.method),
            route.kwargs,
        )
        for route in definitions
    ]


def spelling_of(definitions: Iterable[web.RouteDef], operations: Mapping[str, Operation]) -> RouteSpelling:
    """How requests to these routes are spelled, the names of their query parameters included.

    Args:
        definitions: Without their forms with a trailing slash.
        operations: By `keys_of`; every route has one.
    """
    described = [(route, operations[keys_of(route)[0]]) for route in definitions]
    return RouteSpelling(
        SpelledRoute(route.method, route.path, _parameters_of(operation)) for route, operation in described
    )


def _parameters_of(operation: Operation) -> tuple[str, ...]:
    if operation.passes_on:
        return ()
    return (*CLIENT_PARAMETERS, *(parameter.name for parameter in operation.query))


def refuse_unknown_parameters(given: Iterable[str], operation: Operation) -> None:
    """Fail for the first query parameter that the operation does not declare, or that is given twice.

    Raises:
        UnknownParameter: It is not declared.
        RepeatedParameter: Its schema is not that of a list.
    """
    known = {parameter.name: parameter for parameter in operation.query}
    seen: set[str] = set()
    for name in given:
        if name in CLIENT_PARAMETERS and name not in known:
            continue
        if name not in known:
            raise UnknownParameter("query parameter", name, list(known))
        if name in seen and known[name].schema.get("type") != "array":
            raise RepeatedParameter("query parameter", name)
        seen.add(name)


def _checked(handler: Handler, operation: Operation, method: str) -> Handler:
    if operation.passes_on:
        return handler  # which refuses viewers itself
    is_for_viewers = method in _READING if operation.viewers is None else operation.viewers
    stores = is_refused_without_room(method, operation)

    async def check_and_handle(request: web.Request) -> web.StreamResponse:
        if not is_for_viewers:
            refuse_viewer(request, _NO_SECRETS if method in _READING else _NO_CHANGES)
        if request.query_string:
            refuse_unknown_parameters((name for name, _ in request.query.items()), operation)
        if operation.body is None and request.can_read_body:
            await _refuse_body(request)
        if stores:
            request.app[STORAGE].require_room()
        return await handler(request)

    as_problems = with_problems(check_and_handle)

    async def handle(request: web.Request) -> web.StreamResponse:
        is_problem = operation.problems is True or operation.problems in request.headers
        return await (as_problems if is_problem else check_and_handle)(request)

    return handle if operation.problems else check_and_handle


async def _refuse_body(request: web.Request) -> None:
    try:
        body = await request_context.read_at_most(request, _LONGEST_BLANK_BODY)
    except (UnknownEncoding, BrokenEncoding):
        body = None
    if body is None or body.strip() not in BLANK_BODIES:
        raise UnexpectedBody(request.method, request.path)
