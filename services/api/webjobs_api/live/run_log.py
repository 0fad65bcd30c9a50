"""The handler of one run's log: plain text, or server-sent events that resume by byte."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any, TypeVar

import msgspec
from aiohttp import web
from webjobs_events.errors import WebJobsError
from webjobs_events.job import JobType

from webjobs_api import logs
from webjobs_api.errors import InvalidEventFilter
from webjobs_api.keys import BUS, LIVE, RUNS
from webjobs_api.live.live_answer import LiveAnswer, log
from webjobs_api.live.run_end import end_of_run
from webjobs_api.live.sse import sse_event, sse_heartbeat
from webjobs_api.log_stream import read_pieces
from webjobs_api.problems import with_problems
from webjobs_api.triggered import known_run
from webjobs_api.urls import output_file

T = TypeVar("T")

_END = "-end"
_LONGEST_OFFSET = 18  # digits
_LONGEST_LINE = 128 * 1024  # bytes; what is longer is sent in pieces


class LogEnd(msgspec.Struct, frozen=True):
    """What the last event of a run's log tells."""

    status: str | None
    reason: str | None
    exit_code: int | None
    size: int


@with_problems
async def get_log(request: web.Request) -> web.StreamResponse:
    """`GET …/history/{id}/log`: the output of a run; followed when the client wants server-sent events."""
    is_live = "text/event-stream" in request.headers.get("Accept", "")
    given = (request.headers.get("Last-Event-ID") if is_live else None) or request.query.get("offset") or "0"
    if is_live and given.endswith(_END):  # the client has it all: this stops it from connecting again
        return web.Response(status=204)
    if not (given.isascii() and given.isdigit() and len(given) <= _LONGEST_OFFSET):
        raise InvalidEventFilter("offset", given, "give an offset in bytes")
    return await (_follow(request, int(given)) if is_live else logs.get_output(request, int(given)))


async def _follow(request: web.Request, start: int) -> web.StreamResponse:
    definition, run = await known_run(request)
    bus, live, runs = request.app[BUS], request.app[LIVE], request.app[RUNS]

    answer = LiveAnswer(request, "text/event-stream", live.terms.stuck)
    pieces = read_pieces(
        bus,
        bus.subjects.log(JobType.TRIGGERED, definition.job_name, run.run_id),
        output_file(run.run_id),
        start=start,
        follow_until=end_of_run(runs, run.job_name, run.run_id),
    )
    async with contextlib.aclosing(pieces):
        if not await answer.begin():
            return answer.response
        offset, held = start, b""
        await answer.send(sse_heartbeat(str(offset)))
        try:
            async for piece in _with_pauses(pieces, live.terms.heartbeat, live.tails.closing):
                if piece is None:
                    await answer.send(sse_heartbeat(str(offset)))
                    continue
                whole, newline, held = (held + piece.data).rpartition(b"\n")
                if len(held) > _LONGEST_LINE:
                    whole, newline, held = whole + newline + held, b"\n", b""
                if newline:
                    offset = piece.end - len(held)
                    await answer.send(_lines(offset, whole))
            if not live.tails.closing.is_set():
                if held:
                    offset += len(held)
                    await answer.send(_lines(offset, held))
                ended = await runs.find(run.job_name, run.run_id)
                end = LogEnd(
                    status=ended.status.value if ended else None,
                    reason=ended.reason.value if ended and ended.reason else None,
                    exit_code=ended.exit_code if ended else None,
                    size=offset,
                )
                await answer.send(sse_event(f"{offset}{_END}", "end", [msgspec.json.encode(end).decode()]))
        except WebJobsError as error:
            log.warning("live log cut off", path=request.path, error=str(error))
            answer.cut()  # the client comes again, and resumes
            return answer.response
        await answer.end()
    return answer.response


def _lines(offset: int, text: bytes) -> bytes:
    lines = text.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return sse_event(str(offset), "", lines)


async def _with_pauses(
    pieces: AsyncGenerator[T, None], seconds: float, closing: asyncio.Event
) -> AsyncGenerator[T | None, None]:
    """The same, with None whenever nothing came for so long; ends early when all is closing."""
    arrival: asyncio.Future[T] | None = None
    end: asyncio.Future[bool] = asyncio.ensure_future(closing.wait())
    try:
        while not end.done():
            arrival = arrival or asyncio.ensure_future(anext(pieces))
            waited: set[asyncio.Future[Any]] = {arrival, end}
            await asyncio.wait(waited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if not arrival.done():
                yield None
                continue
            try:
                piece, arrival = arrival.result(), None
            except StopAsyncIteration:
                return
            yield piece
    finally:
        end.cancel()
        if arrival is not None:
            arrival.cancel()
            await asyncio.gather(arrival, return_exceptions=True)
