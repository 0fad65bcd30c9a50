"""The part of a run's log that its page shows: a window of lines, and the matches of a search."""

from bisect import bisect_left
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web
from webjobs_events.errors import BusUnavailable
from webjobs_events.log_format import output_log
from webjobs_events.queries import RunView
from webjobs_events.status import Status

from webjobs_api.http.keys import BUS
from webjobs_api.logs.handlers import source_of_run
from webjobs_api.logs.line_handlers import LINES, LONGEST_TEXT, LogWindow, read_window
from webjobs_api.logs.line_view import LogLine
from webjobs_api.logs.line_window import LineReader
from webjobs_api.logs.log_search import SearchResult, search_log
from webjobs_api.logs.text_search import TextSearch

_BEFORE = 50  # lines that are shown before the one that is asked for
_LONGEST_NUMBER = 15  # digits
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
        lines: Oldest first.
        total: Lines of the whole log.
        marked: Number of the line that was asked for, or of the first error; 0: none.
        first_error: Number of the first error; 0: none.
        is_at_end: Whether the last line is among them.
        earlier: Address of the window before; empty when there is none.
        later: Likewise.
        text: That was searched for.
        match: Where the search stands; None without one.
        follow_from: Offset of the byte after the last whole line.
        fault: Why nothing can be shown; empty when it can.
    """

    lines: list[LogLine]
    total: int
    marked: int
    first_error: int
    is_at_end: bool
    earlier: str
    later: str
    text: str
    match: Match | None
    follow_from: int
    fault: str


async def log_view(request: web.Request, run: RunView, page: str) -> LogView:
    """The window that the address asks for by `?line=` or `?q=`; else a failure or the end.

    Args:
        request: With the parameters.
        run: Whose output log is shown.
        page: Address of its page.
    """
    bus, source = request.app[BUS], source_of_run(request, run, output_log(run.run_id))
    reader, text = LineReader(bus, source), request.query.get("q", "")[:LONGEST_TEXT].replace("\n", " ")
    line, found, fault, window, end = _number(request.query.get("line", "")), None, "", NOTHING, 0
    try:
        if text:
            found = await search_log(bus, source, TextSearch(text, is_case_sensitive=False))
            line = line or (found.matches[0] if found.matches else 0)
        extent = await reader.extent()
        if not line and run.status is Status.FAILED and extent.first_error is not None:
            line = extent.first_error
        is_whole = extent.lines <= LINES
        place = "line" if line and not is_whole else "tail"
        window = await read_window(reader, source, place, max(1, line - _BEFORE), LINES)
        end = extent.end
    except BusUnavailable as error:
        fault = str(error)
    lines = _whole(window.lines, end) if not window.ended else window.lines
    first, last = window.first or 1, window.last or 0
    return LogView(
        lines=lines,
        total=window.total,
        marked=line,
        first_error=window.first_error or 0,
        is_at_end=last >= window.total,
        earlier=_address(page, text, max(1, first - LINES + _BEFORE)) if first > 1 else "",
        later=_address(page, text, last + 1 + _BEFORE) if last < window.total else "",
        text=text,
        match=_match(found, line, page, text) if found else None,
        follow_from=lines[-1].offset + lines[-1].size + 1 if lines else 0,
        fault=fault,
    )


def _whole(lines: list[LogLine], end: int) -> list[LogLine]:
    """The lines without the last one while that has no end: it comes again when it has."""
    return lines[:-1] if lines and lines[-1].offset + lines[-1].size >= end else lines


def _match(found: SearchResult, line: int, page: str, text: str) -> Match:
    place = bisect_left(found.matches, line)
    is_match = place < len(found.matches) and found.matches[place] == line
    after = place + is_match
    return Match(
        count=found.count,
        place=place + 1 if is_match else 0,
        line=line if is_match else 0,
        previous=_address(page, text, found.matches[place - 1]) if place > 0 else "",
        next=_address(page, text, found.matches[after]) if after < len(found.matches) else "",
        is_complete=found.complete,
    )


def _address(page: str, text: str, line: int) -> str:
    query = urlencode({**({"q": text} if text else {}), "line": line})
    return f"{page}?{query}#L{line}"


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER else 0
