"""What every page has around its own regions, and how a page or only some of its regions are sent."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import wraps
from typing import Any

from aiohttp import web
from webjobs_events.errors import BusUnavailable, NoResponders
from webjobs_rules.amounts import counted
from webjobs_rules.errors import WebJobsError
from webjobs_service.release import VERSION

from webjobs_api.backends.history import HISTORY
from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.runners import RUNNERS
from webjobs_api.backends.storage import STORAGE
from webjobs_api.http import request_context
from webjobs_api.http.assets import asset_path
from webjobs_api.http.error_responses import status_of
from webjobs_api.http.keys import BUS, LIVE_SETTINGS
from webjobs_api.http.page_policy import new_nonce, page_policy
from webjobs_api.http.templates import render, render_parts
from webjobs_api.http.urls import Urls
from webjobs_api.pages import formats
from webjobs_api.pages.fault_words import away, fault_words
from webjobs_api.pages.form_fields import TYPED
from webjobs_api.pages.formats import clocks_of
from webjobs_api.pages.last_known import LAST_KNOWN, Address
from webjobs_api.pages.once import PARAMETER, key_of
from webjobs_api.pages.page import Page
from webjobs_api.pages.tab import TAB
from webjobs_api.pages.tab_state import UNKNOWN, TabIcon
from webjobs_api.pages.terminal import Shell, TerminalLine
from webjobs_api.runs.start import INVOCATIONS

CLOCK_COOKIE = "webjobs_clock"
_REGIONS = "_regions"  # the query parameter by which the script asks for stale regions only
_ROWS = "_rows"  # and of their rows for those that are stale only
_OF_SCRIPT = (_REGIONS, _ROWS, PARAMETER)
_AWAY = 503
_STOPPED_SCHEDULES = "WEBJOBS_DISABLE_SCHEDULE"

SEQUENCE = web.RequestKey("sequence", int)
"""Up to where in the stream of events the page goes."""

PARTIAL = "is_partial"
"""Of a view: it lacks what only a region shows that was not asked for, and does not replace a whole one."""

PageHandler = Callable[..., Awaitable[web.Response]]

SECTIONS: Mapping[str, tuple[str, str]] = {
    "overview": ("/", "Overview"),
    "runs": ("/pages/runs", "Runs"),
    "schedule": ("/pages/schedule", "Schedule"),
    "events": ("/pages/events", "Events"),
    "hooks": ("/pages/hooks", "Hooks"),
    "settings": ("/pages/settings", "Settings"),
    "system": ("/pages/system", "System"),
    "api": ("/docs", "API"),
}
"""The navigation: path and words of each section."""


def page_urls(request: web.Request) -> Urls:
    """Addresses on a page, without scheme and host: the browser knows them."""
    return Urls(request_context.root(request))


def is_select_mode(request: web.Request) -> bool:
    """Whether the rows of a list have check boxes in place of their buttons: never for a viewer."""
    return bool(request.query.get("select")) and not request_context.requester(request).is_viewer


def live(handler: PageHandler) -> PageHandler:
    """A handler whose page has everything that its stream of events does not bring, and nothing twice."""

    @wraps(handler)
    async def show_from_here(request: web.Request, *fault: Any) -> web.Response:
        bus = request.app[BUS]
        with suppress(BusUnavailable):  # the page itself says so
            sequence = await bus.last_sequence(bus.subjects.events_stream)
            await request.app[DEFINITIONS].caught_up()  # changed before its event is published
            request.app[HISTORY].caused(sequence)
            request[SEQUENCE] = sequence
        return await handler(request, *fault)

    return show_from_here


def show(
    request: web.Request, page: Page, view: Mapping[str, Any], fault: WebJobsError | None = None
) -> web.Response:
    """Send a page, or the regions that the request names.

    Args:
        request: What is answered.
        page: Which page.
        view: What its templates show.
        fault: What went wrong, for a note above the page and the status of the answer; None: nothing.
    """
    if page.is_remembered and fault is None and request.method == "GET" and not view.get(PARTIAL):
        request.app[LAST_KNOWN].keep(_address(request), page, view, request.get(SEQUENCE))
    nonce, status = new_nonce(), status_of(fault) if fault else 200
    context = {
        "user": request_context.requester(request),
        "page": page,
        "root": request_context.root(request),
        "clocks": clocks_of(request.cookies.get(CLOCK_COOKIE, ""), datetime.now(UTC)),
        "fault": str(fault) if fault else "",
        "typed": request.get(TYPED, {}) if fault else {},
        "formats": formats,
        "counted": counted,
        "stale": "",
        "once": key_of(request),
        "asks_for": _rows_asked_for(request),
        **view,
    }
    wanted = [name for name in request.query.get(_REGIONS, "").split(",") if name in page.regions]
    if wanted:
        parts = [f"{page.template}/{name}.html" for name in wanted]
        return render_parts(parts, context, page_policy(nonce), status)
    context |= {"nonce": nonce, "terminal": _terminal(request, view), **_frame(request, page)}
    return render(f"{page.template}/page.html", context, page_policy(nonce), status)


def is_asked_for(request: web.Request, region: str) -> bool:
    """Whether the answer has this region: a page has all of them, the script asks for some."""
    wanted = request.query.get(_REGIONS)
    return not wanted or region in wanted.split(",")


def _terminal(request: web.Request, view: Mapping[str, Any]) -> list[TerminalLine]:
    """The lines of a terminal that the page shows to this user: those of `in_terminal` of its view."""
    lines_of: Callable[[Shell], Iterable[TerminalLine]] = view.get("in_terminal", lambda _: ())
    user = request_context.requester(request)
    shell = Shell(request_context.base(request), user.name or "")
    return [line for line in lines_of(shell) if not (line.changes and user.is_viewer)]


def _rows_asked_for(request: web.Request) -> Callable[[str], bool]:
    """Whether the row with an id is to be sent whole, rather than only its id to show its place."""
    rows = request.query.get(_ROWS)
    if rows is None or _REGIONS not in request.query:
        return lambda _: True
    return frozenset(rows.split(",")).__contains__


def show_fault(request: web.Request, fault: WebJobsError, section: str = "") -> web.Response:
    """Send a page that only says what went wrong, why, and what to do.

    While a part is away, it is the page as it was last shown here, greyed and with its age, if that is known.
    """
    status = status_of(fault)
    if status == _AWAY and request.method == "GET":
        if (page := _last_known(request, fault)) is not None:
            return page
    words = fault_words(status)
    view = {"words": words, "comes_back": status == _AWAY and request.method == "GET"}
    return show(request, Page(template="fault", title=words.title, section=section), view, fault)


def _last_known(request: web.Request, fault: WebJobsError) -> web.Response | None:
    known = request.app[LAST_KNOWN].of(_address(request))
    if known is None:
        return None
    if known.sequence is not None:
        request[SEQUENCE] = known.sequence  # from there on the page follows when the part is back
    is_nats = isinstance(fault, BusUnavailable) and not isinstance(fault, NoResponders)
    note = away("NATS" if is_nats else "History", known.at)
    return show(request, known.page, {**known.view, "stale": note}, fault)


def _address(request: web.Request) -> Address:
    """The address of a page, without the regions and rows that are asked for, and for whom it is shown."""
    query = [(name, value) for name, value in request.query.items() if name not in _OF_SCRIPT]
    address = f"{request_context.root(request)}{request.rel_url.with_query(query)}"
    return Address(address, request_context.requester(request).is_viewer)


def _frame(request: web.Request, page: Page) -> dict[str, Any]:
    live_settings = request.app[LIVE_SETTINGS]
    banners = []
    if shortage := request.app[STORAGE].shortage:
        banners.append(f"Runs and deployments are refused: {shortage}.")
    if request.app[INVOCATIONS].are_stopped:
        banners.append("Jobs are stopped by the setting WEBJOBS_STOPPED.")
    if live_settings.flag(_STOPPED_SCHEDULES):
        banners.append(f"Schedules start nothing: by the setting {_STOPPED_SCHEDULES}.")
    runners = request.app[RUNNERS].alive
    if not runners:
        banners.append("No runner is alive: nothing runs until one is back.")
    return {
        "sections": SECTIONS,
        "site": live_settings.get("WEBSITE_SITE_NAME") or "webjobs",
        "runners": len(runners),
        "banners": banners,
        "tab": request.app[TAB].known or UNKNOWN,
        "tab_icons": list(TabIcon),
        "version": VERSION,
        "asset": asset_path,
        "here": _here(request, page),
        "follow_after": request.get(SEQUENCE),
        "search": request.query.get("text", ""),
    }


def _here(request: web.Request, page: Page) -> str:
    """Path of the page that is shown, also when it answers one of its own buttons."""
    path = request.rel_url.raw_path_qs
    if request.method not in ("GET", "HEAD"):
        path = page.path or request.rel_url.raw_path.rpartition("/")[0] or "/"
    return f"{request_context.root(request)}{path}"
