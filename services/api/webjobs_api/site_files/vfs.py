"""Handlers for files of the site folder, `/api/vfs/…` and `/vfs/…`, by way of a runner."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from urllib.parse import quote

import msgspec
import structlog
from aiohttp import StreamReader, web
from webjobs_events.errors import BusUnavailable
from webjobs_events.files import Condition, FileInfo, Kind, Write
from webjobs_events.instant import Instant

from webjobs_api.backends.runner_files import FILES, FilesOfRunner, OpenedFile
from webjobs_api.http import request_context
from webjobs_api.http.error_responses import status_of
from webjobs_api.http.file_errors import FilesRefused, PartOfFile, RangeNotSatisfiable
from webjobs_api.http.files import (
    condition_of,
    headers_of_file,
    instance_of,
    is_unmodified,
    mime_of,
    path_of,
    range_of_file,
)
from webjobs_api.http.upload_body import LIMIT_VARIABLE, check_length, is_form, receive_upload
from webjobs_api.http.upload_errors import UploadTooLarge

log = structlog.stdlib.get_logger(__name__)

_PREFIXES = ("/api/vfs", "/vfs")
# An uploaded page must not act with the rights of the user who opens it.
_HEADERS = {
    "Accept-Ranges": "bytes",
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "sandbox",
    "X-Content-Type-Options": "nosniff",
}


class EntryJson(msgspec.Struct, kw_only=True):
    """One entry of a folder, as Kudu shows it."""

    name: str
    size: int
    mtime: Instant
    crtime: Instant
    mime: str
    href: str
    path: str


async def get_item(request: web.Request) -> web.StreamResponse:
    """`GET /api/vfs/{path}`: a file, or the list of a folder when the address ends in a slash."""
    path, has_slash = _path(request), request.rel_url.raw_path.endswith("/")
    runner = await runner_of(request)
    async with runner.opened(path) as opened:
        if (opened.info.kind is Kind.FOLDER) != has_slash:
            return _redirect(request, has_slash)
        if not has_slash:
            return await _file(request, opened)
    return await _folder(request, runner, path)


async def put_item(request: web.Request) -> web.StreamResponse:
    """`PUT /api/vfs/{path}`: the body becomes the file; an address that ends in a slash is a new folder."""
    path, runner = _path(request), await runner_of(request)
    if part := request.headers.get("Content-Range"):
        raise PartOfFile(part)
    if request.rel_url.raw_path.endswith("/"):
        await runner.make_folder(path)
        return web.Response(status=201)
    question = Write(path=path, condition=_condition(request))
    try:
        written = await runner.write(question, upload(request, runner.chunk_bytes))
    except FilesRefused as error:
        return _refusal(error)
    headers = headers_of_file(written.info) if written.info is not None else {}
    response = web.Response(status=201 if written.created else 204, headers=headers)
    return request_context.with_warnings(response, written.warnings)


async def delete_item(request: web.Request) -> web.StreamResponse:
    """`DELETE /api/vfs/{path}`; a folder that holds something wants `?recursive=true`."""
    runner = await runner_of(request)
    try:
        await runner.delete(_path(request), request_context.is_set(request, "recursive"), _condition(request))
    except FilesRefused as error:
        return _refusal(error)
    return web.Response()


async def runner_of(request: web.Request) -> FilesOfRunner:
    """The runner whose files are asked for: `?instance=` names it, else it is the first."""
    return await request.app[FILES].of(instance_of(request.query.get("instance")))


def upload(request: web.Request, chunk_bytes: int) -> AsyncGenerator[bytes, None]:
    """The file in the body of a request in chunks of this size, the last one shorter.

    Raises:
        EncodedUpload: The body is compressed.
        UploadTooLarge: At once when the request says so, else when it goes on beyond the limit.
        BrokenForm, NotOneFile: Later, of a form.
    """
    limit = check_length(request)
    if is_form(request):
        return _chunks_of_form(request, chunk_bytes)
    return _chunks(request.content, chunk_bytes, limit)


async def stream(
    request: web.Request, response: web.StreamResponse, pieces: AsyncIterator[bytes]
) -> web.StreamResponse:
    """Answer with these pieces; when there are no more though there should be, the connection is cut."""
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    try:
        async for piece in pieces:
            await response.write(piece)
    except (BusUnavailable, FilesRefused) as error:
        log.warning("file cut off", path=request.path, error=str(error))
        if request.transport is not None:
            request.transport.abort()  # an answer that ended in good order would pass for the whole file
        return response
    await response.write_eof()
    return response


async def _file(request: web.Request, opened: OpenedFile) -> web.StreamResponse:
    info, headers = opened.info, request.headers
    headers_sent = {**_HEADERS, **headers_of_file(info)}
    if is_unmodified(info, headers.getall("If-None-Match", []), headers.get("If-Modified-Since")):
        return web.Response(status=304, headers=headers_sent)
    try:
        part = range_of_file(info, headers.get("Range"), headers.get("If-Range"))
    except RangeNotSatisfiable as error:
        headers_sent["Content-Range"] = f"bytes */{info.size}"
        return web.Response(status=status_of(error), text=str(error), headers=headers_sent)
    start, stop = part or (0, info.size)
    response = web.StreamResponse(status=206 if part else 200, headers=headers_sent)
    if part:
        response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{info.size}"
    response.headers["Content-Type"] = mime_of(info)
    response.content_length = stop - start
    async with aclosing(opened.part(start, stop)) as pieces:
        return await stream(request, response, pieces)


async def _folder(request: web.Request, runner: FilesOfRunner, path: str) -> web.StreamResponse:
    async with aclosing(runner.entries(path)) as pages:
        first = await anext(pages)
        response = web.StreamResponse(headers={"Cache-Control": "no-cache"})
        response.content_type, response.charset = "application/json", "utf-8"
        async with aclosing(_as_json(request, first, pages)) as pieces:
            return await stream(request, response, pieces)


async def _as_json(
    request: web.Request, first: list[FileInfo], rest: AsyncIterator[list[FileInfo]]
) -> AsyncGenerator[bytes, None]:
    before = b"["
    page: list[FileInfo] | None = first
    while page is not None:
        if page:
            yield before + b",".join(msgspec.json.encode(_entry(request, info)) for info in page)
            before = b","
        page = await anext(rest, None)
    yield b"[]" if before == b"[" else b"]"


def _entry(request: web.Request, info: FileInfo) -> EntryJson:
    url, instance = request.rel_url.raw_path, request.query.get("instance")
    name = quote(info.name, safe="") + ("/" if info.kind is Kind.FOLDER else "")
    question = f"?instance={instance}" if instance is not None else ""
    return EntryJson(
        name=info.name,
        size=info.size,
        mtime=_instant(info.modified_ns),
        crtime=_instant(info.created_ns),
        mime=mime_of(info),
        href=f"{request_context.base(request)}{url}{name}{question}",
        path=info.path,
    )


def _redirect(request: web.Request, has_slash: bool) -> web.Response:
    raw = request.rel_url.raw_path
    question = f"?{request.rel_url.raw_query_string}" if request.rel_url.raw_query_string else ""
    location = raw.rstrip("/") if has_slash else f"{raw}/"
    return web.Response(status=307, headers={"Location": request_context.root(request) + location + question})


def _refusal(error: FilesRefused) -> web.Response:
    """A refusal with the current ETag of the file."""
    if not error.etag:
        raise error
    return web.Response(status=status_of(error), text=str(error), headers={"ETag": f'"{error.etag}"'})


def _path(request: web.Request) -> str:
    raw = request.rel_url.raw_path
    return path_of(raw, next(prefix for prefix in _PREFIXES if raw.startswith(prefix)))


def _condition(request: web.Request) -> Condition:
    headers = request.headers
    return condition_of(headers.getall("If-Match", []), headers.getall("If-None-Match", []))


async def _chunks_of_form(request: web.Request, chunk_bytes: int) -> AsyncGenerator[bytes, None]:
    received = await receive_upload(request)
    with received.file as file:
        while chunk := file.read(chunk_bytes):
            yield chunk


async def _chunks(body: StreamReader, chunk_bytes: int, limit: int) -> AsyncGenerator[bytes, None]:
    gathered, received = bytearray(), 0
    async for data in body.iter_chunked(chunk_bytes):
        received += len(data)
        if received > limit:
            raise UploadTooLarge(limit, LIMIT_VARIABLE)
        gathered += data
        if len(gathered) >= chunk_bytes:
            yield bytes(gathered[:chunk_bytes])
            del gathered[:chunk_bytes]
    if gathered:
        yield bytes(gathered)


def _instant(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds / 1_000_000_000, UTC)
