"""Receives the body of an upload: the file itself, or the one file of a form."""

import asyncio
import mmap
import tempfile
from dataclasses import dataclass
from typing import BinaryIO

from aiohttp import StreamReader, web

from webjobs_api.http import request_context
from webjobs_api.http.errors import UploadTooLarge
from webjobs_api.http.form_file import boundary_of, files_in_form
from webjobs_api.http.keys import SETTINGS
from webjobs_api.http.requests import FORM, HEAD_BYTES
from webjobs_api.http.upload_errors import NotOneFile

LIMIT_VARIABLE = "WEBJOBS_UPLOAD_LIMIT_MB"
_COPY_BYTES = 1024 * 1024
_CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class ReceivedUpload:
    """A body that has arrived whole.

    Attributes:
        file: Open at its beginning, for the caller to close.
        size: In bytes.
        head: Its first bytes.
        content_type: Of the file, lower case, without parameters.
        file_name: As the form names it; None when the file itself was the body.
    """

    file: BinaryIO
    size: int
    head: bytes
    content_type: str
    file_name: str | None = None


def is_form(request: web.Request) -> bool:
    """Whether the request says that its body is a form; what it holds may be the file itself."""
    return request.content_type == FORM


def check_length(request: web.Request) -> int:
    """Returns how many bytes are taken.

    Raises:
        EncodedUpload: The body is compressed.
        UploadTooLarge: The request says that it is longer.
    """
    request_context.refuse_encoded_body(request)
    limit = request.app[SETTINGS].upload_limit_bytes
    if (request.content_length or 0) > limit:
        raise UploadTooLarge(limit, LIMIT_VARIABLE)
    return limit


async def receive_upload(request: web.Request) -> ReceivedUpload:
    """Receive a body into a temporary file.

    PowerShell and others send a file as multipart/form-data without making a form of it: a body that does
    not begin with the boundary is the file itself.

    Raises:
        EncodedUpload, UploadTooLarge: As `check_length`, or it goes on beyond the limit.
        BrokenForm, NotOneFile, InvalidFileName: It is a form that does not hold exactly one file.
    """
    limit = check_length(request)
    file: BinaryIO = tempfile.TemporaryFile()
    try:
        await _receive(request.content, file, limit, LIMIT_VARIABLE)
        boundary = boundary_of(request.headers.get("Content-Type", "")) if is_form(request) else None
        if boundary is None:
            return _received(file, request.content_type)
        return await asyncio.to_thread(_unwrapped, file, boundary)
    except BaseException:
        file.close()
        raise


async def _receive(body: StreamReader, target: BinaryIO, limit_bytes: int, variable: str) -> None:
    """Write a request's body into a file, chunk by chunk.

    Args:
        body: Of the request.
        target: Open for writing.
        limit_bytes: Most that is taken.
        variable: The setting of the limit, named in the error.

    Raises:
        UploadTooLarge: The body goes on beyond the limit.
    """
    received = 0
    async for chunk in body.iter_chunked(_CHUNK_BYTES):
        received += len(chunk)
        if received > limit_bytes:
            raise UploadTooLarge(limit_bytes, variable)
        target.write(chunk)
    target.seek(0)


def _received(file: BinaryIO, content_type: str, file_name: str | None = None) -> ReceivedUpload:
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(HEAD_BYTES)
    file.seek(0)
    return ReceivedUpload(file, size, head, content_type, file_name)


def _unwrapped(file: BinaryIO, boundary: bytes) -> ReceivedUpload:
    if not file.seek(0, 2):  # nothing can be mapped
        return _received(file, FORM)
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as body:
        found = files_in_form(body, boundary)
        if found is None:
            return _received(file, FORM)
        if len(found) != 1:
            raise NotOneFile([each.name for each in found])
        (form_file,) = found
        content: BinaryIO = tempfile.TemporaryFile()
        try:
            for at in range(form_file.start, form_file.end, _COPY_BYTES):
                content.write(body[at : min(at + _COPY_BYTES, form_file.end)])
        except BaseException:
            content.close()
            raise
    file.close()
    return _received(content, form_file.content_type, form_file.name)
