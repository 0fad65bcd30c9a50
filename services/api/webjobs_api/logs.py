"""Handlers that serve log files from the stream of logs, so that a log outlives its runner."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import structlog
from aiohttp import web
from webjobs_events.errors import BusUnavailable
from webjobs_events.job import JobType
from webjobs_events.status import is_terminal

from webjobs_api import exchange
from webjobs_api.errors import LogNotFound
from webjobs_api.keys import BUS, DEFINITIONS, RUNS
from webjobs_api.live.run_end import end_of_run
from webjobs_api.log_stream import Ended, read_log
from webjobs_api.triggered import known_run
from webjobs_api.urls import APPLICATION_LOG_FILE, JOB_LOG_FILE, KUDU_OUTPUT_FILE, error_file, output_file

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = structlog.stdlib.get_logger(__name__)

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


async def get_run_log(request: web.Request) -> web.StreamResponse:
    """`GET /vfs/data/jobs/triggered/{job}/{id}/{file}`: its output, by either name, or `error_{id}.log`."""
    definition, run = await known_run(request)
    file_name = request.match_info["file"]
    if file_name == KUDU_OUTPUT_FILE:
        file_name = output_file(run.run_id)
    if file_name not in (output_file(run.run_id), error_file(run.run_id)):
        raise LogNotFound(file_name)
    is_error_log = file_name == error_file(run.run_id)
    if is_error_log and is_terminal(run.status) and not run.has_error_log:
        raise LogNotFound(file_name)
    subject = request.app[BUS].subjects.log(JobType.TRIGGERED, definition.job_name, run.run_id)
    return await _serve(
        request,
        subject,
        file_name,
        must_have_text=is_error_log,
        ended=end_of_run(request.app[RUNS], run.job_name, run.run_id),
    )


def is_run_log(request: web.Request) -> bool:
    """Whether the address of a file in a run's folder is that of a log."""
    run_id = request.match_info["id"]
    return request.match_info["file"] in (KUDU_OUTPUT_FILE, output_file(run_id), error_file(run_id))


async def get_output(request: web.Request, start: int) -> web.StreamResponse:
    """The output log of the run that the address names, from a byte on, whatever the log is called there."""
    definition, run = await known_run(request)
    subject = request.app[BUS].subjects.log(JobType.TRIGGERED, definition.job_name, run.run_id)
    ended = end_of_run(request.app[RUNS], run.job_name, run.run_id)
    file_name = output_file(run.run_id)
    return await _serve(request, subject, file_name, must_have_text=False, ended=ended, start=start)


async def get_job_log(request: web.Request) -> web.StreamResponse:
    """`GET /vfs/data/jobs/continuous/{job}/job.log` or `job_log.txt`: of all instances, as written."""
    return await _serve_continuous(request, JOB_LOG_FILE)


async def get_application_log(request: web.Request) -> web.StreamResponse:
    """`GET /vfs/LogFiles/Application/continuous/{job}.log`: all that the job wrote."""
    return await _serve_continuous(request, APPLICATION_LOG_FILE)


async def _serve_continuous(request: web.Request, file_name: str) -> web.StreamResponse:
    definition = await request.app[DEFINITIONS].get(JobType.CONTINUOUS, exchange.job_name(request))
    subject = request.app[BUS].subjects.log(JobType.CONTINUOUS, definition.job_name, "*")
    return await _serve(request, subject, file_name, must_have_text=False, ended=_never)


async def _serve(
    request: web.Request, subject: str, file_name: str, *, must_have_text: bool, ended: Ended, start: int = 0
) -> web.StreamResponse:
    following = exchange.is_set(request, "follow")
    follow_until = ended if following else None
    pieces = read_log(request.app[BUS], subject, file_name, start=start, follow_until=follow_until)
    async with aclosing(pieces):
        # Look before the answer begins: afterwards it is too late for a 404 or a 503.
        first = b"" if following else await anext(pieces, b"")
        if must_have_text and not first and not following:
            raise LogNotFound(file_name)
        response = web.StreamResponse(headers=_HEADERS)
        response.content_type, response.charset = "text/plain", "utf-8"
        await response.prepare(request)
        if request.method != "HEAD":
            await _write(request, response, first, pieces)
        return response


async def _write(
    request: web.Request, response: web.StreamResponse, first: bytes, rest: AsyncIterator[bytes]
) -> None:
    try:
        if first:
            await response.write(first)
        async for piece in rest:
            await response.write(piece)
    except BusUnavailable as error:
        log.warning("log cut off", path=request.path, error=str(error))
        if request.transport is not None:
            request.transport.abort()  # an answer that ended in good order would pass for the whole log
        return
    await response.write_eof()


async def _never() -> bool:
    return False
