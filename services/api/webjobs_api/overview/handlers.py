"""The handler for the overview of all jobs."""

from datetime import UTC, datetime

from aiohttp import web
from msgspec.structs import replace

from webjobs_api.http import request_context
from webjobs_api.http.dialects import KUDU
from webjobs_api.http.problems import with_problems
from webjobs_api.overview.read import read_overview
from webjobs_api.overview.selection import job_filter_of

PATH = "/api/overview"


@with_problems
async def get_overview(request: web.Request) -> web.Response:
    """`GET /api/overview`: all jobs at a glance."""
    wanted, base = job_filter_of(request.query), request_context.base(request)
    overview = await read_overview(request.app, wanted, KUDU.urls(base), datetime.now(UTC))
    if overview.after is None:
        return request_context.json(overview.json)
    following = f"{base}{PATH}?{request.rel_url.update_query(after=overview.after).raw_query_string}"
    response = request_context.json(replace(overview.json, next=following))
    response.headers["Link"] = f'<{following}>; rel="next"'
    return response
