"""The handler of one run's log: plain text, or server-sent events that resume by byte."""

from contextlib import aclosing

import msgspec
from aiohttp import web
from webjobs_rules.errors import WebJobsError
from webjobs_rules.log_format import output_log

from webjobs_api.backends.runs import RUNS
from webjobs_api.http import request_context
from webjobs_api.http.keys import BUS
from webjobs_api.http.known_run import known_run
from webjobs_api.http.live import LIVE
from webjobs_api.http.live_response import LiveAnswer, log
from webjobs_api.http.operation import EVENT_STREAM
from webjobs_api.http.problems import with_problems
from webjobs_api.http.request_errors import InvalidEventFilter
from webjobs_api.http.sse import sse_event, sse_heartbeat
from webjobs_api.logs import handlers as logs
from webjobs_api.logs import line_handlers
from webjobs_api.logs.assembly import Piece
from webjobs_api.logs.follow import following, with_pauses

_END = "-end"
_LONGEST_OFFSET = 18  # digits
_LONGEST_LINE = 128 * 1024  # bytes; what is longer is sent in pieces
_UNFINISHED_SECONDS = 0.15  # without more of an unfinished line after which it is sent so far


class LogEnd(msgspec.Struct, frozen=True):
    """The facts in the last event of a run's log."""

    status: str | None
    reason: str | None
    exit_code: int | None
    size: int


@with_problems
async def get_log(request: web.Request) -> web.StreamResponse:
    """`GET …/history/{id}/log`: the output of a run; followed when the client wants server-sent events.

    With the number of a line, or of lines, it is a window as JSON.
    """
    if line_handlers.wants_window(request):
        return await line_handlers.get_window(request)
    is_live = EVENT_STREAM in request.headers.get("Accept", "")
    given = (request.headers.get("Last-Event-ID") if is_live else None) or request.query.get("offset") or "0"
    if is_live and given.endswith(_END):  # the client has it all: this stops it from connecting again
        return web.Response(status=204)
    if not (given.isascii() and given.isdigit() and len(given) <= _LONGEST_OFFSET):
        raise InvalidEventFilter("offset", given, "give an offset in bytes")
    return await (_follow(request, int(given)) if is_live else logs.get_output(request, int(given)))


async def _follow(request: web.Request, start: int) -> web.StreamResponse:
    _, run = await known_run(request)
    bus, live, runs = request.app[BUS], request.app[LIVE], request.app[RUNS]
    answer = LiveAnswer(request, EVENT_STREAM)
    source = logs.source_of_run(request, run, output_log(run.run_id))
    async with following(bus, live.tails, source, start=start) as pieces:
        if not await answer.begin():
            return answer.response
        await answer.send(sse_heartbeat(str(start)))
        lines = _Growth(start) if request_context.is_set(request, "quiet") else _Lines(start)
        try:
            waits = lambda: _UNFINISHED_SECONDS if lines.has_news else live.terms.heartbeat  # noqa: E731
            async with aclosing(with_pauses(pieces, waits, live.tails.closing)) as news:
                async for piece in news:
                    if piece is not None:
                        written = lines.add(piece)
                    else:
                        written = lines.unfinished() or sse_heartbeat(str(lines.offset))
                    if written:
                        await answer.send(written)
            if not live.tails.closing.is_set():
                if written := lines.rest():
                    await answer.send(written)
                ended = await runs.find(run.job_name, run.run_id)
                end = LogEnd(
                    status=ended.status.value if ended else None,
                    reason=ended.reason.value if ended and ended.reason else None,
                    exit_code=ended.exit_code if ended else None,
                    size=lines.offset,
                )
                encoded = msgspec.json.encode(end).decode()
                await answer.send(sse_event(f"{lines.offset}{_END}", "end", [encoded]))
        except WebJobsError as error:
            log.warning("live log cut off", path=request.path, error=str(error))
            answer.cut()  # the client comes again, and resumes
            return answer.response
        await answer.end()
    return answer.response


class _Growth:
    """Makes events that say how far the log goes, without what was written."""

    has_news = False

    def __init__(self, start: int) -> None:
        self.offset = start

    def add(self, piece: Piece) -> bytes:
        """Returns the event of a piece."""
        self.offset = piece.end
        return sse_event(str(piece.end), "grown", [str(piece.end)])

    def unfinished(self) -> bytes:
        """Returns nothing: an unfinished line was an event already."""
        return b""

    rest = unfinished


class _Lines:
    """Makes events of whole lines; the id of each is the offset in bytes at which they end.

    A line that does not end for a moment is sent so far as an event named `partial`, which moves no offset:
    what follows it begins with the same line.
    """

    def __init__(self, start: int) -> None:
        self.offset = start
        self.has_news = False
        """Whether an unfinished line has grown since it was last sent."""
        self._held = b""

    def add(self, piece: Piece) -> bytes:
        """Returns the events that a piece completes."""
        sent = b""
        if piece.gap:
            sent = self.rest()
            missing = f'{{"after":{self.offset},"until":{piece.start}}}'
            sent += sse_event(str(piece.start), "gap", [missing])
        whole, newline, self._held = (self._held + piece.data).rpartition(b"\n")
        if len(self._held) > _LONGEST_LINE:
            whole, newline, self._held = whole + newline + self._held, b"\n", b""
        self.has_news = bool(self._held)
        self.offset = piece.end - len(self._held)
        return sent + _lines(self.offset, whole) if newline else sent

    def unfinished(self) -> bytes:
        """Returns the unfinished line as an event, if it has grown."""
        if not self.has_news:
            return b""
        self.has_news = False
        return sse_event(str(self.offset), "partial", [self._held.decode("utf-8", "replace")])

    def rest(self) -> bytes:
        """Returns the unfinished line as one that will not go on."""
        if not self._held:
            return b""
        self.offset += len(self._held)
        held, self._held, self.has_news = self._held, b"", False
        return _lines(self.offset, held)


def _lines(offset: int, text: bytes) -> bytes:
    lines = text.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return sse_event(str(offset), "", lines)
