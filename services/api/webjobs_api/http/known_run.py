"""The run that an address names."""

from aiohttp import web
from webjobs_events.job import JobDefinition, JobType
from webjobs_events.queries import RunView
from webjobs_events.run_id import parse_run_id

from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.runs import RUNS
from webjobs_api.http import request_context
from webjobs_api.http.errors import RunNotFound


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
