"""Handlers of `/logstream`: what jobs write while they write it, as text.

Source: Kudu, LogStreamManager.cs.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import UTC, datetime

from aiohttp import web
from webjobs_events.errors import BusUnavailable
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobType
from webjobs_rules.log_format import LogChunk, decode_chunk, has_every_line, output_log

from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.tail import Follower
from webjobs_api.http import request_context
from webjobs_api.http.keys import BUS
from webjobs_api.http.known_run import run_of
from webjobs_api.http.live import LIVE
from webjobs_api.http.live_response import LiveAnswer, log
from webjobs_api.http.log_errors import LogIncomplete, LogNotFound
from webjobs_api.logs.assembly import Piece
from webjobs_api.logs.follow import following, with_pauses
from webjobs_api.logs.handlers import source_of_run
from webjobs_api.logs.lines import LogLines
from webjobs_api.logs.reader import LogSource

_UNFINISHED_SECONDS = 0.15  # without more of an unfinished line after which it is sent so far
_INSTANCE = re.compile("[0-9a-f]{6}")


Chunks = AsyncGenerator[list[tuple[str, LogChunk]], None]
"""Chunks of the logs that are shown, each with its subject."""

Show = Callable[[str, bytes], bytes]
"""Makes of a chunk's subject and one line what the reader sees."""


async def follow_all(request: web.Request) -> web.StreamResponse:
    """`GET /api/logstream`: of all jobs, each line after the name of its job."""
    return await _follow_many(request, request.app[BUS].subjects.all_logs, _with_job)


async def follow_job(request: web.Request) -> web.StreamResponse:
    """`GET /api/logstream/{type}/{job}`: of one job, all its runs or instances."""
    job_type = request_context.job_type(request)
    definition = await request.app[DEFINITIONS].get(job_type, request_context.job_name(request))
    subject = request.app[BUS].subjects.log(job_type, definition.job_name, "*")
    return await _follow_many(request, subject, _plain)


async def follow_source(request: web.Request) -> web.StreamResponse:
    """`GET /api/logstream/{type}/{job}/{source}`: of one run, until it has ended, or of one instance."""
    job_type, source = request_context.job_type(request), request.match_info["source"]
    definition = await request.app[DEFINITIONS].get(job_type, request_context.job_name(request))
    name = definition.job_name
    if job_type is JobType.CONTINUOUS:
        if not _INSTANCE.fullmatch(source):
            raise LogNotFound(source)
        subject = request.app[BUS].subjects.log(job_type, name, source)
        return await _follow_many(request, subject, _plain, shows_unfinished=True)
    run = await run_of(request, name, source)
    log_of_run = source_of_run(request, run, output_log(run.run_id))
    async with following(request.app[BUS], request.app[LIVE].tails, log_of_run, start=None) as pieces:
        return await _answer(request, _chunks_of(log_of_run, pieces), _plain, shows_unfinished=True)


async def _chunks_of(source: LogSource, pieces: AsyncGenerator[Piece, None]) -> Chunks:
    async for piece in pieces:
        yield [(source.subject, LogChunk(source.file_name, piece.start, piece.data))]


async def _follow_many(
    request: web.Request, subject: str, show: Show, *, shows_unfinished: bool = False
) -> web.StreamResponse:
    bus, tails = request.app[BUS], request.app[LIVE].tails
    async with tails.follow(bus.subjects.logs_stream, subject) as follower:
        return await _answer(request, _chunks(follower), show, shows_unfinished=shows_unfinished)


async def _chunks(follower: Follower) -> Chunks:
    while messages := await follower.next():
        chunks = [(message.subject, decode_chunk(message.headers, message.data)) for message in messages]
        yield [(subject, chunk) for subject, chunk in chunks if has_every_line(chunk.file_name)]


async def _answer(
    request: web.Request, chunks: Chunks, show: Show, *, shows_unfinished: bool
) -> web.StreamResponse:
    """Send the lines that chunks complete.

    Args:
        request: What is answered; its `filter` lets only some lines through.
        chunks: Of one log or of many.
        show: Makes lines of them what the client sees.
        shows_unfinished: Whether there is only one log, whose last line may be sent before it ends.
    """
    live = request.app[LIVE]
    wanted = request.query.get("filter", "").encode("utf-8", "replace").lower()
    shows_unfinished = shows_unfinished and not wanted
    answer = LiveAnswer(request, "text/plain")
    if not await answer.begin():
        return answer.response
    await answer.send(_notice("Welcome, you are now connected to log-streaming service."))
    clock = asyncio.get_running_loop().time
    written_at = notified_at = clock()
    lines = LogLines()

    def is_unfinished() -> bool:
        return shows_unfinished and lines.has_unfinished

    def wait() -> float:
        return _UNFINISHED_SECONDS if is_unfinished() else live.terms.log_heartbeat

    try:
        async with aclosing(chunks), aclosing(with_pauses(chunks, wait, live.tails.closing)) as batches:
            async for batch in batches:
                written = b""
                if batch is not None:
                    written = _shown(batch, lines, wanted, show)
                    written_at = notified_at = clock()
                elif is_unfinished():
                    written = lines.unfinished()
                elif clock() - notified_at >= live.terms.log_heartbeat:
                    notified_at = clock()
                    written = _notice(
                        f"No new trace in the past {int((notified_at - written_at) // 60)} min(s)."
                    )
                if written:
                    await answer.send(written)
    except (BusUnavailable, LogIncomplete) as error:
        log.warning("log stream cut off", path=request.path, error=str(error))
        answer.cut()
        return answer.response
    await answer.send(b"".join(line + b"\n" for line in lines.rest() if wanted in line.lower()))
    await answer.end()
    return answer.response


def _shown(batch: list[tuple[str, LogChunk]], lines: LogLines, wanted: bytes, show: Show) -> bytes:
    written = [
        show(subject, line) + b"\n"
        for subject, chunk in batch
        for line in lines.add(subject, chunk.offset, chunk.data)
        if wanted in line.lower()
    ]
    return b"".join(written)


def _plain(subject: str, line: bytes) -> bytes:
    return line


def _with_job(subject: str, line: bytes) -> bytes:
    job_type, name, _ = Subjects.parse_log(subject)
    return f"{job_type}/{name}: ".encode() + line


def _notice(text: str) -> bytes:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}  {text}\n".encode()
