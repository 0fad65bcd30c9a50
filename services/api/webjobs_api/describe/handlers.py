"""Handlers that serve the document."""

import msgspec
from aiohttp import web
from webjobs_service.health import health_routes

from webjobs_api.describe.document import build_document
from webjobs_api.describe.late_document import OPENAPI
from webjobs_api.describe.operations import OPERATIONS
from webjobs_api.http import request_context

_HERE = b'"servers":[{"url":"/"'


def encoded_document(routes: list[web.RouteDef], version: str) -> bytes:
    """The document about these routes and those for operators, as JSON."""
    return msgspec.json.encode(build_document([*routes, *health_routes({})], OPERATIONS, version))


def at_root(document: bytes, root: str) -> bytes:
    """The document of an api whose paths begin behind this one."""
    return document.replace(_HERE, b'"servers":[{"url":' + msgspec.json.encode(root), 1) if root else document


async def get_document(request: web.Request) -> web.Response:
    """`GET /openapi.json`."""
    document = at_root(await request.app[OPENAPI].read(), request_context.root(request))
    return web.Response(body=document, content_type="application/json", charset="utf-8")
