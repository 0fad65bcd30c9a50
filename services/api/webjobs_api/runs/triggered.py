"""Handlers for triggered jobs and their runs."""

from datetime import UTC, datetime

from aiohttp import web
from msgspec.structs import replace
from webjobs_events.arguments import too_long
from webjobs_events.job import JobDefinition, JobName, JobType
from webjobs_events.queries import RunView
from webjobs_events.run_id import parse_run_id

from webjobs_api.http import request_context
from webjobs_api.http.errors import RunNotFound
from webjobs_api.http.keys import DEFINITIONS, IDEMPOTENT_INVOCATIONS, INVOCATIONS, RUNS, TICKS
from webjobs_api.http.kudu_responses import KuduTriggeredJob
from webjobs_api.http.legacy_responses import JobJson, in_name_order
from webjobs_api.http.problems import with_problems
from webjobs_api.http.requests import IDEMPOTENCY_KEY, idempotency_key, page_of, requested_by
from webjobs_api.http.tracing import trace_of
from webjobs_api.runs.run_arguments import MAX_BODY_BYTES, given_arguments
from webjobs_api.runs.start import RunRequest


async def list_jobs(request: web.Request) -> web.Response:
    """`GET /api/jobs/triggered`."""
    beside = request.app[DEFINITIONS].settings_of(JobType.TRIGGERED)
    return request_context.show(request, await all_jobs(request), beside)


async def get_job(request: web.Request) -> web.Response:
    """`GET /api/jobs/triggered/{job}`."""
    definition = await request.app[DEFINITIONS].get(JobType.TRIGGERED, request_context.job_name(request))
    beside = [definition.settings, definition.all_warnings]
    answer = request_context.show(request, await job_json(request, definition), beside)
    return request_context.warned(answer, definition)


async def run_job(request: web.Request) -> web.StreamResponse:
    """`POST /api/jobs/triggered/{job}/run`; Kudu has no `Idempotency-Key`."""
    return await (_run_under_key if IDEMPOTENCY_KEY in request.headers else _run)(request)


async def _run(request: web.Request) -> web.Response:
    definition = await request.app[DEFINITIONS].get(JobType.TRIGGERED, request_context.job_name(request))
    arguments = await arguments_of(request) or None
    by = requested_by(request.headers.get("User-Agent"))
    return await started(request, RunRequest(definition, arguments, by, trace_of(request)))


_run_under_key = with_problems(_run)


async def arguments_of(request: web.Request) -> str | None:
    """The arguments in the query or the body; None when the request does not name any.

    Raises: As `given_arguments`.
    """
    body: bytes | None = b""
    if request.can_read_body:
        body = await request_context.read_at_most(request, MAX_BODY_BYTES)
    if body is None:
        raise too_long()
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

    ARM would poll after a 202, so it gets 200.
    """
    key, now = idempotency_key(request.headers.getall(IDEMPOTENCY_KEY, [])), datetime.now(UTC)
    if key is None:
        run_id = await request.app[INVOCATIONS].start(asked, now)
    else:
        run_id = await request.app[IDEMPOTENT_INVOCATIONS].start(asked, key, now)
    location = request_context.urls(request).run(asked.definition.job_name, run_id)
    return web.Response(
        status=200 if request_context.is_arm(request) else 202, headers={"Location": location}
    )


async def job_json(request: web.Request, definition: JobDefinition) -> JobJson:
    """A triggered job as this client wants it written."""
    latest = await request.app[RUNS].latest(definition.job_name)
    written = request_context.responses(request).triggered_job_json(
        definition, latest, request_context.urls(request), datetime.now(UTC)
    )
    return _with_scheduler_log(request, written)


async def all_jobs(request: web.Request) -> list[JobJson]:
    """Every triggered job, in name order."""
    definitions = in_name_order(request.app[DEFINITIONS].all_of(JobType.TRIGGERED))
    if not definitions:
        return []
    latest = await request.app[RUNS].latest_of([each.job_name for each in definitions])
    urls, now, written = request_context.urls(request), datetime.now(UTC), request_context.responses(request)
    return [
        _with_scheduler_log(request, written.triggered_job_json(each, latest.get(each.job_name), urls, now))
        for each in definitions
    ]


def _with_scheduler_log(request: web.Request, job: JobJson) -> JobJson:
    """The job with the address of its scheduler log, when that is not empty and this dialect names it."""
    name = JobName(job.name)
    if not isinstance(job, KuduTriggeredJob) or not request.app[TICKS].has_any(name):
        return job
    return replace(job, scheduler_logs_url=request_context.urls(request).scheduler_log(name))


async def known_run(request: web.Request) -> tuple[JobDefinition, RunView]:
    """The job and the run that the address names.

    Raises:
        JobNotFound: There is no such job, even if history still knows its runs.
        RunNotFound: The job has no such run.
    """
    definition = await request.app[DEFINITIONS].get(JobType.TRIGGERED, request_context.job_name(request))
    run_id = parse_run_id(request.match_info["id"])
    run = await request.app[RUNS].find(definition.job_name, run_id)
    if run is None:
        raise RunNotFound(definition.job_name, run_id)
    return definition, run
