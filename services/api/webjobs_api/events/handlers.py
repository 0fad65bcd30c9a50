"""The handler that streams events as they happen, gap-free from any of them on."""

from collections.abc import Sequence

from aiohttp import web
from webjobs_events.jetstream import StreamMessage
from webjobs_events.redaction import redacted_event

from webjobs_api.backends.event_filter import EventFilter, event_filter_of, start_of
from webjobs_api.events.cloud_event import cloud_event_json
from webjobs_api.events.snapshot import SEQUENCE_HEADER
from webjobs_api.http.keys import BUS
from webjobs_api.http.live import LIVE
from webjobs_api.http.live_response import LiveAnswer
from webjobs_api.http.operation import EVENT_STREAM
from webjobs_api.http.problems import with_problems
from webjobs_api.http.sse import sse_event, sse_heartbeat


@with_problems
async def follow_events(request: web.Request) -> web.StreamResponse:
    """`GET /api/events`: server-sent events, from now or from any event on."""
    query = request.query
    wanted = event_filter_of({name: query.getall(name, []) for name in ("type", "job", "event")})
    after = start_of(request.headers.get("Last-Event-ID"), query.get("after"), query.get("from"))
    bus, live = request.app[BUS], request.app[LIVE]
    filters = wanted.subjects(bus.subjects)
    stream, everything = bus.subjects.events_stream, bus.subjects.all_events
    answer = LiveAnswer(request, EVENT_STREAM)
    async with live.tails.follow(stream, everything, after=after, filters=filters) as follower:
        answer.response.headers[SEQUENCE_HEADER] = str(follower.position)
        if await answer.begin():
            # Known from the start, so that a break before the first event loses nothing.
            await answer.send(sse_heartbeat(str(follower.position)))
            if follower.lost_until:
                lost = f'{{"after":{follower.position},"until":{follower.lost_until}}}'
                await answer.send(sse_event(str(follower.lost_until), "gap", [lost]))
            while not follower.has_ended:
                messages = await follower.next(live.terms.heartbeat)
                rendered = _rendered(messages, wanted)
                if rendered or not messages:
                    await answer.send(rendered or sse_heartbeat(str(follower.position)))
            await answer.end()
    return answer.response


def _rendered(messages: Sequence[StreamMessage], wanted: EventFilter) -> bytes:
    return b"".join(_event(message) for message in messages if wanted.passes(message.subject))


def _event(message: StreamMessage) -> bytes:
    name = message.subject.rpartition(".")[2]
    body = redacted_event(name, message.data)
    return sse_event(str(message.sequence), name, [cloud_event_json(message.headers, body, message.sequence)])
