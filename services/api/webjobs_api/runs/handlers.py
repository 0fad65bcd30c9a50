"""Handlers for the runs of triggered jobs."""

from datetime import UTC, datetime

import msgspec
from aiohttp import web
from webjobs_rules.arguments import MAX_ARGUMENTS_BYTES
from webjobs_rules.job import JobType

from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.runs import RUNS
from webjobs_api.http import request_context
from webjobs_api.http.if_running import JoinedRunJson, if_running_of
from webjobs_api.http.known_run import known_run
from webjobs_api.http.problems import with_problems
from webjobs_api.http.requests import IDEMPOTENCY_KEY, idempotency_key, page_of
from webjobs_api.http.tracing import trace_of
from webjobs_api.http.upload_errors import UploadTooLarge
from webjobs_api.runs.idempotency import IDEMPOTENT_INVOCATIONS
from webjobs_api.runs.run_arguments import MAX_BODY_BYTES, given_arguments
from webjobs_api.runs.start import INVOCATIONS, RunRequest

_USE_A_FILE = f"Arguments have at most {MAX_ARGUMENTS_BYTES:,} bytes: put longer ones into a file of the job."


async def run_job(request: web.Request) -> web.StreamResponse:
    """`POST /api/jobs/triggered/{job}/run`; Kudu has no `Idempotency-Key`."""
    return await (_run_under_key if IDEMPOTENCY_KEY in request.headers else _run)(request)


async def _run(request: web.Request) -> web.Response:
    definition = await request.app[DEFINITIONS].get(JobType.TRIGGERED, request_context.job_name(request))
    arguments = await arguments_of(request) or None
    by = request_context.trigger(request)
    asked = RunRequest(definition, arguments, by, trace_of(request), if_running=if_running_of(request.query))
    return await started(request, asked)


_run_under_key = with_problems(_run)


async def arguments_of(request: web.Request) -> str | None:
    """The arguments in the query or the body; None when the request does not name any.

    Raises: As `given_arguments` and `read_at_most`.
        UploadTooLarge: The body is longer than any arguments.
    """
    body: bytes | None = b""
    if request.body_exists:
        body = await request_context.read_at_most(request, MAX_BODY_BYTES)
    if body is None:
        raise UploadTooLarge(MAX_BODY_BYTES, advice=_USE_A_FILE)
    return given_arguments(request.query, request.content_type, body)


async def get_history(request: web.Request) -> web.Response:
    """`GET /api/jobs/triggered/{job}/history`."""
    definition = await request.app[DEFINITIONS].get(JobType.TRIGGERED, request_context.job_name(request))
    runs = await request.app[RUNS].of_job(definition.job_name, page_of(request.query))
    written = request_context.responses(request)
    return request_context.show(
        request, written.runs_json(runs, request_context.urls(request), datetime.now(UTC))
    )


async def get_run(request: web.Request) -> web.Response:
    """`GET /api/jobs/triggered/{job}/history/{id}`."""
    _, run = await known_run(request)
    written = request_context.responses(request)
    return request_context.show(
        request, written.run_json(run, request_context.urls(request), datetime.now(UTC))
    )


async def started(request: web.Request, asked: RunRequest) -> web.Response:
    """Start a run, or with an `Idempotency-Key` the one that was started under it; answers where it is.

    A run that is joined is answered with 200 and its id. ARM would poll after a 202, so it gets 200 too.
    """
    key, now = idempotency_key(request.headers.getall(IDEMPOTENCY_KEY, [])), datetime.now(UTC)
    if key is None:
        run = await request.app[INVOCATIONS].start(asked, now)
    else:
        run = await request.app[IDEMPOTENT_INVOCATIONS].start(asked, key, now)
    name = asked.definition.job_name
    location = request_context.urls(request).run(name, run.run_id)
    if run.is_joined:
        body = msgspec.json.encode(JoinedRunJson(job=name, id=run.run_id))
        return web.Response(
            body=body, content_type="application/json", charset="utf-8", headers={"Location": location}
        )
    return web.Response(
        status=200 if request_context.is_arm(request) else 202, headers={"Location": location}
    )
