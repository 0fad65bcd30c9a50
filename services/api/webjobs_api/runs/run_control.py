"""Handlers that end a run, and that run it again."""

from datetime import UTC, datetime

from aiohttp import web

from webjobs_api.http import request_context
from webjobs_api.http.if_running import if_running_of
from webjobs_api.http.keys import BUS
from webjobs_api.http.known_run import known_run
from webjobs_api.http.problems import with_problems
from webjobs_api.http.request_errors import InvalidPage
from webjobs_api.http.requests import MOST_REASON
from webjobs_api.http.tracing import trace_of
from webjobs_api.runs.cancel_requests import cancel
from webjobs_api.runs.handlers import arguments_of, started
from webjobs_api.runs.start import RunRequest


@with_problems
async def cancel_run(request: web.Request) -> web.Response:
    """`DELETE …/history/{id}` and `POST …/history/{id}/cancel`."""
    definition, run = await known_run(request)
    reason = _reason(request.query.get("reason"))
    await cancel(request.app[BUS], run, request_context.trigger(request), datetime.now(UTC), reason)
    location = request_context.urls(request).run(definition.job_name, run.run_id)
    return web.Response(status=202, headers={"Location": location})


@with_problems
async def rerun(request: web.Request) -> web.Response:
    """`POST …/history/{id}/rerun`: the job as it is now, with the given arguments or those of that run."""
    definition, run = await known_run(request)
    given = await arguments_of(request)
    arguments = run.arguments if given is None else given or None
    by = request_context.trigger(request)
    if_running = if_running_of(request.query)
    asked = RunRequest(definition, arguments, by, trace_of(request), run.run_id, if_running)
    return await started(request, asked)


def _reason(given: str | None) -> str | None:
    if given is not None and not (given.strip() and len(given) <= MOST_REASON and given.isprintable()):
        raise InvalidPage("reason", f"give 1 to {MOST_REASON} printable characters on one line")
    return given.strip() if given else None
