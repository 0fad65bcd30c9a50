"""Handlers that serve the document."""

import msgspec
from aiohttp import web
from webjobs_service.health import health_routes

from webjobs_api.describe.dialects import by_feature
from webjobs_api.describe.document import build_document, canonical
from webjobs_api.describe.late_document import OPENAPI
from webjobs_api.describe.operations import OPERATIONS
from webjobs_api.describe.selection import NAMES, WHOLE, is_described
from webjobs_api.http import request_context
from webjobs_api.http.errors import UnknownDialect

_HERE = b'"servers":[{"url":"/"'


def encoded_document(routes: list[web.RouteDef], version: str, dialect: str = WHOLE) -> bytes:
    """The document about these routes and those for operators, as JSON.

    Args:
        routes: Of all dialects.
        version: Of webjobs.
        dialect: One of `NAMES`, whose routes alone are described; `WHOLE` for all.
    """
    described = [
        route for route in (*routes, *health_routes({})) if is_described(canonical(route.path), dialect)
    ]
    operations = OPERATIONS if dialect == WHOLE else by_feature(OPERATIONS)
    return msgspec.json.encode(build_document(described, operations, version))


def at_root(document: bytes, root: str) -> bytes:
    """The document of an api whose paths begin behind this one."""
    return document.replace(_HERE, b'"servers":[{"url":' + msgspec.json.encode(root), 1) if root else document


async def get_document(request: web.Request) -> web.Response:
    """`GET /openapi.json`, with `?dialect=` for the routes of one dialect."""
    documents, dialect = request.app[OPENAPI], request.query.get("dialect", WHOLE)
    if dialect not in documents or ("dialect" in request.query and dialect == WHOLE):
        raise UnknownDialect(dialect, NAMES)
    document = at_root(await documents[dialect].read(), request_context.root(request))
    return web.Response(body=document, content_type="application/json", charset="utf-8")
