"""The page of events: `GET /pages/events`: the last ones in words, newest first, and more as they happen."""

from urllib.parse import urlencode

from aiohttp import web
from webjobs_rules.errors import WebJobsError

from webjobs_api.backends.event_filter import KINDS, NAMES, event_filter_of
from webjobs_api.backends.latest_events import latest_events
from webjobs_api.http.keys import BUS
from webjobs_api.pages import terminal
from webjobs_api.pages.event_lines import event_line
from webjobs_api.pages.form_fields import proposed_jobs
from webjobs_api.pages.frame import live, page_urls, show, show_fault
from webjobs_api.pages.page import Page

_EVENTS = 100
_FILTERS = ("type", "job", "event")


@live
async def show_events(request: web.Request) -> web.Response:
    """`GET /pages/events`: the last events that pass the filters `type`, `job` and `event`."""
    chosen = {name: value for name in _FILTERS if (value := request.query.get(name, "").strip())}
    bus, urls = request.app[BUS], page_urls(request)
    try:
        wanted = event_filter_of({name: [value] for name, value in chosen.items()})
        found = await latest_events(bus, wanted, _EVENTS)
    except WebJobsError as error:
        return show_fault(request, error)
    query = urlencode(chosen)
    path = f"/api/events{'?' if query else ''}{query}"
    view = {
        "lines": [
            event_line(each.subject, each.headers, each.data, each.sequence, urls) for each in reversed(found)
        ],
        "chosen": chosen,
        "types": KINDS,
        "names": NAMES,
        "jobs": proposed_jobs(request),
        "most": _EVENTS,
        "in_terminal": lambda shell: terminal.of_events(shell, chosen, wanted.subjects(bus.subjects)[0]),
        "twin": f"{urls.base}{path}",
    }
    page = Page(
        template="events",
        title="Events",
        section="events",
        regions=("list",),
        events=query,
        is_remembered=True,
    )
    return show(request, page, view)
