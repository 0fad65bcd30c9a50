"""The page that makes a job of files: `GET /pages/new`, and the form behind it."""

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import urlencode

from aiohttp import web
from webjobs_events.job import JobDefinition
from webjobs_rules.errors import WebJobsError
from webjobs_rules.job import JobType

from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.runs import RUNS
from webjobs_api.http import request_context
from webjobs_api.http.error_responses import status_of
from webjobs_api.http.job_errors import DeploymentGoesOn
from webjobs_api.http.keys import SETTINGS
from webjobs_api.http.negotiation import wants_page
from webjobs_api.http.tracing import trace_of
from webjobs_api.http.urls import quoted
from webjobs_api.jobs.deploy import Done, deploy_body
from webjobs_api.jobs.handlers import merge_settings
from webjobs_api.pages import terminal
from webjobs_api.pages.deployment import WAIT_SECONDS, deployment_page
from webjobs_api.pages.errors import DeployedOnly, UnknownNextStep
from webjobs_api.pages.frame import page_urls, show
from webjobs_api.pages.page import Page
from webjobs_api.runs.start import INVOCATIONS, RunRequest
from webjobs_api.schedules.handlers import schedule_as_typed
from webjobs_api.schedules.typed_schedule import TypedScheduleJson

T = TypeVar("T")

DUE_TIMES = 5
RUN = "run"
"""What a form asks for beside its own change: that the job is run then."""

_PAGE = Page(template="new_job", title="New job", section="overview", path="/pages/new")


@dataclass(frozen=True, slots=True)
class _Typed:
    """What the first part of the form says."""

    name: str
    type: JobType
    schedule: str


async def show_form(request: web.Request) -> web.Response:
    """`GET /pages/new`: a browser without scripts gives `?name=`, `?type=` and `?schedule=` first."""
    given = request.query
    job_type = JobType.CONTINUOUS if given.get("type") == JobType.CONTINUOUS else JobType.TRIGGERED
    schedule = given.get("schedule", "").strip() if job_type is JobType.TRIGGERED else ""
    return await _show(request, _Typed(given.get("name", "").strip(), job_type, schedule))


async def deploy_files(request: web.Request) -> web.Response:
    """`POST /pages/{type}/{job}/files`: to the page of the job, or of its run.

    With `?schedule=` the job has this schedule afterwards, and with `?then=run` it is run. The script of
    the page gets JSON.
    """
    job_type = request_context.job_type(request)
    is_script = not wants_page(request.headers.get("Accept", ""))
    schedule = request.query.get("schedule", "").strip()
    try:
        await schedule_as_typed(request, schedule, "", 0)  # refused before anything is deployed
        is_run = asks_for_run(request.query.get("then", ""))
        is_run = is_run and job_type is JobType.TRIGGERED
        done = await deploy_body(
            request,
            job_type,
            request_context.job_name(request),
            merge=False,
            seconds=WAIT_SECONDS,
            patch={"schedule": schedule} if schedule else None,
            run_id=request.app[INVOCATIONS].new_id(datetime.now(UTC)) if is_run else None,
        )
        to = await _afterwards(_follow(request, done))
    except DeploymentGoesOn as going_on:
        to = deployment_page(page_urls(request), going_on.deployment_id, run_id=going_on.command.run_id)
    except WebJobsError as error:
        if is_script:
            return web.json_response({"fault": str(error)}, status=status_of(error))
        return await _show(request, _Typed(request.match_info["job"], job_type, schedule), error)
    if is_script:
        return web.json_response({"url": to})
    raise web.HTTPSeeOther(to)


async def _follow(request: web.Request, done: Done) -> str:
    """The page that a form leads to; a runner of an earlier release leaves what follows to us."""
    command, reply = done.command, done.reply
    name, run = command.job_name, command.follow_up
    if reply.run_fault:
        raise DeployedOnly(reply.run_fault, 409)
    if not reply.has_followed:
        definition = await request.app[DEFINITIONS].get(command.job_type, name)
        if command.patch:
            await merge_settings(request, definition, command.patch)
        if run is not None:
            asked = RunRequest(definition, None, run.requested_by, run.trace)
            await request.app[INVOCATIONS].send(run, asked)
    elif run is not None:
        request.app[RUNS].started(name, run.run_id)
    urls = page_urls(request)
    return urls.page(command.job_type, name) if run is None else urls.run_page(name, run.run_id)


def asks_for_run(then: str) -> bool:
    """Whether a form asks that the job is run after its change.

    Raises:
        UnknownNextStep: It asks for something else.
    """
    if then not in ("", RUN):
        raise UnknownNextStep(then)
    return then == RUN


async def run_now(request: web.Request, definition: JobDefinition) -> str:
    """Run a triggered job without arguments; returns the address of the run's page."""
    asked = RunRequest(definition, None, request_context.trigger(request), trace_of(request))
    run_id = (await request.app[INVOCATIONS].start(asked, datetime.now(UTC))).run_id
    return page_urls(request).run_page(definition.job_name, run_id)


async def _afterwards(step: Awaitable[T]) -> T:
    try:
        return await step
    except WebJobsError as error:
        raise DeployedOnly(str(error), status_of(error)) from error


async def _show(request: web.Request, typed: _Typed, fault: WebJobsError | None = None) -> web.Response:
    preview, schedule_fault = await _preview(request, typed.schedule)
    view = {
        "name": typed.name,
        "type": typed.type.value,
        "schedule": typed.schedule,
        "preview": preview,
        "schedule_fault": schedule_fault,
        "action": _action(request, typed),
        "in_terminal": lambda shell: terminal.of_new_job(shell, typed.type, typed.name),
        "limit": request.app[SETTINGS].upload_limit_bytes,
    }
    return show(request, _PAGE, view, fault)


async def _preview(request: web.Request, schedule: str) -> tuple[TypedScheduleJson | None, str]:
    try:
        return await schedule_as_typed(request, schedule, "", DUE_TIMES), ""
    except WebJobsError as error:
        return None, str(error)


def _action(request: web.Request, typed: _Typed) -> str:
    """Where a browser without scripts sends the file: a form of files has no other fields."""
    if not typed.name:
        return ""
    query = urlencode({"schedule": typed.schedule} if typed.schedule else {})
    path = f"{page_urls(request).base}/pages/{typed.type}/{quoted(typed.name)}/files"
    return f"{path}?{query}" if query else path
