"""`GET /asyncapi.json`: the events and commands on NATS, described for tools."""

from aiohttp import web

from webjobs_api.describe.late_document import ASYNCAPI


async def get_document(request: web.Request) -> web.Response:
    """`GET /asyncapi.json`."""
    return web.Response(
        body=await request.app[ASYNCAPI].read(), content_type="application/json", charset="utf-8"
    )
