"""Messages of the event stream → events, with unreadable ones set aside."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from webjobs_events.envelope import decode_event
from webjobs_events.errors import UndecodableMessage
from webjobs_events.events import Event
from webjobs_events.jetstream import StreamMessage


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message to park, and why."""

    message: StreamMessage
    reason: str


def decode_batch(messages: Iterable[StreamMessage]) -> tuple[list[Event], list[Unreadable]]:
    """The events in these messages, in order, and the messages that hold none."""
    events: list[Event] = []
    unreadable: list[Unreadable] = []
    for message in messages:
        try:
            event = decode_event(message.subject, message.headers, message.data)
        except UndecodableMessage as error:
            unreadable.append(Unreadable(message, error.reason))
        else:
            events.append(_storable(event) if b"\\u0000" in message.data else event)
    return events, unreadable


def _storable(event: Event) -> Event:
    """The event with its NUL characters, which Postgres stores in no text, shown as U+FFFD."""
    fields = msgspec.structs.asdict(event)
    changed = {
        name: value.replace("\0", "\N{REPLACEMENT CHARACTER}")
        for name, value in fields.items()
        if isinstance(value, str) and "\0" in value
    }
    return msgspec.structs.replace(event, **changed)
