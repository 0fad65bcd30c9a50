"""Lines of a log alone, as its page has them: what its script loads and follows."""

from aiohttp import web

from webjobs_api.http.keys import BUS
from webjobs_api.http.page_policy import new_nonce, page_policy
from webjobs_api.http.request_errors import InvalidPage
from webjobs_api.http.templates import render
from webjobs_api.logs.line_handlers import LINES, read_window
from webjobs_api.logs.line_window import LineReader
from webjobs_api.pages.log_part import START_LINE, ShownLog, log_part

_FOLLOWED = 1000  # lines that are sent at a time while a log is followed
_LONGEST_NUMBER = 15  # digits


async def show_lines(request: web.Request, log: ShownLog) -> web.Response:
    """The lines after `?after=` and before `?before=`: the first 500, or with `?last=1` the last ones.

    Raises:
        InvalidPage: A parameter is no number.
        BusUnavailable: NATS does not answer.
    """
    after, before = _number(request, "after"), _number(request, "before")
    is_last = _number(request, "last") > 0
    reader = LineReader(request.app[BUS], log.source)
    extent = await reader.extent()
    after = max(after, extent.first - 1)
    end = min(before or extent.lines + 1, extent.lines + 1)
    most = _FOLLOWED if is_last and not before else LINES
    first = max(after + 1, end - most) if is_last else after + 1
    count = min(most, end - first)
    if count > 0:
        window = await read_window(reader, log.source, "line", first, count)
        lines, has_ended = window.lines, window.ended
    else:
        lines, has_ended = [], log.is_over
    part = log_part(log, lines, extent, after=after, before=before, has_ended=has_ended)
    return render("log_lines.html", {"part": part, "start_line": START_LINE}, page_policy(new_nonce()))


def _number(request: web.Request, name: str) -> int:
    """The value of a parameter; 0 without it.

    Raises:
        InvalidPage: It is no number.
    """
    text = request.query.get(name, "0")
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER):
        raise InvalidPage(name, "give a whole number")
    return int(text)
