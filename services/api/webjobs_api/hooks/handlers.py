"""Handlers that make, show, change, call and remove hooks. Source: Kudu, WebHooksController.cs."""

from datetime import UTC, datetime

import msgspec
from aiohttp import web
from webjobs_events.jetstream import Bus

from webjobs_api.hooks.calls import send_again, send_test
from webjobs_api.hooks.connector import refuse_forbidden
from webjobs_api.hooks.deliverer import stream_of
from webjobs_api.hooks.errors import HookNotFound, InvalidHook
from webjobs_api.hooks.hook import Hook, Source, event_name
from webjobs_api.hooks.hook_request import changed_hook, delivery_id_of, hook_of
from webjobs_api.hooks.hooks import HOOKS
from webjobs_api.hooks.responses import attempt_json, deliveries_json, hook_json
from webjobs_api.hooks.target import parse_target
from webjobs_api.http import request_context
from webjobs_api.http.json_body import json_text
from webjobs_api.http.keys import BUS, SETTINGS
from webjobs_api.http.problems import with_problems
from webjobs_api.http.tracing import trace_of

_MOST_DELIVERIES = 1000


async def create_hook(request: web.Request) -> web.Response:
    """`POST /api/hooks`: 201 with the hook, or with the one there is already."""
    response = _shown(request, await make_hook(request, await request_context.read_body(request)))
    response.set_status(201)
    return response


async def make_hook(request: web.Request, body: bytes) -> Hook:
    """Make the hook that a body asks for; returns the one there is, if it is the same.

    Raises:
        InvalidHook: Saying what is wrong with the body.
        HookConflict: Its url is called for something else.
        BusUnavailable: NATS does not answer.
    """
    hook = hook_of(body, request_context.base(request), {}, datetime.now(UTC))
    if not request.app[SETTINGS].hooks_allow_private:
        await refuse_forbidden(parse_target(hook.url).host or "")
    hook = msgspec.structs.replace(hook, after=await _ends(request.app[BUS]))
    return await request.app[HOOKS].create(hook)


async def list_hooks(request: web.Request) -> web.Response:
    """`GET /api/hooks`: oldest first."""
    hooks = request.app[HOOKS]
    return request_context.json([hook_json(hook, hooks.latest_state(hook)) for hook in hooks.all()])


async def get_hook(request: web.Request) -> web.Response:
    """`GET /api/hooks/{hook}`."""
    return _shown(request, await hook_asked_for(request))


async def patch_hook(request: web.Request) -> web.Response:
    """`PATCH /api/hooks/{hook}`: the hook as it is then."""
    hook = await hook_asked_for(request)
    return _shown(request, await change_hook(request, hook, await request_context.read_body(request)))


async def change_hook(request: web.Request, hook: Hook, body: bytes) -> Hook:
    """Change what a body asks for; it counts for events that are not delivered yet too.

    Raises:
        InvalidHook: Saying what is wrong with the body.
        HookChanged: Another client changed it at the same time.
        BusUnavailable: NATS does not answer.
    """
    changed = changed_hook(hook, body, await _ends(request.app[BUS]))
    if changed != hook:
        await request.app[HOOKS].change(hook, changed)
    return changed


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
    hook = await hook_asked_for(request)
    limit = request.query.get("limit", "100")
    if not (limit.isascii() and limit.isdigit() and len(limit) < 6 and 1 <= int(limit) <= _MOST_DELIVERIES):
        raise InvalidHook(f"limit must be a number of 1 to {_MOST_DELIVERIES}, not {limit[:50]!r}")
    return request_context.json(deliveries_json((await request.app[HOOKS].attempts(hook))[: int(limit)]))


@with_problems
async def call_as_test(request: web.Request) -> web.Response:
    """`POST /api/hooks/{hook}/test`: how the call went."""
    attempt = await send_test(request.app, await hook_asked_for(request))
    return request_context.json(attempt_json(attempt))


@with_problems
async def redeliver(request: web.Request) -> web.Response:
    """`POST /api/hooks/{hook}/deliveries`: how the call went."""
    hook = await hook_asked_for(request)
    delivery_id = delivery_id_of(await request_context.read_body(request))
    return request_context.json(attempt_json(await send_again(request.app, hook, delivery_id)))


async def publish(request: web.Request) -> web.Response:
    """`POST /api/hooks/publish/{event}`: send the body to every hook of this event."""
    name = event_name(request.match_info["event"], publishable=True)
    body = json_text(await request_context.read_body(request))
    try:
        body.decode("utf-8")
        msgspec.json.decode(body, type=msgspec.Raw)  # looked through, but not built
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidHook(f"what is published must be JSON ({str(error).rstrip('.')})") from error
    bus = request.app[BUS]
    await bus.publish(bus.subjects.published(name), body, trace=trace_of(request))
    return web.Response()


async def hook_asked_for(request: web.Request) -> Hook:
    """The hook in the address.

    Raises:
        HookNotFound: There is none.
        BusUnavailable: It is not known here, and NATS does not answer.
    """
    return await request.app[HOOKS].get(request.match_info["hook"])


def _shown(request: web.Request, hook: Hook) -> web.Response:
    return request_context.json(hook_json(hook, request.app[HOOKS].latest_state(hook)))


async def _ends(bus: Bus) -> dict[Source, int]:
    return {source: await bus.last_sequence(stream_of(bus, source)) for source in Source}
