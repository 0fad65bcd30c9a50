"""The part of a run's log that its page shows: the last lines, read from the stream of logs."""

from collections import deque
from contextlib import aclosing
from dataclasses import dataclass

from aiohttp import web
from webjobs_events.errors import BusUnavailable
from webjobs_events.log_format import output_log
from webjobs_events.queries import RunView

from webjobs_api.http.errors import LogIncomplete
from webjobs_api.http.keys import BUS
from webjobs_api.logs.handlers import source_of_run
from webjobs_api.logs.reader import read_log
from webjobs_api.pages.log_lines import LogLine, log_lines

_LINES = 500
_TAIL = 256 * 1024  # bytes before the end of a log that is known


@dataclass(frozen=True, slots=True)
class LogView:
    """The last lines of a log.

    Attributes:
        lines: Oldest first.
        is_whole: Whether the first line of the log is among them.
        fault: Why they are not all there; empty when they are.
        first_error: Number of the first line that looks like an error, or 0.
        size: Bytes up to the end of the last line.
    """

    lines: list[LogLine]
    is_whole: bool
    fault: str
    first_error: int
    size: int


async def log_view(request: web.Request, run: RunView) -> LogView:
    """The last lines of a run's output log, as far as they are stored."""
    source = source_of_run(request, run, output_log(run.run_id))
    size = source.final.size if source.final is not None else None
    start = max(0, (size or 0) - _TAIL)
    held, kept, count, end, fault = b"", deque[bytes](maxlen=_LINES), 0, start, ""
    try:
        async with aclosing(read_log(request.app[BUS], source, start=start)) as pieces:
            async for piece in pieces:
                *whole, held = (held + piece.data).split(b"\n")
                kept.extend(whole)
                count += len(whole)
                end = piece.end
    except (BusUnavailable, LogIncomplete) as error:
        fault = str(error)
    if held and size is not None:
        kept.append(held)
        count += 1
        held = b""
    if start and len(kept) < _LINES:
        kept.popleft()  # its beginning was not read
    is_whole = not start and count <= _LINES
    lines = log_lines(kept, 0 if start else count - len(kept) + 1)
    first_error = next((line.number for line in lines if line.is_error), 0)
    return LogView(lines, is_whole, fault, first_error, end - len(held))
