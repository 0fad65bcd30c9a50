"""The page of a continuous job: `GET /pages/continuous/{job}`."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from aiohttp import web
from webjobs_events.job import JobDefinition
from webjobs_events.queries import InstanceView
from webjobs_rules.amounts import counted, took
from webjobs_rules.errors import WebJobsError
from webjobs_rules.job import JobType
from webjobs_rules.status import Status

from webjobs_api.backends.history import HISTORY
from webjobs_api.backends.instance_events import changes_since
from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.runners import RUNNERS
from webjobs_api.backends.usage import USAGE
from webjobs_api.http import request_context
from webjobs_api.http.keys import BUS
from webjobs_api.http.urls import Urls, quoted
from webjobs_api.http.viewer import visible
from webjobs_api.overview.job_facts import JobFacts
from webjobs_api.pages import terminal
from webjobs_api.pages.file_list import REGION, files_view
from webjobs_api.pages.frame import live, page_urls, show, show_fault
from webjobs_api.pages.instance_lines import instance_line
from webjobs_api.pages.instance_log import instance_log, named_instance, shown_log
from webjobs_api.pages.job_lines import status_of_all
from webjobs_api.pages.job_view import job_view, unusual
from webjobs_api.pages.log_lines import show_lines
from webjobs_api.pages.log_part import START_LINE
from webjobs_api.pages.page import Page
from webjobs_api.pages.starts import Start, starts_of
from webjobs_api.pages.uptime import uptime_of
from webjobs_api.pages.versions import REGIONS, restorable, versions_view
from webjobs_api.why.causes import causes_of
from webjobs_api.why.state import state_of
from webjobs_api.wording.sentence import Elapsed, Sentence

_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_MOST_EVENTS = 2000  # of the day that are read: the latest
_SHOWN = 20  # starts whose logs are listed


@live
async def show_continuous_job(request: web.Request, fault: WebJobsError | None = None) -> web.Response:
    """`GET /pages/continuous/{job}`: one job; `fault`: what a button could not do."""
    try:
        definition = await request.app[DEFINITIONS].get(JobType.CONTINUOUS, request_context.job_name(request))
        name, now = definition.job_name, datetime.now(UTC)
        views = (await request.app[HISTORY].statuses([name])).get(name, [])
        events = await changes_since(request.app[BUS], name, now - _DAY, _MOST_EVENTS)
        versions = await versions_view(request, definition)
        files = await files_view(request, definition)
        alive = request.app[RUNNERS].of_alive(views)
        causes = unusual(causes_of(await state_of(request.app, definition, instances=alive)))
    except WebJobsError as error:
        return show_fault(request, fault or error)
    urls, usage = page_urls(request), request.app[USAGE].of_job(name)
    starts = starts_of(events, alive)
    crashing = JobFacts(definition=definition, instances=alive).crash_loop(now)
    shown = crashing or next(iter(alive), None)
    instance = shown.instance if shown else starts[-1].instance if starts else ""
    log = await instance_log(request, name, starts, instance, is_crashing=crashing is not None)
    view = {
        "job": job_view(visible(request, definition), urls),
        "status": status_of_all(definition, alive).value,
        "causes": causes,
        "headline": crash_loop(crashing, starts, now) if crashing else headline(definition, alive),
        "next_start": next_start(crashing, starts) if crashing else None,
        "last_errors": log.last_errors,
        "uptime": uptime_of(starts, now - _DAY, now),
        "starts": [(start, _address(urls, name, start)) for start in starts[: -_SHOWN - 1 : -1]],
        "shown_start": log.start,
        "log": log.view,
        "start_line": START_LINE,
        "live_log": "" if log.view.is_at_end else None,
        "tools_events": "",
        "instances": [
            instance_line(definition, each, usage.get(each.instance), _end(each)) for each in alive
        ],
        "in_terminal": lambda shell: terminal.of_continuous_job(shell, name, restorable(versions)),
        "job_log": urls.job_log(name),
        "application_log": urls.application_log(name),
        **versions,
        **files,
    }
    page = Page(
        template="continuous",
        title=name,
        section="overview",
        regions=("head", "instances", "uptime", REGION, *REGIONS),
        events=f"type=continuous&job={quoted(name)}",
        is_remembered=True,
        path=Urls("").page(JobType.CONTINUOUS, name),
    )
    return show(request, page, view, fault)


async def show_instance_lines(request: web.Request) -> web.Response:
    """`GET /pages/continuous/{job}/lines`: lines of an instance's log alone, for the script of its page."""
    try:
        definition = await request.app[DEFINITIONS].get(JobType.CONTINUOUS, request_context.job_name(request))
        log = shown_log(request, definition.job_name, named_instance(request))
        return await show_lines(request, log)
    except WebJobsError as error:
        return show_fault(request, error)


def headline(definition: JobDefinition, alive: Sequence[InstanceView]) -> Sentence:
    """What a continuous job does, as a sentence."""
    running = [view for view in alive if view.status is Status.RUNNING]
    if running:
        longest = Elapsed(min(view.since for view in running), lead="")
        return Sentence("Running ", longest, f" on {len(running)} of {counted(len(alive), 'runner')}.")
    if definition.is_stopped:
        return Sentence("Stopped by request.")
    if not alive:
        return Sentence("No runner has reported this job yet.")
    waiting = next((view for view in alive if view.status is Status.PENDING_RESTART), None)
    if waiting is not None:
        return Sentence(f"Ended and is started again: {_end(waiting) or 'no reason known'}.")
    return Sentence(f"{alive[0].status.value} on {counted(len(alive), 'runner')}.")


def crash_loop(view: InstanceView, starts: Sequence[Start], now: datetime) -> Sentence:
    """What a crash loop does: `Crash loop: 14 starts in the last hour, exit code 1 after 1.0 s.`."""
    recent = sum(start.began is not None and start.began >= now - _HOUR for start in starts)
    last = next((each for each in reversed(starts) if each.instance == view.instance and each.ended), None)
    parts = [f"{counted(recent, 'start')} in the last hour"] if recent else []
    cause = last.cause if last else _end(view)
    after = f" after {took(last.length)}" if last and last.length is not None else ""
    return Sentence(f"Crash loop: {', '.join([*parts, (cause or 'no exit code') + after])}.")


def next_start(view: InstanceView, starts: Sequence[Start]) -> datetime | None:
    """When a job in a crash loop is started again; None while it runs."""
    own = [start for start in starts if start.instance == view.instance]
    return own[-1].restart_at if own else None


def _address(urls: Urls, job_name: str, start: Start) -> str:
    """Of the page with the log of a start."""
    query = {"instance": start.instance} | ({"start": start.key} if start.key else {})
    return f"{urls.page(JobType.CONTINUOUS, job_name)}?{urlencode(query)}#log"


def _end(view: InstanceView) -> str:
    if view.evidence:
        return view.evidence.removesuffix(".")
    if view.exit_code is not None:
        return f"exit code {view.exit_code}"
    return view.reason.value.replace("_", " ") if view.reason else ""
