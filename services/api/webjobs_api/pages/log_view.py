"""The part of a log that a page shows: a window of lines, and the matches of a search."""

import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from aiohttp import web
from webjobs_events.errors import BusUnavailable
from webjobs_events.log_format import STATUS_CHANGED
from webjobs_events.status import Status

from webjobs_api.http.keys import BUS
from webjobs_api.logs.line_handlers import LINES, LONGEST_TEXT, LogWindow, read_window
from webjobs_api.logs.line_view import LogLine
from webjobs_api.logs.line_window import LineReader, LogExtent
from webjobs_api.logs.log_search import SearchResult, search_log
from webjobs_api.logs.reader import LogSource
from webjobs_api.logs.text_search import TextSearch

_BEFORE = 50  # lines that are shown before the one that is asked for
_RANGE = re.compile(r"(\d{1,15})(?:-(\d{1,15}))?", re.ASCII)
NOTHING = LogWindow(first=None, last=None, total=0, ended=True, lines=[], first_error=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownLog:
    """Which log a page shows, and where it opens without `?line=` and `?q=`.

    Attributes:
        source: The log.
        page: Address of the page, without a query.
        fields: Of the query that names the log; empty when the page has only one.
        raw: Address of the whole log as text.
        is_over: Whether nothing more is written.
        opens_at_error: Whether it opens at its first error.
        opens_at: Number of the line with which it opens; 0: at its first error, or with its last lines.
        ends_at: Number of the last line of the part that it opens with; 0: it is no part.
    """

    source: LogSource
    page: str
    fields: Mapping[str, str] = field(default_factory=dict)
    raw: str
    is_over: bool
    opens_at_error: bool = False
    opens_at: int = 0
    ends_at: int = 0


@dataclass(frozen=True, slots=True)
class Match:
    """Where a search stands: `place` of `count` matches, the line, and the addresses beside it.

    Attributes:
        count: Of the lines that hold the text.
        place: Of the match that is shown, from 1; 0 without one.
        line: Its number; 0 without one.
        previous: Address of the match before it; empty when there is none.
        next: Likewise.
        is_complete: Whether the whole log was searched.
    """

    count: int
    place: int
    line: int
    previous: str
    next: str
    is_complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LogView:
    """A window of a log.

    Attributes:
        log: Which log.
        lines: Oldest first.
        first: Number of the first line of the whole log.
        total: Number of the last one.
        marked: Numbers of the lines that were asked for, or of the first error; empty: none.
        first_error: Number of the first error; 0: none.
        is_at_end: Whether the last line is among them.
        to_line: Address of a line, but for its number.
        no_search: Address of the page without the search.
        earlier: Address of the window before; empty when there is none.
        later: Likewise.
        text: That was searched for.
        match: Where the search stands; None without one.
        follow_from: Offset of the byte after the last whole line.
        fault: Why nothing can be shown; empty when it can.
    """

    log: ShownLog
    lines: list[LogLine]
    first: int
    total: int
    marked: range
    first_error: int
    is_at_end: bool
    to_line: str
    no_search: str
    earlier: str
    later: str
    text: str
    match: Match | None
    follow_from: int
    fault: str
    start_line: str = f"{STATUS_CHANGED}{Status.STARTING}"
    """Text of the line with which a start of a continuous job begins."""


async def log_view(request: web.Request, log: ShownLog, reader: LineReader) -> LogView:
    """The window that the address asks for by `?line=` or `?q=`; else a failure, a part, or the end.

    Args:
        request: With the parameters.
        log: Which log.
        reader: Of that log.
    """
    text = request.query.get("q", "")[:LONGEST_TEXT].replace("\n", " ")
    marked, found, fault = line_range(request.query.get("line", "")), None, ""
    window, extent = NOTHING, LogExtent(0, 0, None)
    try:
        if text:
            search = TextSearch(text, is_case_sensitive=False)
            found = await search_log(request.app[BUS], log.source, search)
            if not marked and found.matches:
                marked = range(found.matches[0], found.matches[0] + 1)
        extent = await reader.extent()
        if not marked and log.opens_at_error and extent.first_error is not None:
            marked = range(extent.first_error, extent.first_error + 1)
        first = max(1, marked.start - _BEFORE) if marked else log.opens_at
        is_whole = extent.lines - extent.first < LINES
        place = "line" if first and not is_whole else "tail"
        window = await read_window(reader, log.source, place, first or 1, LINES)
    except BusUnavailable as error:
        fault = str(error)
    lines = _whole(window.lines, extent.end) if not window.ended else window.lines
    first, last = window.first or 1, window.last or 0
    to_line = _address(log, text)
    return LogView(
        log=log,
        lines=lines,
        first=extent.first,
        total=window.total,
        marked=marked or _first_error_of_part(log, lines),
        first_error=window.first_error or 0,
        is_at_end=last >= window.total,
        to_line=_address(log, ""),
        no_search=f"{log.page}?{urlencode(log.fields)}" if log.fields else log.page,
        earlier=_at(to_line, max(1, first - LINES + _BEFORE)) if first > extent.first else "",
        later=_at(to_line, last + 1 + _BEFORE) if last < window.total else "",
        text=text,
        match=_match(found, marked.start if marked else 0, to_line) if found else None,
        follow_from=lines[-1].offset + lines[-1].size + 1 if lines else 0,
        fault=fault,
    )


def line_range(text: str) -> range:
    """The lines that `812` or `812-820` names; empty when it names none."""
    found = _RANGE.fullmatch(text)
    if found is None:
        return range(0)
    first = int(found[1])
    return range(first, max(first, int(found[2] or 0)) + 1) if first else range(0)


def error_lines(lines: list[LogLine]) -> list[LogLine]:
    """The lines that say what went wrong: of the script, or else of webjobs."""
    of_script = [
        line
        for line in lines
        if line.stream == "stderr" or (line.stream == "stdout" and line.level == "error")
    ]
    return of_script or [line for line in lines if line.level == "error"]


def _first_error_of_part(log: ShownLog, lines: list[LogLine]) -> range:
    """Number of the first error in the part that the page opens with."""
    if not log.ends_at:
        return range(0)
    part = [line for line in lines if log.opens_at <= line.number <= log.ends_at]
    return next((range(line.number, line.number + 1) for line in error_lines(part)), range(0))


def _whole(lines: list[LogLine], end: int) -> list[LogLine]:
    """The lines without the last one while that has no end: it comes again when it has."""
    return lines[:-1] if lines and lines[-1].offset + lines[-1].size >= end else lines


def _match(found: SearchResult, line: int, to_line: str) -> Match:
    place = bisect_left(found.matches, line)
    is_match = place < len(found.matches) and found.matches[place] == line
    after = place + is_match
    return Match(
        count=found.count,
        place=place + 1 if is_match else 0,
        line=line if is_match else 0,
        previous=_at(to_line, found.matches[place - 1]) if place > 0 else "",
        next=_at(to_line, found.matches[after]) if after < len(found.matches) else "",
        is_complete=found.complete,
    )


def _address(log: ShownLog, text: str) -> str:
    """Address of a line, but for its number."""
    query = urlencode({**log.fields, **({"q": text} if text else {})})
    return f"{log.page}?{query}{'&' if query else ''}line="


def _at(to_line: str, line: int) -> str:
    return f"{to_line}{line}#L{line}"
