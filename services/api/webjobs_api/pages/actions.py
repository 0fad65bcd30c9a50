"""What the buttons of pages do; each leads back to the page, which says so if it could not be done."""

from collections.abc import Awaitable
from datetime import UTC, datetime

from aiohttp import web
from webjobs_events.commands import DeleteJob, RestartContinuousJob, StartContinuousJob, StopContinuousJob
from webjobs_rules.errors import WebJobsError
from webjobs_rules.job import JobType

from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.http import request_context
from webjobs_api.http.job_errors import DeploymentGoesOn
from webjobs_api.http.keys import BUS
from webjobs_api.http.known_run import known_run
from webjobs_api.http.requests import settings_of
from webjobs_api.http.sessions import next_path
from webjobs_api.http.tracing import trace_of
from webjobs_api.jobs import continuous, versions
from webjobs_api.jobs import handlers as jobs
from webjobs_api.jobs.commands import COMMANDS, command_from
from webjobs_api.pages.continuous_job import show_continuous_job
from webjobs_api.pages.deployment import WAIT_SECONDS, deployment_page
from webjobs_api.pages.errors import NameNotRepeated
from webjobs_api.pages.form_fields import TYPED, form_fields
from webjobs_api.pages.formats import Clock, known_zone
from webjobs_api.pages.frame import CLOCK_COOKIE, page_urls
from webjobs_api.pages.run import show_run
from webjobs_api.pages.settings_form import patch_of_form
from webjobs_api.pages.triggered_job import show_triggered_job
from webjobs_api.runs.cancel_requests import cancel
from webjobs_api.runs.handlers import arguments_of
from webjobs_api.runs.start import INVOCATIONS, RunRequest

_LONGEST_TAG = 100  # characters that are looked at
_A_YEAR = 365 * 86_400
_SHOW_JOB = {JobType.TRIGGERED: show_triggered_job, JobType.CONTINUOUS: show_continuous_job}


async def run_job(request: web.Request) -> web.Response:
    """`POST /pages/triggered/{job}/run`: to the job's page."""
    try:
        name = request_context.job_name(request)
        definition = await request.app[DEFINITIONS].get(JobType.TRIGGERED, name)
        arguments = await _typed_arguments(request) or None
        asked = RunRequest(definition, arguments, request_context.trigger(request), trace_of(request))
        await request.app[INVOCATIONS].start(asked, datetime.now(UTC))
    except WebJobsError as error:
        return await show_triggered_job(request, error)
    raise web.HTTPSeeOther(page_urls(request).triggered_page(definition.job_name))


async def cancel_run(request: web.Request) -> web.Response:
    """`POST /pages/triggered/{job}/history/{id}/cancel`: to the run's page."""
    try:
        _, run = await known_run(request)
        await cancel(request.app[BUS], run, request_context.trigger(request), datetime.now(UTC))
    except WebJobsError as error:
        return await show_run(request, error)
    raise web.HTTPSeeOther(page_urls(request).run_page(run.job_name, run.run_id))


async def run_again(request: web.Request) -> web.Response:
    """`POST /pages/triggered/{job}/history/{id}/rerun`: to the page of the new run."""
    try:
        definition, run = await known_run(request)
        given = await _typed_arguments(request)
        arguments = run.arguments if given is None else given or None
        asked = RunRequest(
            definition, arguments, request_context.trigger(request), trace_of(request), rerun_of=run.run_id
        )
        new = (await request.app[INVOCATIONS].start(asked, datetime.now(UTC))).run_id
    except WebJobsError as error:
        return await show_run(request, error)
    raise web.HTTPSeeOther(page_urls(request).run_page(run.job_name, new))


async def _typed_arguments(request: web.Request) -> str | None:
    arguments = await arguments_of(request)
    request[TYPED] = {} if arguments is None else {"arguments": arguments}
    return arguments


async def start_job(request: web.Request) -> web.Response:
    """`POST /pages/continuous/{job}/start`: to the job's page."""
    return await _changed(request, continuous.change_state(request, StartContinuousJob))


async def stop_job(request: web.Request) -> web.Response:
    """`POST /pages/continuous/{job}/stop`: to the job's page."""
    return await _changed(request, continuous.change_state(request, StopContinuousJob))


async def restart_job(request: web.Request) -> web.Response:
    """`POST /pages/continuous/{job}/restart`: to the job's page."""
    return await _changed(request, continuous.change_state(request, RestartContinuousJob))


async def change_settings(request: web.Request) -> web.Response:
    """`POST /pages/{type}/{job}/settings`: fields, or the `schedule` alone, or all `settings` as JSON.

    With the `tag` of the settings that were shown, no change that was made meanwhile is overwritten.
    """
    job_type = request_context.job_type(request)
    try:
        definition = await request.app[DEFINITIONS].get(job_type, request_context.job_name(request))
        form = await form_fields(request)
        shown = [form["tag"][:_LONGEST_TAG]] if form.get("tag") else None
        if "fields" in form:
            patch = patch_of_form(form, definition.settings, job_type)
            if patch:
                await jobs.merge_settings(request, definition, patch, shown)
        elif "schedule" in form:
            schedule = form["schedule"].strip()
            await jobs.merge_settings(request, definition, {"schedule": schedule or None})
        else:
            settings = settings_of(form.get("settings", "").encode())
            await jobs.change_settings(request, definition, settings, shown)
    except WebJobsError as error:
        return await _SHOW_JOB[job_type](request, error)
    raise web.HTTPSeeOther(page_urls(request).page(job_type, definition.job_name))


async def restore_version(request: web.Request) -> web.Response:
    """`POST /pages/{type}/{job}/versions/{digest}/restore`: to the job's page."""
    job_type = request_context.job_type(request)
    try:
        definition = await versions.restore_version(request, WAIT_SECONDS)
    except DeploymentGoesOn as going_on:
        raise web.HTTPSeeOther(deployment_page(page_urls(request), going_on.deployment_id)) from going_on
    except WebJobsError as error:
        return await _SHOW_JOB[job_type](request, error)
    raise web.HTTPSeeOther(page_urls(request).page(job_type, definition.job_name))


async def delete_job(request: web.Request) -> web.Response:
    """`POST /pages/{type}/{job}/delete`: to the overview, when the form repeats the job's name."""
    job_type = request_context.job_type(request)
    try:
        definition = await request.app[DEFINITIONS].get(job_type, request_context.job_name(request))
        typed = (await form_fields(request)).get("name", "").strip()
        if typed != definition.job_name:
            raise NameNotRepeated(definition.job_name, typed)
        await request.app[COMMANDS].send(command_from(request, DeleteJob, job_type, definition.job_name))
    except WebJobsError as error:
        return await _SHOW_JOB[job_type](request, error)
    raise web.HTTPSeeOther(f"{page_urls(request).base}/")


async def choose_clock(request: web.Request) -> web.Response:
    """`POST /pages/clock`: back to the page it came from, with instants by another clock."""
    form = await form_fields(request)
    chosen, zone, to = form.get("clock", ""), form.get("zone", ""), next_path(form.get("next", ""))
    root = request_context.root(request)
    answer = web.HTTPSeeOther(to if to.startswith(f"{root}/") else f"{root}/")
    clock = chosen if chosen in set(Clock) else Clock.RELATIVE.value
    value = f"{clock}~{zone if known_zone(zone) else ''}"
    answer.set_cookie(CLOCK_COOKIE, value, max_age=_A_YEAR, path=f"{root}/", samesite="Lax", httponly=False)
    raise answer


async def _changed(request: web.Request, change: Awaitable[None]) -> web.Response:
    try:
        await change
    except WebJobsError as error:
        return await show_continuous_job(request, error)
    raise web.HTTPSeeOther(page_urls(request).page(JobType.CONTINUOUS, request_context.job_name(request)))
