"""The pages for people: all jobs, and one job with its runs and its buttons; without scripts."""

from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web
from webjobs_events.commands import StartContinuousJob, StopContinuousJob
from webjobs_events.errors import WebJobsError
from webjobs_events.job import JobDefinition, JobType
from webjobs_events.queries import RunView
from webjobs_events.status import is_terminal

from webjobs_api.backends.history import HISTORY
from webjobs_api.backends.known_job import error_of
from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.refusals import REFUSALS
from webjobs_api.backends.runners import RUNNERS
from webjobs_api.backends.runs import RUNS
from webjobs_api.backends.storage import STORAGE
from webjobs_api.backends.ticks import TICKS
from webjobs_api.http import request_context
from webjobs_api.http.error_responses import status_of
from webjobs_api.http.keys import BUS, LIVE_SETTINGS
from webjobs_api.http.known_run import known_run
from webjobs_api.http.legacy_responses import duration, legacy_status, run_command
from webjobs_api.http.templates import render
from webjobs_api.http.tracing import trace_of
from webjobs_api.http.urls import Urls
from webjobs_api.jobs import continuous
from webjobs_api.jobs import handlers as jobs
from webjobs_api.jobs.refusal_list import refusal_rows
from webjobs_api.runs.cancel_requests import cancel
from webjobs_api.runs.handlers import arguments_of
from webjobs_api.runs.start import INVOCATIONS, RunRequest
from webjobs_api.schedules.preview import next_run

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
_REQUESTED_BY = "External - job page"


def _urls(request: web.Request) -> Urls:
    """Addresses on a page, without scheme and host: the browser knows them."""
    return Urls(request_context.root(request))


async def show_index(request: web.Request) -> web.Response:
    """`GET /`: every job."""
    try:
        listed = await jobs.all_jobs(request)
    except WebJobsError as error:
        return _render(
            request, "index.html", {"jobs": [], "refused": [], "fault": str(error)}, status_of(error)
        )
    urls = _urls(request)
    rows = [(job, urls.page(JobType(job.type), job.name)) for job in listed]
    shown = {(job.type, job.name) for job in listed}
    refused = [
        each for each in refusal_rows(request.app[REFUSALS].all()) if (each.type, each.job) not in shown
    ]
    return _render(request, "index.html", {"jobs": rows, "refused": refused, "fault": ""})


async def show_triggered_job(request: web.Request) -> web.Response:
    """`GET /pages/triggered/{job}`: one job."""
    return await _job_page(request, JobType.TRIGGERED)


async def show_continuous_job(request: web.Request) -> web.Response:
    """`GET /pages/continuous/{job}`: one job."""
    return await _job_page(request, JobType.CONTINUOUS)


async def run_job(request: web.Request) -> web.Response:
    """`POST /pages/triggered/{job}/run`: the form's button, then the page again."""

    async def run() -> None:
        name = request_context.job_name(request)
        definition = await request.app[DEFINITIONS].get(JobType.TRIGGERED, name)
        arguments = await arguments_of(request) or None
        asked = RunRequest(definition, arguments, _REQUESTED_BY, trace_of(request))
        await request.app[INVOCATIONS].start(asked, datetime.now(UTC))

    return await _after(request, JobType.TRIGGERED, run())


async def cancel_run(request: web.Request) -> web.Response:
    """`POST /pages/triggered/{job}/history/{id}/cancel`: the button of a run, then the page again."""

    async def end() -> None:
        _, run = await known_run(request)
        await cancel(request.app[BUS], run, _REQUESTED_BY, datetime.now(UTC))

    return await _after(request, JobType.TRIGGERED, end())


async def start_job(request: web.Request) -> web.Response:
    """`POST /pages/continuous/{job}/start`: the form's button, then the page again."""
    return await _after(request, JobType.CONTINUOUS, continuous.change_state(request, StartContinuousJob))


async def stop_job(request: web.Request) -> web.Response:
    """`POST /pages/continuous/{job}/stop`: the form's button, then the page again."""
    return await _after(request, JobType.CONTINUOUS, continuous.change_state(request, StopContinuousJob))


async def _after(request: web.Request, job_type: JobType, action: Awaitable[None]) -> web.Response:
    """Do what a button asks for and go back to the page, which says so if it could not be done."""
    try:
        await action
    except WebJobsError as error:
        return await _job_page(request, job_type, error)
    raise web.HTTPSeeOther(_urls(request).page(job_type, request_context.job_name(request)))


async def _job_page(
    request: web.Request, job_type: JobType, fault: WebJobsError | None = None
) -> web.Response:
    try:
        definition = await request.app[DEFINITIONS].get(job_type, request_context.job_name(request))
        if job_type is JobType.TRIGGERED:
            template, facts = "triggered_job.html", await _triggered_facts(request, definition)
        else:
            template, facts = "continuous_job.html", await _continuous_facts(request, definition)
    except WebJobsError as error:
        shown = fault or error
        return _render(request, "fault.html", {"fault": str(shown)}, status_of(shown))
    shared = {
        "job": definition,
        "script": run_command(definition),
        "page": _urls(request).page(job_type, definition.job_name),
        "settings": _indented(definition.settings),
        "are_stopped": request.app[INVOCATIONS].are_stopped,
        "fault": str(fault) if fault else "",
        "error": error_of(definition) or "",
    }
    return _render(request, template, shared | facts, status_of(fault) if fault else 200)


async def _triggered_facts(request: web.Request, definition: JobDefinition) -> dict[str, Any]:
    runs = await request.app[RUNS].of_job(definition.job_name)
    now, urls = datetime.now(UTC), _urls(request)
    site_zone = request.app[LIVE_SETTINGS].get("WEBSITE_TIME_ZONE")
    has_log = request.app[TICKS].has_any(definition.job_name)
    return {
        "next_run": next_run(definition, site_zone, now),
        "scheduler_log": urls.scheduler_log(definition.job_name) if has_log else "",
        "runs": [_run_facts(run, urls, now) for run in runs],
        "is_running": any(not is_terminal(run.status) for run in runs),
    }


def _run_facts(run: RunView, urls: Urls, now: datetime) -> dict[str, Any]:
    began = run.started_at or run.requested_at
    return {
        "id": run.run_id,
        "status": run.status.value,
        "is_over": is_terminal(run.status),
        "began": f"{began:%Y-%m-%d %H:%M:%S}",
        "duration": duration((run.ended_at or now) - began),
        "why": _why(run),
        "trigger": run.trigger,
        "arguments": run.arguments or "",
        "output": urls.output(run.job_name, run.run_id),
        "error": urls.error(run.job_name, run.run_id) if run.has_error_log else "",
    }


def _why(run: RunView) -> str:
    """How a run ended: the runner's sentence, or a few words."""
    if run.evidence:
        return run.evidence
    if run.exit_code is not None:
        return f"exit code {run.exit_code}"
    return f"signal {run.signal}" if run.signal is not None else (run.reason or "").replace("_", " ")


async def _continuous_facts(request: web.Request, definition: JobDefinition) -> dict[str, Any]:
    name, is_alive = definition.job_name, request.app[RUNNERS].is_alive
    views = (await request.app[HISTORY].statuses([name])).get(name, [])
    alive = [view for view in views if is_alive(view.instance)]
    return {
        "status": legacy_status(definition, alive),  # as in the list of jobs
        "instances": alive,
        "job_log": _urls(request).job_log(name),
        "application_log": _urls(request).application_log(name),
    }


def _indented(settings: dict[str, Any]) -> str:
    return msgspec.json.format(msgspec.json.encode(settings), indent=2).decode() if settings else ""


def _render(request: web.Request, template: str, context: dict[str, Any], status: int = 200) -> web.Response:
    shared = {"root": request_context.root(request), "shortage": request.app[STORAGE].shortage}
    return render(template, shared | context, _POLICY, status)
