"""Handlers that pack and unpack folders of the site, `/api/zip/…`, by way of a runner."""

from contextlib import aclosing
from urllib.parse import quote

from aiohttp import web
from webjobs_events.files import Write

from webjobs_api.http import request_context
from webjobs_api.http.files import path_of
from webjobs_api.site_files.vfs import runner_of, stream, upload

_PREFIX = "/api/zip"


async def get_zip(request: web.Request) -> web.StreamResponse:
    """`GET /api/zip/{path}`: everything in the folder, packed while it is sent."""
    path, runner = _path(request), await runner_of(request)
    async with aclosing(runner.zipped(path)) as pieces:
        await anext(pieces)  # before the answer begins: afterwards it is too late for a 404
        name = quote(path.rstrip("/").rpartition("/")[2] or "site", safe="")
        response = web.StreamResponse(
            headers={
                "Cache-Control": "no-store",
                "Content-Disposition": f"attachment; filename*=UTF-8''{name}.zip",
            }
        )
        response.content_type = "application/zip"
        return await stream(request, response, pieces)


async def put_zip(request: web.Request) -> web.StreamResponse:
    """`PUT /api/zip/{path}`: the archive in the body is laid over the folder."""
    path, runner = _path(request), await runner_of(request)
    written = await runner.write(Write(path=path, unpack=True), upload(request, runner.chunk_bytes))
    return request_context.with_warnings(web.Response(), written.warnings)


def _path(request: web.Request) -> str:
    return path_of(request.rel_url.raw_path, _PREFIX)
