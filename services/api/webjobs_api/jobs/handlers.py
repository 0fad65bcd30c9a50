"""Handlers for jobs of either type: the list of all, and the settings of one."""

import asyncio
from typing import Any

from aiohttp import web
from webjobs_events.commands import ChangeJobSettings
from webjobs_events.job import JobDefinition, JobType
from webjobs_events.settings_check import MAX_SETTINGS_BYTES, check_bounds

from webjobs_api.backends.known_job import require_readable
from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.http import request_context
from webjobs_api.http.errors import UploadTooLarge
from webjobs_api.http.legacy_responses import JobJson
from webjobs_api.http.requests import arm_settings_of, settings_of
from webjobs_api.http.viewer import visible
from webjobs_api.jobs import continuous, triggered
from webjobs_api.jobs.commands import COMMANDS, command_from


async def list_jobs(request: web.Request) -> web.Response:
    """`GET /api/jobs`: triggered jobs first, as in Kudu."""
    beside = [request.app[DEFINITIONS].settings_of(each) for each in JobType]
    return request_context.show(request, await all_jobs(request), beside)


async def get_settings(request: web.Request) -> web.Response:
    """`GET /api/jobs/{type}/{job}/settings`."""
    definition = await request.app[DEFINITIONS].get(
        request_context.job_type(request), request_context.job_name(request)
    )
    return request_context.json(visible(request, definition).settings)


async def put_settings(request: web.Request) -> web.Response:
    """`PUT /api/jobs/{type}/{job}/settings`."""
    definition = await request.app[DEFINITIONS].get(
        request_context.job_type(request), request_context.job_name(request)
    )
    await change_settings(request, definition, settings_of(await _small_body(request)))
    changed = await request.app[DEFINITIONS].get(definition.job_type, definition.job_name)
    answer = request_context.responses(request).settings_changed_json(changed)
    return request_context.warned(web.Response() if answer is None else request_context.json(answer), changed)


async def put_arm_settings(request: web.Request) -> web.Response:
    """`PUT /api/{type}webjobs/{job}` with ARM's JSON: sets the settings only; answers the job."""
    definition = await request.app[DEFINITIONS].get(
        request_context.job_type(request), request_context.job_name(request)
    )
    await change_settings(request, definition, arm_settings_of(await _small_body(request)))
    changed = await request.app[DEFINITIONS].get(definition.job_type, definition.job_name)
    answer = request_context.enveloped(request, await job_json(request, changed))
    return request_context.warned(request_context.json(answer), changed)


async def job_json(request: web.Request, definition: JobDefinition) -> JobJson:
    """A job of either type as this client wants it written."""
    is_triggered = definition.job_type is JobType.TRIGGERED
    return await (triggered.job_json if is_triggered else continuous.job_json)(request, definition)


async def all_jobs(request: web.Request) -> list[JobJson]:
    """Every job: triggered ones first, each type in name order."""
    first, second = await asyncio.gather(triggered.all_jobs(request), continuous.all_jobs(request))
    return [*first, *second]


async def _small_body(request: web.Request) -> bytes:
    body = await request_context.read_at_most(request, MAX_SETTINGS_BYTES)
    if body is None:
        raise UploadTooLarge(MAX_SETTINGS_BYTES)
    return body


async def change_settings(request: web.Request, definition: JobDefinition, settings: dict[str, Any]) -> None:
    """Let a job have other settings, all of them.

    Raises:
        UnreadableDefinition: Its stored definition cannot be read.
        InvalidJobSettings: They are too many or too large.
        WebJobsError: As `JobCommands.send`.
    """
    require_readable(definition)
    check_bounds(settings)
    await request.app[COMMANDS].send(
        command_from(request, ChangeJobSettings, definition.job_type, definition.job_name, settings=settings)
    )
