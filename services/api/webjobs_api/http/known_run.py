"""The run that an address names."""

from aiohttp import web
from webjobs_events.job import JobDefinition
from webjobs_events.queries import RunView
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import parse_run_id

from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.runs import RUNS
from webjobs_api.http import request_context
from webjobs_api.http.run_errors import RunNotFound


async def known_run(request: web.Request) -> tuple[JobDefinition, RunView]:
    """The job and the run that the address names.

    Raises:
        JobNotFound: There is no such job, even if history still knows its runs.
        RunNotFound: The job has no such run.
    """
    definition = await request.app[DEFINITIONS].get(JobType.TRIGGERED, request_context.job_name(request))
    return definition, await run_of(request, definition.job_name, request.match_info["id"])


async def run_of(request: web.Request, job_name: JobName, run_id: str) -> RunView:
    """The run of a job that has this id.

    Raises:
        InvalidRunId: It is no id of a run.
        RunNotFound: The job has no such run.
    """
    parsed = parse_run_id(run_id)
    run = await request.app[RUNS].find(job_name, parsed)
    if run is None:
        raise RunNotFound(job_name, parsed)
    return run
