"""Handlers for jobs of either type: the list of all, and the settings of one."""

import asyncio
from datetime import UTC, datetime

from aiohttp import web
from webjobs_events.commands import ChangeJobSettings

from webjobs_api import continuous, exchange, triggered
from webjobs_api.errors import UploadTooLarge
from webjobs_api.job_commands import new_command_id
from webjobs_api.keys import COMMANDS, DEFINITIONS
from webjobs_api.requests import requested_by, settings_of
from webjobs_api.responses import ContinuousJobJson, TriggeredJobJson

MAX_SETTINGS_BYTES = 64 * 1024
"""More would not fit into an event."""


async def list_jobs(request: web.Request) -> web.Response:
    """`GET /api/jobs`: triggered jobs first, as the reference has it."""
    return exchange.json(await all_jobs(request))


async def get_settings(request: web.Request) -> web.Response:
    """`GET /api/jobs/{type}/{job}/settings`."""
    definition = await request.app[DEFINITIONS].get(exchange.job_type(request), exchange.job_name(request))
    return exchange.json(definition.settings)


async def put_settings(request: web.Request) -> web.Response:
    """`PUT /api/jobs/{type}/{job}/settings`."""
    definition = await request.app[DEFINITIONS].get(exchange.job_type(request), exchange.job_name(request))
    body = await request.read()
    if len(body) > MAX_SETTINGS_BYTES:
        raise UploadTooLarge(MAX_SETTINGS_BYTES)
    await request.app[COMMANDS].send(
        ChangeJobSettings(
            command_id=new_command_id(ChangeJobSettings.verb),
            job_type=definition.job_type,
            job_name=definition.job_name,
            requested_at=datetime.now(UTC),
            requested_by=requested_by(request.headers.get("User-Agent")),
            settings=settings_of(body),
        )
    )
    return web.Response()


async def all_jobs(request: web.Request) -> list[TriggeredJobJson | ContinuousJobJson]:
    """Every job: triggered ones first, each type in name order."""
    first, second = await asyncio.gather(triggered.all_jobs(request), continuous.all_jobs(request))
    return [*first, *second]
