"""Bytes of a log as lines to show: number, instant, stream, text; pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_LONGEST = 8192  # characters of a line that a page shows
_ERROR_WORDS = re.compile(r"(error|exception)s?\b|\b(traceback|fatal|panic)", re.IGNORECASE)
_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b.|[\x00-\x08\x0b-\x1f\x7f]")
_MARK = re.compile(r"\[[\d/]{10} (\d\d:\d\d:\d\d) > [^:\]]*: (INFO|ERROR|SYS INFO|SYS WARN|SYS ERROR)\] ?")


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a log.

    Attributes:
        number: From 1; 0 when the log is shown from somewhere in its middle.
        at: When it was written, as its mark says; empty without a mark.
        stream: OUT, ERR or SYS.
        text: Without control characters, the last state of a line that was written over.
        is_cut: Whether there is more of it than is shown.
        is_error: Whether it is of stderr and says error, exception, traceback, fatal or panic.
    """

    number: int
    at: str
    stream: str
    text: str
    is_cut: bool
    is_error: bool


def log_lines(data: Iterable[bytes], first: int) -> list[LogLine]:
    """Lines without their ends as lines to show; the first one has the number `first`, 0: not known."""
    return [_line(each, first + place if first else 0) for place, each in enumerate(data)]


def _line(data: bytes, number: int) -> LogLine:
    text = data.decode("utf-8", "replace").rstrip("\r")
    mark = _MARK.match(text)
    at, stream = "", "OUT"
    if mark is not None:
        at, level = mark.groups()
        stream = "SYS" if level.startswith("SYS") else "ERR" if level == "ERROR" else "OUT"
        text = text[mark.end() :]
    text = _CONTROLS.sub("", text.rpartition("\r")[2])
    is_error = stream == "ERR" and _ERROR_WORDS.search(text) is not None
    return LogLine(number, at, stream, text[:_LONGEST], len(text) > _LONGEST, is_error)
