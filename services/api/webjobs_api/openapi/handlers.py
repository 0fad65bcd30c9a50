"""Handlers that serve the document."""

import msgspec
from aiohttp import web
from webjobs_service.health import health_routes

from webjobs_api.keys import OPENAPI
from webjobs_api.openapi.document import build_document
from webjobs_api.openapi.operations import OPERATIONS


def encoded_document(routes: list[web.RouteDef], version: str) -> bytes:
    """The document about these routes and those for operators, as JSON."""
    return msgspec.json.encode(build_document([*routes, *health_routes({})], OPERATIONS, version))


async def get_document(request: web.Request) -> web.Response:
    """`GET /openapi.json`."""
    return web.Response(body=request.app[OPENAPI], content_type="application/json", charset="utf-8")
