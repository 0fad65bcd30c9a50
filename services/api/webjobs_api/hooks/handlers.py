"""Handlers that make, show and remove hooks. Source: Kudu, WebHooksController.cs."""

from datetime import UTC, datetime

import msgspec
from aiohttp import web
from webjobs_events.jetstream import Bus

from webjobs_api.hooks.connector import refuse_forbidden
from webjobs_api.hooks.deliverer import stream_of
from webjobs_api.hooks.errors import HookNotFound, InvalidHook
from webjobs_api.hooks.hook import Source, event_name
from webjobs_api.hooks.hook_request import hook_of
from webjobs_api.hooks.hooks import HOOKS
from webjobs_api.hooks.responses import deliveries_json, hook_json
from webjobs_api.hooks.target import parse_target
from webjobs_api.http import request_context
from webjobs_api.http.json_body import json_text
from webjobs_api.http.keys import BUS, SETTINGS
from webjobs_api.http.problems import with_problems
from webjobs_api.http.tracing import trace_of

_MOST_DELIVERIES = 1000


async def create_hook(request: web.Request) -> web.Response:
    """`POST /api/hooks`: 201 with the hook, or with the one there is already."""
    hooks = request.app[HOOKS]
    hook = hook_of(await request.read(), request_context.base(request), {}, datetime.now(UTC))
    if not request.app[SETTINGS].hooks_allow_private:
        await refuse_forbidden(parse_target(hook.url).host or "")
    after = {source: await _end_of(request.app[BUS], source) for source in Source}
    made = await hooks.create(msgspec.structs.replace(hook, after=after))
    response = request_context.json(hook_json(made, hooks.latest_state(made)))
    response.set_status(201)
    return response


async def list_hooks(request: web.Request) -> web.Response:
    """`GET /api/hooks`: oldest first."""
    hooks = request.app[HOOKS]
    return request_context.json([hook_json(hook, hooks.latest_state(hook)) for hook in hooks.all()])


async def get_hook(request: web.Request) -> web.Response:
    """`GET /api/hooks/{hook}`."""
    hooks = request.app[HOOKS]
    hook = await hooks.get(request.match_info["hook"])
    return request_context.json(hook_json(hook, hooks.latest_state(hook)))


async def delete_hook(request: web.Request) -> web.Response:
    """`DELETE /api/hooks/{hook}`: 200, also when there is none."""
    hooks = request.app[HOOKS]
    try:
        hook = await hooks.get(request.match_info["hook"])
    except HookNotFound:
        return web.Response()
    await hooks.remove(hook)
    return web.Response()


@with_problems
async def list_deliveries(request: web.Request) -> web.Response:
    """`GET /api/hooks/{hook}/deliveries`: every try that is kept, newest first."""
    hooks = request.app[HOOKS]
    hook = await hooks.get(request.match_info["hook"])
    limit = request.query.get("limit", "100")
    if not (limit.isascii() and limit.isdigit() and len(limit) < 6 and 1 <= int(limit) <= _MOST_DELIVERIES):
        raise InvalidHook(f"limit must be a number of 1 to {_MOST_DELIVERIES}, not {limit[:50]!r}")
    return request_context.json(deliveries_json((await hooks.attempts(hook))[: int(limit)]))


async def publish(request: web.Request) -> web.Response:
    """`POST /api/hooks/publish/{event}`: send the body to every hook of this event."""
    name = event_name(request.match_info["event"], publishable=True)
    body = json_text(await request.read())
    try:
        body.decode("utf-8")
        msgspec.json.decode(body, type=msgspec.Raw)  # looked through, but not built
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidHook(f"what is published must be JSON ({str(error).rstrip('.')})") from error
    bus = request.app[BUS]
    await bus.publish(bus.subjects.published(name), body, trace=trace_of(request))
    return web.Response()


async def _end_of(bus: Bus, source: Source) -> int:
    return await bus.last_sequence(stream_of(bus, source))
