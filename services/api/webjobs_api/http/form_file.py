"""Finds the files in a body of multipart/form-data (RFC 7578); pure."""

import re
from dataclasses import dataclass
from typing import Protocol

from webjobs_api.http.requests import script_name
from webjobs_api.http.upload_errors import BrokenForm, FileNameMissing

_BOUNDARY = re.compile(
    r';\s*boundary\s*=\s*(?:"(?P<quoted>[^"]{1,200})"|(?P<bare>[^;\s"]{1,200}))', re.IGNORECASE
)
_LONGEST_PREAMBLE = 1024  # bytes before the first boundary
_LONGEST_HEAD = 16 * 1024  # bytes of the headers of a part
_MOST_PARTS = 100


class Searchable(Protocol):
    """Bytes, or a file that is mapped into memory."""

    def find(self, sub: bytes, start: int = ..., end: int = ..., /) -> int:
        """Position of the first occurrence; -1 when there is none."""
        ...

    def __getitem__(self, part: slice, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file in a form: its name and type as sent, and where its content begins and ends in the body."""

    name: str
    content_type: str
    start: int
    end: int


def boundary_of(content_type: str) -> bytes | None:
    """The boundary in a Content-Type header; None when it names none."""
    found = _BOUNDARY.search(content_type)
    return (found["quoted"] or found["bare"]).encode("utf-8", "surrogateescape") if found else None


def files_in_form(body: Searchable, boundary: bytes) -> list[FormFile] | None:
    """The files in a form; None when the body is no form of this boundary, but something as it is.

    Fields that have no file name are passed over.

    Raises:
        BrokenForm: It ends in the middle, or has too many parts or headers.
        InvalidFileName: A name that no folder should carry.
    """
    delimiter = b"--" + boundary
    at = body.find(delimiter, 0, _LONGEST_PREAMBLE + len(delimiter))
    if at < 0 or (at > 0 and body[at - 1 : at] != b"\n"):
        return None
    files: list[FormFile] = []
    for _ in range(_MOST_PARTS):
        after = at + len(delimiter)
        if body[after : after + 2] == b"--":
            return files
        head_start = body.find(b"\n", after, after + 200) + 1
        head_end = body.find(b"\r\n\r\n", head_start - 2, head_start + _LONGEST_HEAD) if head_start else -1
        if head_end < 0:
            raise BrokenForm("the headers of a part do not end")
        start = head_end + 4
        at = _next_delimiter(body, delimiter, start)
        found = _file(body[head_start:head_end], start, max(start, at - 2))
        if found is not None:
            files.append(found)
    raise BrokenForm(f"it has more than {_MOST_PARTS} parts")


def _next_delimiter(body: Searchable, delimiter: bytes, start: int) -> int:
    """Where the delimiter after a part begins, which may be empty."""
    at = start - 2
    while (at := body.find(b"\r\n" + delimiter, at)) >= 0:
        after = at + 2 + len(delimiter)
        if body[after : after + 2] in (b"--", b"\r\n") or body[after : after + 1] in (b" ", b"\t"):
            return at + 2
        at += 2
    raise BrokenForm("its last boundary is missing, so it is cut short")


def _file(head: bytes, start: int, end: int) -> FormFile | None:
    headers = {}
    for line in re.sub(rb"\r\n[ \t]+", b" ", head).split(b"\r\n"):
        name, _, value = line.decode("utf-8", "replace").partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("content-transfer-encoding", "").lower() in ("base64", "quoted-printable"):
        raise BrokenForm("a part has a Content-Transfer-Encoding, which forms do not have")
    try:
        name = script_name(headers.get("content-disposition", ""))
    except FileNameMissing:
        return None
    return FormFile(name, headers.get("content-type", "").partition(";")[0].strip().lower(), start, end)
