"""Handlers for continuous jobs."""

from aiohttp import web
from webjobs_events.commands import RestartContinuousJob, StartContinuousJob, StopContinuousJob
from webjobs_events.job import JobDefinition
from webjobs_rules.job import JobType

from webjobs_api.backends.history import HISTORY
from webjobs_api.backends.known_job import require_readable
from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.runners import RUNNERS
from webjobs_api.http import request_context
from webjobs_api.http.job_errors import JobIsStopped, JobNotEnabled, JobsAreStopped
from webjobs_api.http.keys import LIVE_SETTINGS
from webjobs_api.http.legacy_responses import JobJson, in_name_order
from webjobs_api.http.viewer import visible
from webjobs_api.jobs.commands import COMMANDS, command_from

StateCommand = type[StartContinuousJob] | type[StopContinuousJob] | type[RestartContinuousJob]


async def list_jobs(request: web.Request) -> web.Response:
    """`GET /api/jobs/continuous`."""
    beside = request.app[DEFINITIONS].settings_of(JobType.CONTINUOUS)
    return request_context.show(request, await all_jobs(request), beside)


async def get_job(request: web.Request) -> web.Response:
    """`GET /api/jobs/continuous/{job}`."""
    definition = await request.app[DEFINITIONS].get(JobType.CONTINUOUS, request_context.job_name(request))
    beside = [definition.settings, definition.all_warnings]
    answer = request_context.show(request, await job_json(request, definition), beside)
    return request_context.warned(answer, definition)


async def start_job(request: web.Request) -> web.Response:
    """`POST /api/jobs/continuous/{job}/start`."""
    await change_state(request, StartContinuousJob)
    return web.Response()


async def stop_job(request: web.Request) -> web.Response:
    """`POST /api/jobs/continuous/{job}/stop`."""
    await change_state(request, StopContinuousJob)
    return web.Response()


async def restart_job(request: web.Request) -> web.Response:
    """`POST /api/jobs/continuous/{job}/restart`."""
    await change_state(request, RestartContinuousJob)
    return web.Response()


async def change_state(request: web.Request, command_type: StateCommand) -> None:
    """Enable, disable or restart the continuous job that the address names.

    Raises:
        JobNotFound: There is no such job.
        WebJobsError: As `change_state_of`.
    """
    definition = await request.app[DEFINITIONS].get(JobType.CONTINUOUS, request_context.job_name(request))
    await change_state_of(request, definition, command_type)


async def change_state_of(
    request: web.Request, definition: JobDefinition, command_type: StateCommand
) -> None:
    """Enable, disable or restart a continuous job.

    Raises:
        UnreadableDefinition: Its stored definition cannot be read.
        JobNotEnabled: It is to be started or restarted, and its own settings keep it stopped.
        JobIsStopped: It is to be restarted, and is disabled.
        JobsAreStopped: It is to be restarted, and WEBJOBS_STOPPED holds it back.
        WebJobsError: As `JobCommands.send`.
    """
    require_readable(definition)
    if command_type is not StopContinuousJob and definition.settings.get("enabled") is False:
        raise JobNotEnabled(definition.job_name)
    if command_type is RestartContinuousJob:
        if definition.disabled:
            raise JobIsStopped(definition.job_name)
        if request.app[LIVE_SETTINGS].flag("WEBJOBS_STOPPED"):
            raise JobsAreStopped
    await request.app[COMMANDS].send(
        command_from(request, command_type, JobType.CONTINUOUS, definition.job_name)
    )


async def job_json(request: web.Request, definition: JobDefinition) -> JobJson:
    """A continuous job as this client wants it written."""
    statuses = await request.app[HISTORY].statuses([definition.job_name])
    alive = request.app[RUNNERS].of_alive(statuses.get(definition.job_name, []))
    return request_context.responses(request).continuous_job_json(
        visible(request, definition), alive, request_context.urls(request)
    )


async def all_jobs(request: web.Request) -> list[JobJson]:
    """Every continuous job, in name order."""
    definitions = in_name_order(request.app[DEFINITIONS].all_of(JobType.CONTINUOUS))
    if not definitions:
        return []
    statuses = await request.app[HISTORY].statuses([each.job_name for each in definitions], may_lack=True)
    urls, written = request_context.urls(request), request_context.responses(request)
    return [
        written.continuous_job_json(
            visible(request, each), request.app[RUNNERS].of_alive(statuses.get(each.job_name, [])), urls
        )
        for each in definitions
    ]
