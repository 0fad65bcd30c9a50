"""Handlers for continuous jobs."""

from datetime import UTC, datetime

from aiohttp import web
from webjobs_events.commands import StartContinuousJob, StopContinuousJob
from webjobs_events.job import JobType

from webjobs_api import exchange
from webjobs_api.job_commands import new_command_id
from webjobs_api.keys import COMMANDS, DEFINITIONS, HISTORY, RUNNERS
from webjobs_api.requests import requested_by
from webjobs_api.responses import (
    ContinuousJobJson,
    continuous_job_json,
    continuous_status,
    in_name_order,
)


async def list_jobs(request: web.Request) -> web.Response:
    """`GET /api/jobs/continuous`."""
    return exchange.json(await all_jobs(request))


async def get_job(request: web.Request) -> web.Response:
    """`GET /api/jobs/continuous/{job}`."""
    definition = await request.app[DEFINITIONS].get(JobType.CONTINUOUS, exchange.job_name(request))
    instances = await request.app[HISTORY].statuses([definition.job_name])
    status = continuous_status(
        definition, instances.get(definition.job_name, []), request.app[RUNNERS].is_alive
    )
    return exchange.json(continuous_job_json(definition, status, exchange.urls(request)))


async def start_job(request: web.Request) -> web.Response:
    """`POST /api/jobs/continuous/{job}/start`."""
    await change_state(request, StartContinuousJob)
    return web.Response()


async def stop_job(request: web.Request) -> web.Response:
    """`POST /api/jobs/continuous/{job}/stop`."""
    await change_state(request, StopContinuousJob)
    return web.Response()


async def change_state(
    request: web.Request, command_type: type[StartContinuousJob] | type[StopContinuousJob]
) -> None:
    """Enable or disable the continuous job that the address names.

    Raises:
        JobNotFound: There is no such job.
        WebJobsError: As `JobCommands.send`.
    """
    definition = await request.app[DEFINITIONS].get(JobType.CONTINUOUS, exchange.job_name(request))
    await request.app[COMMANDS].send(
        command_type(
            command_id=new_command_id(command_type.verb),
            job_type=JobType.CONTINUOUS,
            job_name=definition.job_name,
            requested_at=datetime.now(UTC),
            requested_by=requested_by(request.headers.get("User-Agent")),
        )
    )


async def all_jobs(request: web.Request) -> list[ContinuousJobJson]:
    """Every continuous job, in name order."""
    definitions = in_name_order(request.app[DEFINITIONS].all_of(JobType.CONTINUOUS))
    if not definitions:
        return []
    instances = await request.app[HISTORY].statuses()
    urls, is_alive = exchange.urls(request), request.app[RUNNERS].is_alive
    return [
        continuous_job_json(each, continuous_status(each, instances.get(each.job_name, []), is_alive), urls)
        for each in definitions
    ]
