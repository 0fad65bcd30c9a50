"""The handlers of `/api/runs`: the runs of all jobs, and each of them."""

from datetime import UTC, datetime

from aiohttp import web
from webjobs_rules.job import JobType

from webjobs_api.backends.known_jobs import DEFINITIONS, KnownJobs
from webjobs_api.backends.run_filter import RunFilter, cursor_of, run_filter_of
from webjobs_api.backends.runs import RUNS
from webjobs_api.http import request_context
from webjobs_api.http.dialects import KUDU
from webjobs_api.http.known_run import known_run
from webjobs_api.http.measured_run import AllRuns, measured_run_json
from webjobs_api.http.problems import with_problems

PATH = "/api/runs"


@with_problems
async def list_runs(request: web.Request) -> web.Response:
    """`GET /api/runs`: what runs and what ran, of all jobs."""
    wanted = run_filter_of({name: request.query.getall(name) for name in request.query})
    wanted = of_defined_jobs(request.app[DEFINITIONS], wanted)
    page = await request.app[RUNS].of_all(wanted)
    base, now, following = request_context.base(request), datetime.now(UTC), None
    if page.next is not None:
        query = request.rel_url.update_query(before=cursor_of(page.next)).raw_query_string
        following = f"{base}{PATH}?{query}"
    runs = [measured_run_json(run, KUDU.urls(base), now) for run in page.runs]
    response = request_context.show(request, AllRuns(runs, following))
    if following is not None:
        response.headers["Link"] = f'<{following}>; rel="next"'
    return response


@with_problems
async def get_run(request: web.Request) -> web.Response:
    """`GET /api/runs/{job}/{id}`: one run, with what it has used."""
    _, run = await known_run(request)
    urls = KUDU.urls(request_context.base(request))
    return request_context.show(request, measured_run_json(run, urls, datetime.now(UTC)))


def of_defined_jobs(definitions: KnownJobs, wanted: RunFilter) -> RunFilter:
    """The filter with names of jobs as their owners spell them.

    A name of no job stays as it is: its runs may be kept.
    """
    spelled = {each.job_name for each in definitions.all_of(JobType.TRIGGERED)}
    lower = {name.lower(): name for name in spelled}
    return wanted.with_jobs(
        name if name in spelled else lower.get(name.lower(), name) for name in wanted.job_names
    )
