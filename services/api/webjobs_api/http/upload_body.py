"""Receives the body of an upload: the file itself, or the one file of a form."""

import asyncio
import errno
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

from aiohttp import StreamReader, web

from webjobs_api.http import request_context
from webjobs_api.http.form_file import boundary_of, files_in_form
from webjobs_api.http.keys import SETTINGS
from webjobs_api.http.requests import FORM, HEAD_BYTES
from webjobs_api.http.runner_errors import NoSpaceLeft
from webjobs_api.http.upload_errors import NotOneFile, UploadTooLarge

LIMIT_VARIABLE = "WEBJOBS_UPLOAD_LIMIT_MB"
_CHUNK_BYTES = 256 * 1024
_WINDOW_BYTES = 4 * 1024 * 1024  # in which a form is searched at once
_AT_ONCE_BYTES = 1024 * 1024  # of an upload that is written without a thread
_FULL = (errno.ENOSPC, errno.EDQUOT)


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
        NoSpaceLeft: The disk of this api is full.
    """
    limit = check_length(request)
    with _full_disk():
        file: BinaryIO = tempfile.TemporaryFile(buffering=0)
    try:
        with _full_disk():
            await _receive(request.content, file, limit, LIMIT_VARIABLE)
        boundary = boundary_of(request.headers.get("Content-Type", "")) if is_form(request) else None
        if boundary is None:
            return _received(file, 0, _size(file), request.content_type)
        return await asyncio.to_thread(_unwrapped, file, boundary)
    except BaseException:
        file.close()
        raise


@contextmanager
def _full_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        place = tempfile.gettempdir()
        raise NoSpaceLeft(f"the api cannot store the upload in {place}") from error


async def _receive(body: StreamReader, target: BinaryIO, limit_bytes: int, variable: str) -> None:
    """Write a request's body into a file, chunk by chunk.

    Args:
        body: Of the request.
        target: Open for writing, without a buffer.
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
        if received > _AT_ONCE_BYTES:  # a disk that is busy with gigabytes keeps a writer waiting
            await asyncio.to_thread(_write, target, chunk)
        else:
            _write(target, chunk)


def _write(target: BinaryIO, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[target.write(rest) :]


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _received(
    file: BinaryIO, start: int, end: int, content_type: str, file_name: str | None = None
) -> ReceivedUpload:
    part = cast(BinaryIO, io.BufferedReader(_Part(file, start, end), _CHUNK_BYTES))
    head = part.read(HEAD_BYTES)
    part.seek(0)
    return ReceivedUpload(part, end - start, head, content_type, file_name)


def _unwrapped(file: BinaryIO, boundary: bytes) -> ReceivedUpload:
    found = files_in_form(_Searched(file.fileno(), _size(file)), boundary)
    if found is None:
        return _received(file, 0, _size(file), FORM)
    if len(found) != 1:
        raise NotOneFile([each.name for each in found])
    (form_file,) = found
    return _received(file, form_file.start, form_file.end, form_file.content_type, form_file.name)


class _Part(io.RawIOBase):
    """A part of a file as a file of its own; it owns the file."""

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        self._file = file
        self._start = start
        self._size = end - start
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position in the part."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        """Read the next bytes; 0 at the end of the part."""
        wanted = max(0, min(len(buffer), self._size - self._at))
        data = os.pread(self._file.fileno(), wanted, self._start + self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        """Close the file too."""
        self._file.close()
        super().close()


class _Searched:
    """A file that is searched piece by piece: mapped into memory, all of it would count as the api's own."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size

    def find(self, sub: bytes, start: int = 0, end: int | None = None, /) -> int:
        """Position of the first occurrence; -1 when there is none."""
        at, end = max(0, start), self._size if end is None else min(end, self._size)
        while at + len(sub) <= end:
            window = os.pread(self._descriptor, min(_WINDOW_BYTES + len(sub) - 1, end - at), at)
            if (found := window.find(sub)) >= 0:
                return at + found
            at += _WINDOW_BYTES
        return -1

    def __getitem__(self, part: slice, /) -> bytes:
        start, stop, _ = part.indices(self._size)
        return os.pread(self._descriptor, max(0, stop - start), start)
