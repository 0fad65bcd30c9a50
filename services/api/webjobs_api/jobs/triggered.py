"""Handlers for triggered jobs."""

from datetime import UTC, datetime

from aiohttp import web
from msgspec.structs import replace
from webjobs_events.job import JobDefinition
from webjobs_rules.job import JobName, JobType

from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.runs import RUNS
from webjobs_api.backends.ticks import TICKS
from webjobs_api.http import request_context
from webjobs_api.http.kudu_responses import KuduTriggeredJob
from webjobs_api.http.legacy_responses import JobJson, in_name_order
from webjobs_api.http.viewer import visible


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


async def job_json(request: web.Request, definition: JobDefinition) -> JobJson:
    """A triggered job as this client wants it written."""
    latest = await request.app[RUNS].latest(definition.job_name)
    written = request_context.responses(request).triggered_job_json(
        visible(request, definition), latest, request_context.urls(request), datetime.now(UTC)
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
        _with_scheduler_log(
            request,
            written.triggered_job_json(visible(request, each), latest.get(each.job_name), urls, now),
        )
        for each in definitions
    ]


def _with_scheduler_log(request: web.Request, job: JobJson) -> JobJson:
    """The job with the address of its scheduler log, when that is not empty and this dialect names it."""
    name = JobName(job.name)
    if not isinstance(job, KuduTriggeredJob) or not request.app[TICKS].has_any(name):
        return job
    return replace(job, scheduler_logs_url=request_context.urls(request).scheduler_log(name))
