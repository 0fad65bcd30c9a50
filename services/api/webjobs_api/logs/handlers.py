"""Handlers that serve log files from the stream of logs, so that a log outlives its runner."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from webjobs_events.errors import BusUnavailable
from webjobs_events.queries import RunView
from webjobs_rules.job import JobType
from webjobs_rules.log_format import APPLICATION_LOG, JOB_LOG, error_log, line_mark, output_log
from webjobs_rules.status import is_terminal

from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.runs import RUNS
from webjobs_api.http import request_context
from webjobs_api.http.error_responses import status_of
from webjobs_api.http.file_errors import RangeNotSatisfiable
from webjobs_api.http.files import range_of
from webjobs_api.http.keys import BUS
from webjobs_api.http.known_run import known_run
from webjobs_api.http.live import LIVE
from webjobs_api.http.log_errors import LogIncomplete, LogNotFound
from webjobs_api.http.urls import KUDU_OUTPUT_FILE
from webjobs_api.http.viewer import refuse_viewer
from webjobs_api.logs.assembly import Piece
from webjobs_api.logs.follow import following
from webjobs_api.logs.reader import FinalLog, LogSource, read_log
from webjobs_api.logs.run_end import RUN_ENDS, final_log

log = structlog.stdlib.get_logger(__name__)

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


async def get_run_log(request: web.Request) -> web.StreamResponse:
    """`GET /vfs/data/jobs/triggered/{job}/{id}/{file}`: its output, by either name, or `error_{id}.log`."""
    run = await current_run(request)
    file_name = request.match_info["file"]
    if file_name == KUDU_OUTPUT_FILE:
        file_name = output_log(run.run_id)
    if file_name not in (output_log(run.run_id), error_log(run.run_id)):
        raise LogNotFound(file_name)
    is_error_log = file_name == error_log(run.run_id)
    if is_error_log and is_terminal(run.status) and not run.has_error_log:
        raise LogNotFound(file_name)
    return await _serve(request, source_of_run(request, run, file_name), must_have_text=is_error_log)


def run_file(get_item: Handler) -> Handler:
    """The handler of `GET /vfs/data/jobs/triggered/{job}/{id}/{file}`: a log of the run, or another file.

    Args:
        get_item: The handler that serves a file of the site folder.
    """

    async def get_run_file(request: web.Request) -> web.StreamResponse:
        if _is_run_log(request):
            return await get_run_log(request)
        refuse_viewer(request, "of the files of a run it sees the logs")
        return await get_item(request)

    return get_run_file


def _is_run_log(request: web.Request) -> bool:
    """Whether the address of a file in a run's folder is that of a log."""
    run_id = request.match_info["id"]
    return request.match_info["file"] in (KUDU_OUTPUT_FILE, output_log(run_id), error_log(run_id))


async def get_output(request: web.Request, start: int) -> web.StreamResponse:
    """The output log of the run that the address names, from a byte on, whatever the log is called there."""
    run = await current_run(request)
    return await _serve(request, source_of_run(request, run, output_log(run.run_id)), start=start)


def source_of_run(request: web.Request, run: RunView, file_name: str) -> LogSource:
    """Where to read a log of a run."""
    return LogSource(
        request.app[BUS].subjects.log(JobType.TRIGGERED, run.job_name, run.run_id),
        file_name,
        request.app[RUN_ENDS].of(run, file_name),
        final_log(run, file_name),
        patience=request.app[LIVE].terms.log_patience,
    )


def source_of_instance(request: web.Request, job_name: str, instance: str) -> LogSource:
    """Where to read what a continuous job wrote on an instance; `*`: on all of them."""
    subject = request.app[BUS].subjects.log(JobType.CONTINUOUS, job_name, instance)
    return LogSource(subject, APPLICATION_LOG, _never, is_continuous=True)


async def get_job_log(request: web.Request) -> web.StreamResponse:
    """`GET /vfs/data/jobs/continuous/{job}/job.log` or `job_log.txt`: of all instances, as written."""
    return await _serve_continuous(request, JOB_LOG)


async def get_application_log(request: web.Request) -> web.StreamResponse:
    """`GET /vfs/LogFiles/Application/continuous/{job}.log`: all that the job wrote."""
    return await _serve_continuous(request, APPLICATION_LOG)


async def _serve_continuous(request: web.Request, file_name: str) -> web.StreamResponse:
    definition = await request.app[DEFINITIONS].get(JobType.CONTINUOUS, request_context.job_name(request))
    subject = request.app[BUS].subjects.log(JobType.CONTINUOUS, definition.job_name, "*")
    return await _serve(request, LogSource(subject, file_name, _never, is_continuous=True))


async def current_run(request: web.Request) -> RunView:
    """The run that the address names; one that has ended by now is never taken for one that goes on."""
    definition, run = await known_run(request)
    if is_terminal(run.status):
        return run
    return await request.app[RUNS].newest_view(definition.job_name, run.run_id) or run


async def _serve(
    request: web.Request, source: LogSource, *, start: int = 0, must_have_text: bool = False
) -> web.StreamResponse:
    follow = request_context.is_set(request, "follow")
    if source.final is not None and source.final.size is not None:
        return await _serve_whole(request, source, start, source.final.size)
    bus, tails = request.app[BUS], request.app[LIVE].tails
    reading = aclosing(read_log(bus, source, start=start))
    async with following(bus, tails, source, start=start) if follow else reading as pieces:
        # Look before the answer begins: afterwards it is too late for a 404 or a 503.
        first = None if follow else await anext(pieces, None)
        if must_have_text and first is None and not follow:
            raise LogNotFound(source.file_name)
        response = _response(200)
        await response.prepare(request)
        if request.method != "HEAD":
            await _write(request, response, first, pieces)
        return response


async def _serve_whole(request: web.Request, source: LogSource, start: int, size: int) -> web.StreamResponse:
    """A log whose size is known: the client gets so many bytes, or sees that it did not."""
    try:
        part = range_of(size, request.headers.get("Range")) if "If-Range" not in request.headers else None
    except RangeNotSatisfiable as error:
        headers = {**_HEADERS, "Content-Range": f"bytes */{size}"}
        return web.Response(status=status_of(error), text=str(error), headers=headers)
    start, stop = part or (min(start, size), size)
    reading = read_log(request.app[BUS], source._replace(final=FinalLog(stop)), start=start)
    async with aclosing(reading) as pieces:
        first = None if request.method == "HEAD" else await anext(pieces, None)
        response = _response(206 if part else 200)
        response.headers["Accept-Ranges"] = "bytes"
        if part:
            response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        if first is None or not first.gap:
            response.content_length = stop - start
        elif part:
            raise LogIncomplete(source.file_name, start, size)
        await response.prepare(request)
        if request.method != "HEAD":
            await _write(request, response, first, pieces, stop)
        return response


def _response(status: int) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers=_HEADERS)
    response.content_type, response.charset = "text/plain", "utf-8"
    return response


async def _write(
    request: web.Request,
    response: web.StreamResponse,
    first: Piece | None,
    rest: AsyncGenerator[Piece, None],
    stop: int | None = None,
) -> None:
    """Send the pieces up to the offset `stop`; when the rest does not come, break the connection off."""
    try:
        piece = first or await anext(rest, None)
        while piece is not None:
            beyond = max(0, piece.end - stop) if stop is not None else 0
            data = piece.data[: len(piece.data) - beyond]
            await response.write(_gap_line(piece.gap) + data if piece.gap else data)
            piece = await anext(rest, None)
    except (BusUnavailable, LogIncomplete) as error:
        log.warning("log cut off", path=request.path, error=str(error))
        if request.transport is not None:
            request.transport.abort()  # an answer that ended in good order would pass for the whole log
        return
    await response.write_eof()


def _gap_line(size: int) -> bytes:
    mark = line_mark(datetime.now(UTC), "api", "SYS WARN")
    return b"%b%d bytes are missing here: they were removed.\n" % (mark, size)


async def _never(known: FinalLog | None) -> FinalLog:
    """Return when a continuous job writes no more: that cannot be known."""
    end: asyncio.Future[FinalLog] = asyncio.get_running_loop().create_future()
    return await end
