"""The pages of hooks: `GET /pages/hooks` and `GET /pages/hooks/{hook}`, and what their forms do."""

from collections.abc import Awaitable, Mapping
from typing import Any

import msgspec
from aiohttp import web
from webjobs_rules.errors import WebJobsError
from webjobs_rules.job import JobType

from webjobs_api.backends.event_filter import NAMES
from webjobs_api.backends.published_events import PUBLISHABLE
from webjobs_api.hooks.calls import send_again, send_test
from webjobs_api.hooks.handlers import change_hook, hook_asked_for, make_hook
from webjobs_api.hooks.hook import EVERYTHING, Hook
from webjobs_api.hooks.hooks import HOOKS
from webjobs_api.http.urls import quoted
from webjobs_api.pages import terminal
from webjobs_api.pages.form_fields import form_fields, proposed_jobs
from webjobs_api.pages.frame import page_urls, show, show_fault
from webjobs_api.pages.hook_lines import call_bars, call_line, hook_line
from webjobs_api.pages.page import Page

_CALLS = 100
_PATH = "/pages/hooks"
_PAGE = Page(template="hooks", title="Hooks", section="hooks", regions=("list",), path=_PATH)
_SET = "on"  # what a check box sends


async def show_hooks(request: web.Request, fault: WebJobsError | None = None) -> web.Response:
    """`GET /pages/hooks`: every hook; `fault`: what the form could not do."""
    hooks = request.app[HOOKS]
    try:
        recent = await hooks.recent_attempts()
    except WebJobsError as error:
        recent, fault = {}, fault or error
    base = page_urls(request).base
    view = {
        "lines": [
            hook_line(hook, hooks.latest_state(hook), recent.get(hook.id, ()), base) for hook in hooks.all()
        ],
        "in_terminal": terminal.of_hooks,
        **_choices(request),
    }
    return show(request, _PAGE, view, fault)


async def show_hook(request: web.Request, fault: WebJobsError | None = None) -> web.Response:
    """`GET /pages/hooks/{hook}`: one hook with its calls; `fault`: what a button could not do."""
    hooks = request.app[HOOKS]
    try:
        hook = await hook_asked_for(request)
        calls = await hooks.attempts(hook)
    except WebJobsError as error:
        return show_fault(request, fault or error)
    line = hook_line(hook, hooks.latest_state(hook), [], page_urls(request).base)
    view = {
        "hook": line,
        "bars": call_bars(calls[::-1]),
        "calls": [call_line(each) for each in calls[:_CALLS]],
        **_choices(request),
        "in_terminal": lambda shell: terminal.of_hook(shell, hook.id),
    }
    page = Page(
        template="hook",
        title=f"Hook to {line.target}",
        section="hooks",
        regions=("head", "calls"),
        path=f"{_PATH}/{quoted(hook.id)}",
    )
    return show(request, page, view, fault)


async def add_hook(request: web.Request) -> web.Response:
    """`POST /pages/hooks`: to the page of the new hook."""
    try:
        form = await form_fields(request)
        wanted = {"url": form.get("url", ""), **_wanted(form), "secret": form.get("secret") or None}
        hook = await make_hook(request, msgspec.json.encode(wanted))
    except WebJobsError as error:
        return await show_hooks(request, error)
    raise web.HTTPSeeOther(_page_of(request, hook))


async def change_one(request: web.Request) -> web.Response:
    """`POST /pages/hooks/{hook}`: an empty `secret` keeps the one there is, `unsigned` takes it away."""
    return await _done(request, _change(request))


async def test_one(request: web.Request) -> web.Response:
    """`POST /pages/hooks/{hook}/test`: to the hook's page, where the call is the first one."""
    return await _done(request, _test(request))


async def send_one_again(request: web.Request) -> web.Response:
    """`POST /pages/hooks/{hook}/deliveries`: the form's `delivery_id` once more; to the hook's page."""
    return await _done(request, _send_again(request))


async def remove_hook(request: web.Request) -> web.Response:
    """`POST /pages/hooks/{hook}/delete`: to the list."""
    try:
        await request.app[HOOKS].remove(await hook_asked_for(request))
    except WebJobsError as error:
        return await show_hook(request, error)
    raise web.HTTPSeeOther(f"{page_urls(request).base}{_PATH}")


async def _change(request: web.Request) -> Hook:
    hook = await hook_asked_for(request)
    form = await form_fields(request)
    wanted = _wanted(form)
    if form.get("unsigned") == _SET:
        wanted["secret"] = None
    elif form.get("secret"):
        wanted["secret"] = form["secret"]
    return await change_hook(request, hook, msgspec.json.encode(wanted))


async def _test(request: web.Request) -> Hook:
    hook = await hook_asked_for(request)
    await send_test(request.app, hook)
    return hook


async def _send_again(request: web.Request) -> Hook:
    hook = await hook_asked_for(request)
    await send_again(request.app, hook, (await form_fields(request)).get("delivery_id", ""))
    return hook


async def _done(request: web.Request, work: Awaitable[Hook]) -> web.Response:
    try:
        hook = await work
    except WebJobsError as error:
        return await show_hook(request, error)
    raise web.HTTPSeeOther(_page_of(request, hook))


def _wanted(form: Mapping[str, str]) -> dict[str, Any]:
    return {
        "event": form.get("event", "").strip(),
        "type": form.get("type") or None,
        "job": form.get("job", "").strip() or None,
        "insecure_ssl": form.get("insecure_ssl") == _SET,
    }


def _choices(request: web.Request) -> dict[str, Any]:
    return {
        "events": [EVERYTHING, *PUBLISHABLE, *NAMES],
        "types": [each.value for each in JobType],
        "jobs": proposed_jobs(request),
    }


def _page_of(request: web.Request, hook: Hook) -> str:
    return f"{page_urls(request).base}{_PATH}/{quoted(hook.id)}"
