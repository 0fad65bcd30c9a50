"""Handlers of a run's log by line: windows, and the search for a text."""

import asyncio

import msgspec
from aiohttp import web
from webjobs_events.queries import RunView
from webjobs_rules.log_format import output_log

from webjobs_api.http import request_context
from webjobs_api.http.keys import BUS
from webjobs_api.http.problems import with_problems
from webjobs_api.http.request_errors import InvalidPage
from webjobs_api.logs.handlers import current_run, source_of_run
from webjobs_api.logs.line_view import LogLine, RawLine, line_view
from webjobs_api.logs.line_window import LineReader
from webjobs_api.logs.log_search import SearchResult, search_log
from webjobs_api.logs.reader import LogSource
from webjobs_api.logs.text_search import TextSearch

LINES = 500
"""Of a window, unless the client says how many."""
MOST_LINES = 5000
LONGEST_TEXT = 1000
"""Characters that can be searched for."""

_PLACES = ("line", "tail", "around")
_LONGEST_NUMBER = 15  # digits
_HEADERS = {"Cache-Control": "no-store"}


class LogWindow(msgspec.Struct, frozen=True, kw_only=True):
    """Some lines of a log.

    Attributes:
        first: Number of the first of these lines; None when there are none.
        last: Number of the last of them; there may be fewer than were asked for when they are long.
        total: How many lines are stored, an unfinished one included.
        ended: Whether no more will come.
        lines: The lines.
        first_error: Number of the first line of standard error, or that webjobs logged as an error.
    """

    first: int | None
    last: int | None
    total: int
    ended: bool
    lines: list[LogLine]
    first_error: int | None


def wants_window(request: web.Request) -> bool:
    """Returns whether a request is for lines rather than for bytes."""
    return any(name in request.query for name in (*_PLACES, "lines"))


async def get_window(request: web.Request) -> web.Response:
    """`GET …/history/{id}/log?line=N&lines=500`, `?tail=500` or `?around=N`."""
    given = [name for name in _PLACES if name in request.query]
    if len(given) > 1:
        raise InvalidPage(given[1], f"give either {given[0]} or {given[1]}")
    place = given[0] if given else "line"
    most = MOST_LINES if place == "tail" else 10**_LONGEST_NUMBER
    number = _number(request, place, 1, most)
    count = _number(request, "lines", LINES, MOST_LINES)
    if place == "tail":
        count = number
    source = await _source(request)
    window = await read_window(LineReader(request.app[BUS], source), source, place, number, count)
    return _json(window)


async def read_window(
    reader: LineReader, source: LogSource, place: str, number: int, count: int
) -> LogWindow:
    """Returns so many lines of a log.

    Args:
        reader: Of the log.
        source: The log.
        place: `line`: from the line with the number on; `around`: with that line in the middle; `tail`: the
            last ones, whatever the number.
        number: Of a line.
        count: How many lines at most.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    extent = await reader.extent()
    first = number
    if place == "tail":
        first = max(extent.first, extent.lines - count + 1)
    elif place == "around":
        first = max(1, number - count // 2)
    raw = await reader.lines(first, count) if first <= extent.lines else []
    lines = await asyncio.to_thread(_views, raw)  # thousands of long ones with many colours take a while
    final = source.final
    total = max(extent.lines, raw[-1].number) if raw else extent.lines
    return LogWindow(
        first=raw[0].number if raw else None,
        last=raw[-1].number if raw else None,
        total=total,
        ended=final is not None and (final.size is None or extent.end >= final.size),
        lines=lines,
        first_error=extent.first_error,
    )


@with_problems
async def get_search(request: web.Request) -> web.Response:
    """`GET …/history/{id}/log/search?q=text&case=true`."""
    text = request.query.get("q", "")
    if not text or len(text) > LONGEST_TEXT or "\n" in text:
        raise InvalidPage("q", f"give 1 to {LONGEST_TEXT:,} characters of one line, such as q=timeout")
    search = TextSearch(text, is_case_sensitive=request_context.is_set(request, "case"))
    result: SearchResult = await search_log(request.app[BUS], await _source(request), search)
    return _json(result)


async def _source(request: web.Request) -> LogSource:
    run: RunView = await current_run(request)
    return source_of_run(request, run, output_log(run.run_id))


def _views(lines: list[RawLine]) -> list[LogLine]:
    return [line_view(line) for line in lines]


def _json(answer: object) -> web.Response:
    response = request_context.json(answer)
    response.headers.update(_HEADERS)
    return response


def _number(request: web.Request, name: str, default: int, most: int) -> int:
    """The value of a parameter.

    Raises:
        InvalidPage: It is no number from 1 to `most`.
    """
    text = request.query.get(name)
    if text is None:
        return default
    is_number = text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
    if not is_number or not 1 <= int(text) <= most:
        raise InvalidPage(name, f"give a whole number from 1 to {most:,}")
    return int(text)
