"""Handlers that serve the document."""

from dataclasses import replace

import msgspec
from aiohttp import web
from webjobs_service.health import health_routes

from webjobs_api.describe.document import build_document, canonical
from webjobs_api.describe.errors import UnknownDialect
from webjobs_api.describe.late_document import OPENAPI
from webjobs_api.describe.operations import OPERATIONS
from webjobs_api.describe.selection import NAMES, is_described
from webjobs_api.http import request_context

_HERE = b'"servers":[{"url":"/"'


def encoded_document(routes: list[web.RouteDef], version: str, dialect: str | None = None) -> bytes:
    """The document about these routes and those for operators, as JSON.

    Args:
        routes: Of all dialects.
        version: Of webjobs.
        dialect: One of `NAMES`, whose routes alone are described; None for all.
    """
    described, operations = [*routes, *health_routes({})], OPERATIONS
    if dialect is not None:  # no other is there, from which the tags would have to tell it
        described = [route for route in described if is_described(canonical(route.path), dialect)]
        operations = {key: replace(operation, variant="") for key, operation in operations.items()}
    return msgspec.json.encode(build_document(described, operations, version))


def at_root(document: bytes, root: str) -> bytes:
    """The document of an api whose paths begin behind this one."""
    return document.replace(_HERE, b'"servers":[{"url":' + msgspec.json.encode(root), 1) if root else document


async def get_document(request: web.Request) -> web.Response:
    """`GET /openapi.json`, with `?dialect=` for the routes of one dialect."""
    documents, dialect = request.app[OPENAPI], request.query.get("dialect")
    if dialect not in documents:
        raise UnknownDialect(str(dialect), NAMES)
    document = at_root(await documents[dialect].read(), request_context.root(request))
    return web.Response(body=document, content_type="application/json", charset="utf-8")
