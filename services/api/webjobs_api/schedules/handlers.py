"""Handlers for the schedule of a triggered job, and for its scheduler log."""

import asyncio
from datetime import UTC, datetime

from aiohttp import web
from webjobs_events.job import JobDefinition
from webjobs_rules.job import JobType

from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.ticks import TICKS
from webjobs_api.http import request_context
from webjobs_api.http.held_back import holding_schedules
from webjobs_api.http.keys import LIVE_SETTINGS
from webjobs_api.http.log_errors import LogNotFound
from webjobs_api.http.problems import with_problems
from webjobs_api.http.request_errors import InvalidPage
from webjobs_api.http.urls import SCHEDULER_LOG_FILE
from webjobs_api.schedules.errors import ScheduleMissing
from webjobs_api.schedules.preview import LAST_TICKS, MOST_DUE_TIMES, ScheduleJson, schedule_json
from webjobs_api.schedules.scheduler_log import scheduler_log
from webjobs_api.schedules.typed_schedule import TypedScheduleJson, typed_schedule

_LOG_LINES = 10_000  # about the one megabyte that Kudu keeps
_DEFAULT_COUNT = 10
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@with_problems
async def get_schedule(request: web.Request) -> web.Response:
    """`GET /api/jobs/triggered/{job}/schedule?next=10`."""
    count = _count(request.query.get("next"))
    definition = await _triggered_job(request)
    return request_context.json(await schedule_of_job(request, definition, count))


async def schedule_of_job(request: web.Request, definition: JobDefinition, count: int) -> ScheduleJson:
    """A triggered job's schedule with its next `count` due times and the last recorded ticks.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    ticks = await request.app[TICKS].latest(definition.job_name, LAST_TICKS)
    settings = request.app[LIVE_SETTINGS]
    holding = holding_schedules(settings)
    return await asyncio.to_thread(  # a hundred due times of a rare schedule take a fraction of a second
        schedule_json,
        definition,
        site_zone=settings.get("WEBSITE_TIME_ZONE"),
        held_back=f"{holding} is set." if holding else None,
        ticks=ticks,
        count=count,
        urls=request_context.urls(request),
        now=datetime.now(UTC),
    )


@with_problems
async def preview_schedule(request: web.Request) -> web.Response:
    """`GET /api/schedules/preview?schedule=0 0 2 * * *&time_zone=Europe/Berlin&next=5`."""
    count = _count(request.query.get("next"))
    typed = request.query.get("schedule", ""), request.query.get("time_zone", "")
    found = await schedule_as_typed(request, *typed, count)
    if found is None:
        raise ScheduleMissing
    return request_context.json(found)


async def schedule_as_typed(
    request: web.Request, expression: str, time_zone: str, count: int
) -> TypedScheduleJson | None:
    """A schedule that no job has yet, with its next `count` due times; None for a blank one.

    Raises:
        InvalidJobSettings: As a job's settings with this schedule and zone would be refused.
    """
    site_zone = request.app[LIVE_SETTINGS].get("WEBSITE_TIME_ZONE")
    return await asyncio.to_thread(typed_schedule, expression, time_zone, site_zone, count, datetime.now(UTC))


async def get_scheduler_log(request: web.Request) -> web.Response:
    """`GET /vfs/data/jobs/triggered/{job}/job_scheduler.log`."""
    definition = await _triggered_job(request)
    ticks = await request.app[TICKS].latest(definition.job_name, _LOG_LINES)
    if not ticks:
        raise LogNotFound(SCHEDULER_LOG_FILE)
    return web.Response(text=scheduler_log(ticks), headers=_HEADERS)


async def _triggered_job(request: web.Request) -> JobDefinition:
    return await request.app[DEFINITIONS].get(JobType.TRIGGERED, request_context.job_name(request))


def _count(text: str | None) -> int:
    if text is None:
        return _DEFAULT_COUNT
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) <= MOST_DUE_TIMES):
        raise InvalidPage("next", f"it must be a whole number from 0 to {MOST_DUE_TIMES}")
    return int(text)
