"""HTTP's words about files: paths, ETags, ranges, types; pure."""

import mimetypes
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import unquote_to_bytes

from webjobs_events.files import Condition, FileInfo, Kind

from webjobs_api.http.file_errors import InvalidInstance, InvalidPath, RangeNotSatisfiable

_ETAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"|(\*)')
_RANGE = re.compile(r"bytes\s*=\s*(\d*)\s*-\s*(\d*)", re.IGNORECASE)
_INSTANCE = re.compile(r"[0-9a-f]{6}")
_ANY = "*"
_MIME_OF_KIND = {Kind.FOLDER: "inode/directory", Kind.LINK: "inode/symlink", Kind.OTHER: "inode/special"}
_UNKNOWN = "application/octet-stream"

_types = mimetypes.MimeTypes()  # the library's own table: the same on every machine
for _extension in (".log", ".sh", ".cmd", ".bat", ".ps1", ".md", ".ini", ".cfg", ".conf"):
    _types.add_type("text/plain", _extension)
for _extension in (".job", ".jsonl"):
    _types.add_type("application/json", _extension)
for _extension, _type in ((".yaml", "text/yaml"), (".yml", "text/yaml"), (".php", "text/x-php")):
    _types.add_type(_type, _extension)


def path_of(raw_path: str, prefix: str) -> str:
    """The path of a file in the raw path of a request, without the prefix of its route.

    Raises:
        InvalidPath: It is not UTF-8.
    """
    try:
        return unquote_to_bytes(raw_path[len(prefix) :]).decode("utf-8").lstrip("/")
    except UnicodeError as error:
        raise InvalidPath(raw_path) from error


def instance_of(text: str | None) -> str | None:
    """The instance id that was asked for; None when any will do.

    Raises:
        InvalidInstance: No runner can have it.
    """
    if text is None:
        return None
    if not _INSTANCE.fullmatch(text):
        raise InvalidInstance(text)
    return text


def condition_of(if_match: Iterable[str], if_none_match: Iterable[str]) -> Condition:
    """What a client says about the file that it wants to change, from all values of these headers."""
    matches, none = list(if_match), list(if_none_match)
    return Condition(
        match=_tags(matches, weak=False) if matches else None,
        none_match=_tags(none, weak=True) if none else None,
    )


def is_unmodified(info: FileInfo, if_none_match: Iterable[str], if_modified_since: str | None) -> bool:
    """Whether the client has the file as it is already; ETags rule when both headers are there."""
    values = list(if_none_match)
    if values:
        tags = _tags(values, weak=True)
        return _ANY in tags or info.etag in tags
    since = _date(if_modified_since)
    return since is not None and _seconds(info) <= since.timestamp()


def range_of_file(info: FileInfo, wanted: str | None, if_range: str | None) -> tuple[int, int] | None:
    """The part of a file to be answered; a range of another version of the file is answered with all.

    Raises:
        RangeNotSatisfiable: The part lies behind the end of the file.
    """
    return range_of(info.size, wanted) if _is_version(info, if_range) else None


def range_of(size: int, wanted: str | None) -> tuple[int, int] | None:
    """The part to be answered, as first byte and the one after the last; None for all of it.

    Several ranges at once, and other units, are answered with all.

    Raises:
        RangeNotSatisfiable: The part lies behind the end.
    """
    match = _RANGE.fullmatch(wanted.strip()) if wanted else None
    if match is None or match[1] == match[2] == "":
        return None
    if not match[1]:
        start, stop = max(0, size - int(match[2])), size
    else:
        start = int(match[1])
        stop = min(size, int(match[2]) + 1) if match[2] else size
        if match[2] and int(match[2]) < start:
            return None  # no range at all, says the standard
    if start >= stop:
        raise RangeNotSatisfiable(size)
    return start, stop


def headers_of_file(info: FileInfo) -> dict[str, str]:
    """The headers of every response about a file."""
    return {
        "ETag": f'"{info.etag}"',
        "Last-Modified": format_datetime(datetime.fromtimestamp(_seconds(info), UTC), usegmt=True),
    }


def mime_of(info: FileInfo) -> str:
    """The type of a file by its extension, or what else it is."""
    if info.kind is not Kind.FILE:
        return _MIME_OF_KIND[info.kind]
    found, encoding = _types.guess_type(f"./{info.name}", strict=False)  # a path, never taken for a URL
    if encoding is not None:
        return f"application/{encoding}" if encoding in ("gzip", "bzip2", "xz") else _UNKNOWN
    return found or _UNKNOWN


def _tags(values: list[str], *, weak: bool) -> tuple[str, ...]:
    """The ETags in a header, without quotes; weak ones only where they may be compared."""
    found = (match for value in values for match in _ETAG.finditer(value))
    return tuple(match[3] or match[2] for match in found if weak or not match[1])


def _is_version(info: FileInfo, if_range: str | None) -> bool:
    if if_range is None:
        return True
    if '"' in if_range:
        return _tags([if_range], weak=False) == (info.etag,)
    date = _date(if_range)
    return date is not None and _seconds(info) == date.timestamp()


def _date(text: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    return date.replace(tzinfo=UTC) if date is not None and date.tzinfo is None else date


def _seconds(info: FileInfo) -> int:
    return info.modified_ns // 1_000_000_000
