"""What is sent to a hook: body and headers; pure."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from webjobs_events.envelope import decode_event
from webjobs_events.events import RunEnded
from webjobs_events.queries import RunView
from webjobs_events.redaction import redacted_event
from webjobs_rules.trace import TRACEPARENT, TRACESTATE, parse_trace

from webjobs_api.backends.published_events import RUN_FINISHED
from webjobs_api.hooks.hook import UNHOOKED, Hook, Source
from webjobs_api.hooks.signature import signature
from webjobs_api.http.dialects import KUDU

_CE = "ce-"
_ABOUT_THE_RUN = frozenset({"ce-id", "ce-time", "ce-subject"})  # true of Kudu's body too
USER_AGENT = "webjobs-hooks/1"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one hook; the same for every try.

    Attributes:
        id: The same for every try, another one for everything else and for every other hook.
        event: Name of the event.
        body: JSON.
        attributes: Headers that say more about it.
    """

    id: str
    event: str
    body: bytes
    attributes: Mapping[str, str]

    def headers(self, hook: Hook, attempt: int, timestamp: int) -> dict[str, str]:
        """Headers of one try.

        Args:
            hook: Who is called.
            attempt: Counted from 1.
            timestamp: Seconds since 1970.
        """
        headers = {
            **self.attributes,
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": USER_AGENT,
            "Webjobs-Event": self.event,
            "Webjobs-Attempt": str(attempt),
            "webhook-id": self.id,
            "webhook-timestamp": str(timestamp),
        }
        if hook.secret:
            headers["webhook-signature"] = signature(hook.secret, self.id, timestamp, self.body)
        return headers


def delivery_of(
    hook: Hook, source: Source, subject: str, headers: Mapping[str, str], data: bytes, sequence: int
) -> Delivery | None:
    """What a stored message means for a hook; None when it is not for it.

    Raises:
        UndecodableMessage: It is no event of this vocabulary.
    """
    name = subject.rpartition(".")[2]
    if source is Source.PUBLISHED:
        return Delivery(f"{hook.id}/published/{sequence}", name, data, trace_headers(headers))
    if name in UNHOOKED or not hook.filter.passes(subject):
        return None
    attributes = {key: value for key, value in headers.items() if key.startswith(_CE) and value.isascii()}
    trace = trace_headers(headers)
    delivery_id = f"{hook.id}/{headers.get('ce-id', sequence)}"
    if hook.event != RUN_FINISHED:
        return Delivery(delivery_id, name, redacted_event(name, data), attributes | trace)
    event = decode_event(subject, headers, data)
    assert isinstance(event, RunEnded)
    run = KUDU.responses.run_json(view_of(event), KUDU.urls(hook.base_url), event.at)
    about = {key: value for key, value in attributes.items() if key in _ABOUT_THE_RUN}
    return Delivery(delivery_id, RUN_FINISHED, msgspec.json.encode(run), about | trace)


def trace_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The trace of a stored message, as headers; empty when it has no valid one."""
    trace = parse_trace([headers.get(TRACEPARENT, "")], [headers.get(TRACESTATE, "")])
    return trace.headers if trace is not None else {}


def view_of(event: RunEnded) -> RunView:
    """The run that has ended, as history will know it."""
    fields = {name: getattr(event, name) for name in RunView.__struct_fields__ if hasattr(event, name)}
    return RunView(**fields | {"status": event.status, "ended_at": event.at})
