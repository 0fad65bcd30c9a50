"""One line of a log as a viewer shows it: when, which stream, how grave, and its visible text; pure."""

import codecs
import re
from datetime import datetime
from typing import Literal, NamedTuple

import msgspec
from webjobs_rules.log_format import read_mark

from webjobs_api.logs.ansi import Segment, segments

SHOWN_BYTES = 8 * 1024
"""Of the text of a line; the rest of a longer one is cut."""

_LONGEST_MARK = 160  # bytes
KEPT_BYTES = SHOWN_BYTES + _LONGEST_MARK + 1
"""Of a line with its mark, from which its view can be made."""

LineStream = Literal["stdout", "stderr", "system"]
LineLevel = Literal["info", "warning", "error"]

_SYSTEM_LEVELS: dict[str, LineLevel] = {"SYS INFO": "info", "SYS WARN": "warning", "SYS ERROR": "error"}
_ERROR = re.compile(
    r"(?<!\bno )(?<!\b0 )(?:errors?|exceptions?|traceback|fatal|panic(?:ked)?)(?![a-z])", re.IGNORECASE
)


class RawLine(NamedTuple):
    """A line as it is in the log."""

    number: int
    """From 1."""
    offset: int
    """Of its first byte."""
    head: bytes
    """Its first `KEPT_BYTES`, without the line end."""
    size: int
    """In bytes, without the line end."""


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a log.

    Attributes:
        number: From 1.
        offset: Of its first byte in the log.
        size: Of the line in bytes with its mark, without the line end.
        at: When it was written, UTC; None when the line has no mark.
        stream: What wrote it: the script, to one of two streams, or webjobs.
        level: `error` for a line of the script that says error, exception, traceback, fatal or panic.
        text: What is visible: without mark and escape sequences, other control characters as signs; of
            several states of a progress display the last.
        segments: The text cut where its style changes, with the names of CSS classes; None without styles.
        is_cut: Whether the line is longer than what is shown of it.
    """

    number: int
    offset: int
    size: int
    at: datetime | None
    stream: LineStream
    level: LineLevel
    text: str
    segments: tuple[Segment, ...] | None
    is_cut: bool


def line_view(line: RawLine) -> LogLine:
    """Returns what a viewer shows of a line."""
    mark = read_mark(line.head)
    begin = mark.size if mark else 0
    text = line.head[begin : begin + SHOWN_BYTES]
    is_cut = begin + len(text) < line.size
    decoded, _ = codecs.utf_8_decode(text, "replace", not is_cut)  # without a character that is cut
    pieces = segments(last_state(decoded))
    visible = "".join(piece.text for piece in pieces)
    stream: LineStream = "stdout"
    level: LineLevel = "error" if looks_like_error(visible) else "info"
    if mark and mark.level in _SYSTEM_LEVELS:
        stream, level = "system", _SYSTEM_LEVELS[mark.level]
    elif mark and mark.level == "ERROR":
        stream = "stderr"
    return LogLine(
        number=line.number,
        offset=line.offset,
        size=line.size,
        at=mark.at if mark else None,
        stream=stream,
        level=level,
        text=visible,
        segments=pieces if any(piece.styles for piece in pieces) else None,
        is_cut=is_cut,
    )


def looks_like_error(text: str) -> bool:
    """Returns whether a line says error, exception, traceback, fatal or panic; `0 errors` is none."""
    return _ERROR.search(text) is not None


def last_state(text: str) -> str:
    r"""Returns what a line shows in the end when a program wrote over it: what is after the last `\r`."""
    return text.rstrip("\r").rpartition("\r")[2]
