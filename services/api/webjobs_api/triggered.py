"""Handlers for triggered jobs and their runs."""

from datetime import UTC, datetime

from aiohttp import web
from webjobs_events.job import JobDefinition, JobType
from webjobs_events.queries import RunView
from webjobs_events.run_id import parse_run_id

from webjobs_api import exchange
from webjobs_api.errors import RunNotFound
from webjobs_api.keys import DEFINITIONS, INVOCATIONS, RUNS
from webjobs_api.requests import requested_by, run_arguments
from webjobs_api.responses import (
    TriggeredJobJson,
    in_name_order,
    run_json,
    runs_json,
    triggered_job_json,
)


async def list_jobs(request: web.Request) -> web.Response:
    """`GET /api/jobs/triggered`."""
    return exchange.json(await all_jobs(request))


async def get_job(request: web.Request) -> web.Response:
    """`GET /api/jobs/triggered/{job}`."""
    definition = await request.app[DEFINITIONS].get(JobType.TRIGGERED, exchange.job_name(request))
    latest = await request.app[RUNS].latest(definition.job_name)
    return exchange.json(triggered_job_json(definition, latest, exchange.urls(request), datetime.now(UTC)))


async def run_job(request: web.Request) -> web.Response:
    """`POST /api/jobs/triggered/{job}/run`."""
    name = exchange.job_name(request)
    await request.app[DEFINITIONS].get(JobType.TRIGGERED, name)
    run_id = await request.app[INVOCATIONS].start(
        name,
        run_arguments(request.query.get("arguments")),
        requested_by(request.headers.get("User-Agent")),
        datetime.now(UTC),
    )
    return web.Response(status=202, headers={"Location": exchange.urls(request).run(name, run_id)})


async def get_history(request: web.Request) -> web.Response:
    """`GET /api/jobs/triggered/{job}/history`."""
    definition = await request.app[DEFINITIONS].get(JobType.TRIGGERED, exchange.job_name(request))
    runs = await request.app[RUNS].of_job(definition.job_name)
    return exchange.json(runs_json(runs, exchange.urls(request), datetime.now(UTC)))


async def get_run(request: web.Request) -> web.Response:
    """`GET /api/jobs/triggered/{job}/history/{id}`."""
    _, run = await known_run(request)
    return exchange.json(run_json(run, exchange.urls(request), datetime.now(UTC)))


async def all_jobs(request: web.Request) -> list[TriggeredJobJson]:
    """Every triggered job, in name order."""
    definitions = in_name_order(request.app[DEFINITIONS].all_of(JobType.TRIGGERED))
    if not definitions:
        return []
    latest = await request.app[RUNS].latest_of([each.job_name for each in definitions])
    urls, now = exchange.urls(request), datetime.now(UTC)
    return [triggered_job_json(each, latest.get(each.job_name), urls, now) for each in definitions]


async def known_run(request: web.Request) -> tuple[JobDefinition, RunView]:
    """The job and the run that the address names.

    Raises:
        JobNotFound: There is no such job, even if history still knows its runs.
        RunNotFound: The job has no such run.
    """
    definition = await request.app[DEFINITIONS].get(JobType.TRIGGERED, exchange.job_name(request))
    run_id = parse_run_id(request.match_info["id"])
    run = await request.app[RUNS].find(definition.job_name, run_id)
    if run is None:
        raise RunNotFound(definition.job_name, run_id)
    return definition, run
