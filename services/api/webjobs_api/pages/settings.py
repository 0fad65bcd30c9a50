"""The page of app settings: `GET /pages/settings`, and what its forms do; values are never shown."""

from collections.abc import Awaitable, Collection, Mapping
from dataclasses import dataclass

from aiohttp import web
from webjobs_rules.app_settings import UNDERSTOOD, is_credential
from webjobs_rules.errors import WebJobsError

from webjobs_api.app_settings.handlers import remove, set_all
from webjobs_api.http.keys import LIVE_SETTINGS
from webjobs_api.pages import terminal
from webjobs_api.pages.form_fields import form_fields
from webjobs_api.pages.frame import page_urls, show
from webjobs_api.pages.page import Page

EFFECTS: Mapping[str, str] = {
    "WEBJOBS_RESTART_TIME": "Seconds before a continuous job starts again",
    "WEBJOBS_IDLE_TIMEOUT": "Seconds after which a run that does nothing is ended",
    "WEBJOBS_HISTORY_SIZE": "Runs kept of each triggered job",
    "WEBJOBS_KEPT_VERSIONS": "Versions of each job whose files are kept",
    "WEBJOBS_MAX_LOG_BYTES": "Bytes that the log of a run may have",
    "WEBJOBS_STOPPED": "Stops all jobs",
    "WEBJOBS_DISABLE_SCHEDULE": "Keeps schedules from starting runs",
    "WEBSITE_TIME_ZONE": "The time zone of schedules that name none",
}
"""What the settings do that webjobs itself obeys."""

_FOR_JOBS = "In the environment of every job"
_STORED, _INHERITED = "Set here or by the API", "Environment of the services"
_PATH = "/pages/settings"
_PAGE = Page(template="settings", title="Settings", section="settings", path=_PATH)


@dataclass(frozen=True, slots=True)
class SettingLine:
    """An app setting without its value.

    Attributes:
        name: Its name.
        source: Where it comes from, in words.
        effect: What it does.
        is_stored: Whether it can be taken away here.
    """

    name: str
    source: str
    effect: str
    is_stored: bool


async def show_settings(request: web.Request, fault: WebJobsError | None = None) -> web.Response:
    """`GET /pages/settings`: names, sources and effects; `fault`: what a form could not do."""
    live = request.app[LIVE_SETTINGS]
    obeyed = {name for name in UNDERSTOOD if live.get(name) is not None}
    view = {
        "lines": setting_lines(live.stored().keys(), obeyed),
        "in_terminal": terminal.of_settings,
        "unset": {name: effect for name, effect in EFFECTS.items() if name not in obeyed},
    }
    return show(request, _PAGE, view, fault)


async def set_one(request: web.Request) -> web.Response:
    """`POST /pages/settings`: sets the form's `name` to its `value`."""
    try:
        form = await form_fields(request)
    except WebJobsError as error:
        return await show_settings(request, error)
    return await _done(request, set_all(request.app, {form.get("name", "").strip(): form.get("value", "")}))


async def remove_one(request: web.Request) -> web.Response:
    """`POST /pages/settings/{key}/delete`: back to the environment's value, or none."""
    return await _done(request, remove(request.app, request.match_info["key"]))


def setting_lines(stored: Collection[str], obeyed: Collection[str]) -> list[SettingLine]:
    """A line for each setting that is stored or obeyed, in order; none for the services' own credentials."""
    return [
        SettingLine(
            name=name,
            source=_STORED if name in stored else _INHERITED,
            effect=EFFECTS.get(name, _FOR_JOBS),
            is_stored=name in stored,
        )
        for name in sorted({*stored, *obeyed})
        if not is_credential(name)
    ]


async def _done(request: web.Request, change: Awaitable[None]) -> web.Response:
    try:
        await change
    except WebJobsError as error:
        return await show_settings(request, error)
    raise web.HTTPSeeOther(f"{page_urls(request).base}{_PATH}")
