"""The page that makes a job of a file: `GET /pages/new`, and the form behind it."""

from aiohttp import web
from webjobs_rules.errors import WebJobsError
from webjobs_rules.job import JobType

from webjobs_api.http import request_context
from webjobs_api.http.error_responses import status_of
from webjobs_api.http.negotiation import wants_page
from webjobs_api.http.urls import quoted
from webjobs_api.jobs.deploy import deploy_body
from webjobs_api.pages.frame import Page, page_urls, show

_PAGE = Page(template="new_job", title="New job", section="overview")


async def show_form(request: web.Request) -> web.Response:
    """`GET /pages/new`: with `?name=` and `?type=`, which a browser without scripts gives first."""
    return _show(request, request.query.get("name", ""), request.query.get("type", ""))


async def deploy_files(request: web.Request) -> web.Response:
    """`POST /pages/{type}/{job}/files`: to the job's page; the script of the page gets JSON."""
    job_type = request_context.job_type(request)
    is_script = not wants_page(request.headers.get("Accept", ""))
    try:
        name = await deploy_body(request, job_type, request_context.job_name(request), merge=False)
    except WebJobsError as error:
        if is_script:
            return web.json_response({"fault": str(error)}, status=status_of(error))
        return _show(request, request.match_info["job"], job_type.value, error)
    to = page_urls(request).page(job_type, name)
    if is_script:
        return web.json_response({"url": to})
    raise web.HTTPSeeOther(to)


def _show(request: web.Request, name: str, job_type: str, fault: WebJobsError | None = None) -> web.Response:
    chosen = job_type if job_type in set(JobType) else JobType.TRIGGERED.value
    action = f"{page_urls(request).base}/pages/{chosen}/{quoted(name)}/files" if name else ""
    view = {"name": name, "type": chosen, "action": action}
    return show(request, _PAGE, view, fault)
