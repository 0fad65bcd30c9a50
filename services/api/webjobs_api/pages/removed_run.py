"""The page of a run that is no longer in the history: its events, as long as the stream has them."""

from datetime import timedelta

from aiohttp import web
from webjobs_events.jetstream import StreamMessage, first_since
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import instant_of, parse_run_id

from webjobs_api.http import request_context
from webjobs_api.http.error_responses import status_of
from webjobs_api.http.keys import BUS
from webjobs_api.pages.errors import RunRemoved
from webjobs_api.pages.event_lines import EventLine, event_line
from webjobs_api.pages.fault_words import fault_words
from webjobs_api.pages.frame import Page, page_urls, show

_CLOCKS_DIFFER = timedelta(seconds=5)  # of the api, which mints ids, and of NATS
_LOOKED_AT = 256  # events of the job from the run's request on, among which its own are looked for


async def show_removed_run(request: web.Request) -> web.Response | None:
    """The events of a run that history does not know, as 410; None when the stream has none near its time.

    Raises:
        InvalidJobName: The address names none.
        InvalidRunId: Likewise.
        BusUnavailable: NATS does not answer.
    """
    name, run_id = request_context.job_name(request), parse_run_id(request.match_info["id"])
    lines = await _lines(request, name, run_id)
    if not lines:
        return None
    fault = RunRemoved(name, run_id)
    page = Page(template="removed_run", title="No longer here", section="runs")
    view = {
        "lines": lines,
        "most": 0,
        "job": name,
        "job_url": page_urls(request).triggered_page(name),
        "words": fault_words(status_of(fault)),
    }
    return show(request, page, view, fault)


async def _lines(request: web.Request, name: JobName, run_id: str) -> list[EventLine]:
    bus, urls = request.app[BUS], page_urls(request)
    stream, subject = bus.subjects.events_stream, bus.subjects.job_event(JobType.TRIGGERED, name, "*")
    start = await first_since(bus, stream, subject, instant_of(run_id) - _CLOCKS_DIFFER)
    if start is None:
        return []
    found, _ = await bus.messages_from(stream, subject, start_sequence=start, count=_LOOKED_AT)
    about = f"/{run_id}"
    return [
        event_line(each.subject, each.headers, each.data, each.sequence, urls)
        for each in found
        if _about(each).endswith(about)
    ]


def _about(message: StreamMessage) -> str:
    return message.headers.get("ce-subject", "")
