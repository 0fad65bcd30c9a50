"""The forms of the overview that acknowledge what needs attention, and withdraw that."""

from collections.abc import Awaitable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from aiohttp import web
from webjobs_rules.errors import WebJobsError
from webjobs_rules.job import JobType
from webjobs_rules.schedule import known_zone

from webjobs_api.http import request_context
from webjobs_api.http.keys import LIVE_SETTINGS
from webjobs_api.http.sessions import next_path
from webjobs_api.overview.acknowledge import acknowledge, acknowledge_hook, state_of, withdraw
from webjobs_api.overview.acknowledge_request import terms_of, until_of
from webjobs_api.overview.attention import AttentionKind
from webjobs_api.overview.errors import InvalidAcknowledgement
from webjobs_api.pages.form_fields import form_fields
from webjobs_api.pages.overview import show_index


async def acknowledge_one(request: web.Request) -> web.Response:
    """`POST /pages/acknowledgements`: one reason of one job or hook; back to the overview."""
    return await _done(request, _acknowledge(request))


async def withdraw_one(request: web.Request) -> web.Response:
    """`POST /pages/acknowledgements/{acknowledgement}/withdraw`: back to the overview."""
    return await _done(request, _withdraw(request))


async def _acknowledge(request: web.Request) -> str:
    form, now = await form_fields(request), datetime.now(UTC)
    hook = form.get("hook", "")
    try:
        kind = AttentionKind(form.get("kind", ""))
        job_type = None if hook else JobType(form.get("type", ""))
    except ValueError as error:
        raise InvalidAcknowledgement(str(error)) from error
    zone = ZoneInfo(known_zone(request.app[LIVE_SETTINGS].get("WEBSITE_TIME_ZONE")))
    until = until_of(form.get("until", ""), now, zone)
    terms = terms_of(until, form.get("note", ""), now, frozenset({kind}))
    if job_type is None:
        await acknowledge_hook(request, hook, terms, now)
    else:
        state = await state_of(request.app, now)
        await acknowledge(request, state, job_type, form.get("job", ""), terms, now)
    return form.get("back", "")


async def _withdraw(request: web.Request) -> str:
    form = await form_fields(request)
    await withdraw(request, request.match_info["acknowledgement"])
    return form.get("back", "")


async def _done(request: web.Request, work: Awaitable[str]) -> web.Response:
    try:
        back = await work
    except WebJobsError as error:
        return await show_index(request, error)
    raise web.HTTPSeeOther(f"{request_context.root(request)}{next_path(back)}")
