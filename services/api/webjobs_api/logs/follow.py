"""The handler that tells what jobs write while they write it, as text. Source: Kudu, LogStreamManager.cs."""

import asyncio
import re
from collections.abc import Callable, Iterable
from contextlib import aclosing
from datetime import UTC, datetime

from aiohttp import web
from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus, StreamMessage
from webjobs_events.job import JobType
from webjobs_events.run_id import parse_run_id
from webjobs_events.subjects import name_of

from webjobs_api.backends.tail import Follower
from webjobs_api.http import request_context
from webjobs_api.http.errors import LogIncomplete, LogNotFound, RunNotFound
from webjobs_api.http.keys import BUS, DEFINITIONS, LIVE, RUNS
from webjobs_api.http.live_answer import LiveAnswer, log
from webjobs_api.http.urls import APPLICATION_LOG_FILE, output_file
from webjobs_api.logs.lines import LogLines
from webjobs_api.logs.logs import source_of_run
from webjobs_api.logs.reader import FILE_HEADER, LogSource, offset_of, read_pieces

Show = Callable[[str, bytes], bytes]
"""Makes of a chunk's subject and one line what the reader sees."""

_UNFINISHED_SECONDS = 0.15  # without more of an unfinished line after which it is sent so far
_INSTANCE = re.compile("[0-9a-f]{6}")


async def follow_all(request: web.Request) -> web.StreamResponse:
    """`GET /api/logstream`: of all jobs, each line after the name of its job."""
    return await _follow(request, request.app[BUS].subjects.all_logs, _with_job)


async def follow_job(request: web.Request) -> web.StreamResponse:
    """`GET /api/logstream/{type}/{job}`: of one job, all its runs or instances."""
    job_type = request_context.job_type(request)
    definition = await request.app[DEFINITIONS].get(job_type, request_context.job_name(request))
    return await _follow(request, request.app[BUS].subjects.log(job_type, definition.job_name, "*"), _plain)


async def follow_source(request: web.Request) -> web.StreamResponse:
    """`GET /api/logstream/{type}/{job}/{source}`: of one run, until it has ended, or of one instance."""
    job_type, source = request_context.job_type(request), request.match_info["source"]
    definition = await request.app[DEFINITIONS].get(job_type, request_context.job_name(request))
    name, runs = definition.job_name, request.app[RUNS]
    if job_type is JobType.CONTINUOUS:
        if not _INSTANCE.fullmatch(source):
            raise LogNotFound(source)
        return await _follow(request, request.app[BUS].subjects.log(job_type, name, source), _plain)
    run_id = parse_run_id(source)
    run = await runs.find(name, run_id)
    if run is None:
        raise RunNotFound(name, run_id)
    end = _RunEnd(request.app[BUS], source_of_run(request, run, output_file(run_id)))
    return await _follow(request, end.subject, _plain, end)


class _RunEnd:
    """Whether a run has ended, and all of its output log was sent."""

    def __init__(self, bus: Bus, source: LogSource) -> None:
        self._bus = bus
        self._source = source
        self._reached: int | None = None  # offset up to which the stream has the output log
        self._waits_since: float | None = None
        self.subject = source.subject

    def see(self, messages: Iterable[StreamMessage]) -> None:
        """Note chunks that were sent."""
        for message in messages:
            if message.headers.get(FILE_HEADER) == self._source.file_name:
                self._reached = max(self._reached or 0, offset_of(message) + len(message.data))

    async def is_reached(self, follower: Follower) -> bool:
        """Whether nothing more is to be sent.

        Raises:
            LogIncomplete: The rest does not come.
        """
        final = await self._source.look()
        if final is None:
            return False
        if final.is_gone:
            raise LogIncomplete(self._source.file_name, self._reached or 0, None)
        try:
            newest = await self._bus.last_message(self._bus.subjects.logs_stream, self.subject)
            if newest is not None and newest.sequence > follower.position:
                return False
            if final.size is None:
                return True
            if self._reached is None:
                self._reached = await self._stored_end()
        except BusUnavailable:
            return False
        if self._reached >= final.size:
            return True
        now = asyncio.get_running_loop().time()
        self._waits_since = self._waits_since or now
        if now - self._waits_since > self._source.patience:
            raise LogIncomplete(self._source.file_name, self._reached, final.size)
        return False

    async def _stored_end(self) -> int:
        """How far the log is stored, of which no chunk has come since the reader is here."""
        end = 0
        async with aclosing(read_pieces(self._bus, self._source._replace(final=None))) as pieces:
            async for piece in pieces:
                end = piece.end
        return end


async def _follow(
    request: web.Request, subject: str, show: Show, end: _RunEnd | None = None
) -> web.StreamResponse:
    bus, live = request.app[BUS], request.app[LIVE]
    wanted = request.query.get("filter", "").encode("utf-8", "replace").lower()
    answer = LiveAnswer(request, "text/plain")
    async with live.tails.follow(bus.subjects.logs_stream, subject) as follower:
        if not await answer.begin():
            return answer.response
        await answer.send(_said("Welcome, you are now connected to log-streaming service."))
        clock = asyncio.get_running_loop().time
        heard_at = told_at = clock()
        lines = LogLines()
        shows_unfinished = not wanted and "*" not in subject and ">" not in subject
        try:
            while not follower.has_ended:
                is_unfinished = shows_unfinished and lines.has_unfinished
                wait = _UNFINISHED_SECONDS if is_unfinished else live.terms.log_heartbeat
                messages = await follower.next(min(wait, live.terms.look) if end else wait)
                written = _shown(messages, lines, wanted, show)
                if messages:
                    heard_at = told_at = clock()
                    if end:
                        end.see(messages)
                elif is_unfinished:
                    written = lines.unfinished()
                elif clock() - told_at >= live.terms.log_heartbeat:
                    told_at = clock()
                    written = _said(f"No new trace in the past {int((told_at - heard_at) // 60)} min(s).")
                if written:
                    await answer.send(written)
                if not messages and end and await end.is_reached(follower):
                    break
        except LogIncomplete as error:
            log.warning("log stream cut off", path=request.path, error=str(error))
            answer.cut()
            return answer.response
        await answer.send(b"".join(line + b"\n" for line in lines.rest() if wanted in line.lower()) or b"")
        await answer.end()
    return answer.response


def _shown(messages: Iterable[StreamMessage], lines: LogLines, wanted: bytes, show: Show) -> bytes:
    written = []
    for message in messages:
        file_name = message.headers.get(FILE_HEADER, "")
        # The other files repeat what these two kinds of them hold.
        if file_name == APPLICATION_LOG_FILE or file_name.startswith("output_"):
            for line in lines.add(message.subject, offset_of(message), message.data):
                if wanted in line.lower():
                    written.append(show(message.subject, line) + b"\n")
    return b"".join(written)


def _plain(subject: str, line: bytes) -> bytes:
    return line


def _with_job(subject: str, line: bytes) -> bytes:
    job_type, token, _ = subject.rsplit(".", 3)[1:]
    return f"{job_type}/{name_of(token)}: ".encode() + line


def _said(text: str) -> bytes:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}  {text}\n".encode()
