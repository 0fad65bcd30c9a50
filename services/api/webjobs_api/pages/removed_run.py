"""The page of a run that is no longer in the history: its events, as long as the stream has them."""

from contextlib import suppress
from datetime import timedelta

from aiohttp import web
from webjobs_events.envelope import decode_event
from webjobs_events.errors import UndecodableMessage
from webjobs_events.events import Deleted, Purged
from webjobs_events.jetstream import Bus, StreamMessage, first_since
from webjobs_rules.amounts import counted
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import instant_of, parse_run_id

from webjobs_api.http import request_context
from webjobs_api.http.error_responses import status_of
from webjobs_api.http.keys import BUS
from webjobs_api.pages.errors import RunRemoved
from webjobs_api.pages.event_lines import EventLine, event_line
from webjobs_api.pages.fault_words import fault_words
from webjobs_api.pages.frame import page_urls, show
from webjobs_api.pages.page import Page
from webjobs_api.wording.sentence import Sentence

_CLOCKS_DIFFER = timedelta(seconds=5)  # of the api, which mints ids, and of NATS
_LOOKED_AT = 256  # events of the job from the run's request on, among which its own are looked for
_PARTS = 20  # of so many events each, among which its removal is looked for


async def show_removed_run(request: web.Request) -> web.Response | None:
    """The events of a run that history does not know, as 410; None when the stream has none near its time.

    Raises:
        InvalidJobName: The address names none.
        InvalidRunId: Likewise.
        BusUnavailable: NATS does not answer.
    """
    name, run_id = request_context.job_name(request), parse_run_id(request.match_info["id"])
    bus = request.app[BUS]
    stream, subject = bus.subjects.events_stream, bus.subjects.job_event(JobType.TRIGGERED, name, "*")
    start = await first_since(bus, stream, subject, instant_of(run_id) - _CLOCKS_DIFFER)
    lines = [] if start is None else await _lines(request, name, run_id, start)
    if start is None or not lines:
        return None
    fault = RunRemoved(name, run_id)
    page = Page(template="removed_run", title="No longer here", section="runs")
    view = {
        "lines": lines,
        "cause": removal_cause(await _removal(bus, name, run_id, start)),
        "most": 0,
        "job": name,
        "job_url": page_urls(request).triggered_page(name),
        "words": fault_words(status_of(fault)),
    }
    return show(request, page, view, fault)


def removal_cause(event: Purged | Deleted | None) -> Sentence:
    """Why a run is no longer in the history, as a sentence.

    Args:
        event: By which history removed it; None when the stream has none.
    """
    match event:
        case Purged():
            return Sentence(
                "Retention removed it ",
                event.at,
                f": history keeps the latest {counted(event.limit, 'run')} of each job "
                "(WEBJOBS_HISTORY_SIZE).",
            )
        case Deleted():
            return Sentence("The job was deleted ", event.at, ", and its history with it.")
        case None:
            return Sentence(
                "No event says that it was removed: history has not read the stream up to here, or lost its "
                "rows. The page System shows whether history is up to date."
            )


async def _removal(bus: Bus, name: JobName, run_id: str, start: int) -> Purged | Deleted | None:
    """The first event from a sequence on that removed a run from history."""
    for event_type in (Purged, Deleted):  # most runs have been purged when their job is deleted
        following = start
        for _ in range(_PARTS):
            stream = bus.subjects.events_stream
            subject = bus.subjects.job_event(JobType.TRIGGERED, name, event_type.__name__)
            found, more = await bus.messages_from(
                stream, subject, start_sequence=following, count=_LOOKED_AT, is_append_only=True
            )
            for message in found:
                with suppress(UndecodableMessage):
                    event = decode_event(message.subject, message.headers, message.data)
                    if isinstance(event, Deleted) or (isinstance(event, Purged) and run_id in event.run_ids):
                        return event
            if not more or not found:
                break
            following = found[-1].sequence + 1
    return None


async def _lines(request: web.Request, name: JobName, run_id: str, start: int) -> list[EventLine]:
    bus, urls = request.app[BUS], page_urls(request)
    stream, subject = bus.subjects.events_stream, bus.subjects.job_event(JobType.TRIGGERED, name, "*")
    found, _ = await bus.messages_from(stream, subject, start_sequence=start, count=_LOOKED_AT)
    about = f"/{run_id}"
    return [
        event_line(each.subject, each.headers, each.data, each.sequence, urls)
        for each in found
        if _about(each).endswith(about)
    ]


def _about(message: StreamMessage) -> str:
    return message.headers.get("ce-subject", "")
