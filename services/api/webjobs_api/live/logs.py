"""The handler that tells what jobs write while they write it, as text. Source: Kudu, LogStreamManager.cs."""

import asyncio
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from aiohttp import web
from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus, StreamMessage
from webjobs_events.job import JobType
from webjobs_events.run_id import parse_run_id
from webjobs_events.subjects import name_of

from webjobs_api import exchange
from webjobs_api.errors import LogNotFound, RunNotFound
from webjobs_api.keys import BUS, DEFINITIONS, LIVE, RUNS
from webjobs_api.live.live_answer import LiveAnswer
from webjobs_api.live.log_lines import LogLines
from webjobs_api.live.run_end import end_of_run
from webjobs_api.live.tail import Follower
from webjobs_api.log_stream import FILE_HEADER, Ended, offset_of
from webjobs_api.urls import APPLICATION_LOG_FILE

Show = Callable[[str, bytes], bytes]
"""Makes of a chunk's subject and one line what the reader sees."""

_INSTANCE = re.compile("[0-9a-f]{6}")


async def follow_all(request: web.Request) -> web.StreamResponse:
    """`GET /api/logstream`: of all jobs, each line after the name of its job."""
    return await _follow(request, request.app[BUS].subjects.all_logs, _with_job)


async def follow_job(request: web.Request) -> web.StreamResponse:
    """`GET /api/logstream/{type}/{job}`: of one job, all its runs or instances."""
    job_type = exchange.job_type(request)
    definition = await request.app[DEFINITIONS].get(job_type, exchange.job_name(request))
    return await _follow(request, request.app[BUS].subjects.log(job_type, definition.job_name, "*"), _plain)


async def follow_source(request: web.Request) -> web.StreamResponse:
    """`GET /api/logstream/{type}/{job}/{source}`: of one run, until it has ended, or of one instance."""
    job_type, source = exchange.job_type(request), request.match_info["source"]
    definition = await request.app[DEFINITIONS].get(job_type, exchange.job_name(request))
    name, runs = definition.job_name, request.app[RUNS]
    if job_type is JobType.CONTINUOUS:
        if not _INSTANCE.fullmatch(source):
            raise LogNotFound(source)
        return await _follow(request, request.app[BUS].subjects.log(job_type, name, source), _plain)
    run_id = parse_run_id(source)
    if await runs.find(name, run_id) is None:
        raise RunNotFound(name, run_id)

    has_ended = end_of_run(runs, name, run_id)
    return await _follow(request, request.app[BUS].subjects.log(job_type, name, run_id), _plain, has_ended)


async def _follow(
    request: web.Request, subject: str, show: Show, has_ended: Ended | None = None
) -> web.StreamResponse:
    bus, live = request.app[BUS], request.app[LIVE]
    wanted = request.query.get("filter", "").encode("utf-8", "replace").lower()
    answer = LiveAnswer(request, "text/plain", live.terms.stuck)
    async with live.tails.follow(bus.subjects.logs_stream, subject) as follower:
        if not await answer.begin():
            return answer.response
        await answer.send(_said("Welcome, you are now connected to log-streaming service."))
        clock = asyncio.get_running_loop().time
        heard_at = told_at = clock()
        lines = LogLines()
        while not follower.has_ended:
            messages = await follower.next(live.terms.look if has_ended else live.terms.log_heartbeat)
            written = _shown(messages, lines, wanted, show)
            if messages:
                heard_at = told_at = clock()
            elif clock() - told_at >= live.terms.log_heartbeat:
                told_at = clock()
                written = _said(f"No new trace in the past {int((told_at - heard_at) // 60)} min(s).")
            if written:
                await answer.send(written)
            if not messages and has_ended and await _is_over(bus, subject, follower, has_ended):
                break
        await answer.send(b"".join(line + b"\n" for line in lines.rest() if wanted in line.lower()) or b"")
        await answer.end()
    return answer.response


async def _is_over(bus: Bus, subject: str, follower: Follower, has_ended: Ended) -> bool:
    """Whether a run has ended, and everything it wrote was told."""
    if not await has_ended():
        return False
    try:
        newest = await bus.last_message(bus.subjects.logs_stream, subject)
    except BusUnavailable:
        return False
    return newest is None or newest.sequence <= follower.position


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
