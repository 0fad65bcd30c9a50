"""The part of a log that a page shows: a window of lines, and the matches of a search."""

import re
from bisect import bisect_left
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web
from webjobs_events.errors import BusUnavailable

from webjobs_api.http.keys import BUS
from webjobs_api.logs.line_handlers import LINES, LONGEST_TEXT, LogWindow, read_window
from webjobs_api.logs.line_view import LogLine
from webjobs_api.logs.line_window import LineReader, LogExtent
from webjobs_api.logs.log_search import SearchResult, search_log
from webjobs_api.logs.text_search import TextSearch
from webjobs_api.pages.bars import Bars
from webjobs_api.pages.log_part import LogPart, ShownLog, at_line, error_lines, log_part
from webjobs_api.pages.position_bar import error_ranges, position_bar

_BEFORE = 50  # lines that are shown before the one that is asked for
_COPIED_BYTES = 1_000_000  # of a log that is copied as a whole
_RANGE = re.compile(r"(\d{1,15})(?:-(\d{1,15}))?", re.ASCII)
NOTHING = LogWindow(first=None, last=None, total=0, ended=True, lines=[], first_error=None)


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
        part: The lines.
        first: Number of the first line of the whole log.
        total: Number of the last one.
        first_error: Number of the first error; 0: none.
        bar: Where in the log the window is, with errors and matches; None when the whole log is shown.
        is_at_end: Whether the last line is among them.
        can_copy_all: Whether the whole log is small enough to be copied, and has an address of its own.
        no_search: Address of the page without the search.
        earlier: Address of the window before; empty when there is none.
        later: Likewise.
        text: That was searched for.
        match: Where the search stands; None without one.
        follow_from: Offset of the byte after the last whole line.
        fault: Why nothing can be shown; empty when it can.
    """

    log: ShownLog
    part: LogPart
    first: int
    total: int
    first_error: int
    bar: Bars | None
    is_at_end: bool
    can_copy_all: bool
    no_search: str
    earlier: str
    later: str
    text: str
    match: Match | None
    follow_from: int
    fault: str


async def log_view(request: web.Request, log: ShownLog, reader: LineReader) -> LogView:
    """The window that the address asks for by `?line=` or `?q=`; else a failure, a part, or the end.

    Args:
        request: With the parameters.
        log: Which log.
        reader: Of that log.
    """
    text = request.query.get("q", "")[:LONGEST_TEXT].replace("\n", " ")
    marked, found, bar, fault = line_range(request.query.get("line", "")), None, None, ""
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
        if not is_whole and window.lines:
            bar = await _bar(reader, extent, window, found)
    except BusUnavailable as error:
        fault = str(error)
    marked = marked or _first_error_of_part(log, window.lines)
    part = log_part(log, window.lines, extent, marked=marked, has_ended=window.ended)
    first, last = window.first or 1, window.last or 0
    to_line = log.to_line(text)
    return LogView(
        log=log,
        part=part,
        first=extent.first,
        total=window.total,
        first_error=window.first_error or 0,
        bar=bar,
        is_at_end=last >= window.total,
        can_copy_all=extent.end <= _COPIED_BYTES and not log.fields,
        no_search=f"{log.page}?{urlencode(log.fields)}" if log.fields else log.page,
        earlier=at_line(to_line, max(1, first - LINES + _BEFORE)) if first > extent.first else "",
        later=at_line(to_line, last + 1 + _BEFORE) if last < window.total else "",
        text=text,
        match=_match(found, marked.start if marked else 0, to_line) if found else None,
        follow_from=_follow_from(part),
        fault=fault,
    )


def line_range(text: str) -> range:
    """The lines that `812` or `812-820` names; empty when it names none."""
    found = _RANGE.fullmatch(text)
    if found is None:
        return range(0)
    first = int(found[1])
    return range(first, max(first, int(found[2] or 0)) + 1) if first else range(0)


async def _bar(reader: LineReader, extent: LogExtent, window: LogWindow, found: SearchResult | None) -> Bars:
    samples = [stored.chunk for stored in await reader.samples()]
    return position_bar(
        (window.first or extent.first, window.last or extent.first),
        (extent.first, extent.lines),
        error_ranges(samples),
        found.matches if found else [],
        found.count if found else 0,
    )


def _first_error_of_part(log: ShownLog, lines: list[LogLine]) -> range:
    """Number of the first error in the part that the page opens with."""
    if not log.ends_at:
        return range(0)
    part = [line for line in lines if log.opens_at <= line.number <= log.ends_at]
    return next((range(line.number, line.number + 1) for line in error_lines(part)), range(0))


def _follow_from(part: LogPart) -> int:
    if not part.lines:
        return 0
    last = part.lines[-1]
    return last.offset if part.unfinished else last.offset + last.size + 1


def _match(found: SearchResult, line: int, to_line: str) -> Match:
    place = bisect_left(found.matches, line)
    is_match = place < len(found.matches) and found.matches[place] == line
    after = place + is_match
    return Match(
        count=found.count,
        place=place + 1 if is_match else 0,
        line=line if is_match else 0,
        previous=at_line(to_line, found.matches[place - 1]) if place > 0 else "",
        next=at_line(to_line, found.matches[after]) if after < len(found.matches) else "",
        is_complete=found.complete,
    )
