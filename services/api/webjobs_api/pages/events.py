"""The page of events: `GET /pages/events`: the last ones in words, newest first, and more as they happen."""

from collections.abc import Mapping
from shlex import quote
from urllib.parse import urlencode

from aiohttp import web
from webjobs_rules.errors import WebJobsError

from webjobs_api.backends.event_filter import KINDS, NAMES, event_filter_of
from webjobs_api.backends.latest_events import latest_events
from webjobs_api.http import request_context
from webjobs_api.http.keys import BUS
from webjobs_api.pages.event_lines import event_line
from webjobs_api.pages.form_fields import proposed_jobs
from webjobs_api.pages.frame import Page, live, page_urls, show, show_fault

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
        "command": _command(request_context.base(request), chosen),
        "nats": f"nats subscribe {quote(wanted.subjects(bus.subjects)[0])}",
        "curl": f"curl -N {quote(request_context.base(request) + path)}",
        "twin": f"{urls.base}{path}",
    }
    page = Page(template="events", title="Events", section="events", regions=("list",), events=query)
    return show(request, page, view)


def _command(base: str, chosen: Mapping[str, str]) -> str:
    """The command line that follows the same events."""
    filters = "".join(f" --filter {quote(f'{name}={value}')}" for name, value in chosen.items())
    return f"webjobs events -f{filters} --url {quote(base)}"
