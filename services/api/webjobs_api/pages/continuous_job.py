"""The page of a continuous job: `GET /pages/continuous/{job}`."""

from collections.abc import Sequence
from datetime import UTC, datetime

from aiohttp import web
from webjobs_events.errors import WebJobsError
from webjobs_events.job import JobDefinition, JobType
from webjobs_events.queries import InstanceView
from webjobs_events.status import Status

from webjobs_api.backends.history import HISTORY
from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.runners import RUNNERS
from webjobs_api.http import request_context
from webjobs_api.http.urls import quoted
from webjobs_api.http.viewer import visible
from webjobs_api.pages.formats import counted, rough
from webjobs_api.pages.frame import Page, live, page_urls, show, show_fault
from webjobs_api.pages.job_lines import status_of_all
from webjobs_api.pages.job_view import job_view


@live
async def show_continuous_job(request: web.Request, fault: WebJobsError | None = None) -> web.Response:
    """`GET /pages/continuous/{job}`: one job; `fault`: what a button could not do."""
    try:
        definition = await request.app[DEFINITIONS].get(JobType.CONTINUOUS, request_context.job_name(request))
        views = (await request.app[HISTORY].statuses([definition.job_name])).get(definition.job_name, [])
    except WebJobsError as error:
        return show_fault(request, fault or error)
    urls, now = page_urls(request), datetime.now(UTC)
    alive = request.app[RUNNERS].of_alive(views)
    view = {
        "job": job_view(visible(request, definition), urls),
        "status": status_of_all(definition, alive).value,
        "headline": headline(definition, alive, now),
        "instances": alive,
        "ends": {each.instance: _end(each) for each in alive},
        "job_log": urls.job_log(definition.job_name),
        "application_log": urls.application_log(definition.job_name),
    }
    page = Page(
        template="continuous",
        title=definition.job_name,
        section="overview",
        regions=("head", "instances"),
        events=f"type=continuous&job={quoted(definition.job_name)}",
    )
    return show(request, page, view, fault)


def headline(definition: JobDefinition, alive: Sequence[InstanceView], now: datetime) -> str:
    """What a continuous job does, as a sentence."""
    running = [view for view in alive if view.status is Status.RUNNING]
    if running:
        longest = rough((now - min(view.since for view in running)).total_seconds())
        return f"Running {longest} on {len(running)} of {counted(len(alive), 'runner')}."
    if definition.is_stopped:
        return "Stopped by request."
    if not alive:
        return "No runner has reported this job yet."
    waiting = next((view for view in alive if view.status is Status.PENDING_RESTART), None)
    if waiting is not None:
        return f"Ended and is started again: {_end(waiting) or 'no reason known'}."
    return f"{alive[0].status.value} on {counted(len(alive), 'runner')}."


def _end(view: InstanceView) -> str:
    if view.evidence:
        return view.evidence.removesuffix(".")
    if view.exit_code is not None:
        return f"exit code {view.exit_code}"
    return view.reason.value.replace("_", " ") if view.reason else ""
