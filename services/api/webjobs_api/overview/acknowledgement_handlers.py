"""The handlers for acknowledgements of what needs attention."""

from datetime import UTC, datetime

from aiohttp import web

from webjobs_api.backends.history import HISTORY
from webjobs_api.http import request_context
from webjobs_api.http.problems import with_problems
from webjobs_api.overview.acknowledge import (
    acknowledge,
    acknowledge_hook,
    hooks_acknowledged,
    state_of,
    withdraw,
)
from webjobs_api.overview.acknowledge_request import NamedHook, acknowledge_request_of
from webjobs_api.overview.acknowledged import is_over
from webjobs_api.overview.acknowledgement_json import given_json, hook_json, listed_json

PATH = "/api/acknowledgements"

_MAX_BODY_BYTES = 64 * 1024


@with_problems
async def list_acknowledgements(request: web.Request) -> web.Response:
    """`GET /api/acknowledgements`: those in force, by job, then those of hooks."""
    now = datetime.now(UTC)
    rows = [each for each in await request.app[HISTORY].acknowledgements() if not is_over(each, now)]
    of_hooks = [hook_json(each) for each in hooks_acknowledged(request.app, now)]
    return request_context.json([*listed_json(rows), *of_hooks])


@with_problems
async def give_acknowledgement(request: web.Request) -> web.Response:
    """`POST /api/acknowledgements`: 201, or 200 when the same one is in force already."""
    body = await request_context.read_body(request, _MAX_BODY_BYTES)
    now = datetime.now(UTC)
    named, terms = acknowledge_request_of(body, now)
    if isinstance(named, NamedHook):
        of_hook, is_new = await acknowledge_hook(request, named.hook, terms, now)
        answer = hook_json(of_hook)
    else:
        state = await state_of(request.app, now)
        given, is_new = await acknowledge(request, state, named.type, named.job, terms, now)
        answer = given_json(given)
    response = request_context.json(answer)
    response.set_status(201 if is_new else 200)
    return response


@with_problems
async def withdraw_acknowledgement(request: web.Request) -> web.Response:
    """`DELETE /api/acknowledgements/{acknowledgement}`: 204."""
    await withdraw(request, request.match_info["acknowledgement"])
    return web.Response(status=204)
