"""CloudEvents 1.0 headers around each event (NATS binding, binary mode), and the way back."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec
from webjobs_rules.trace import TRACEPARENT, TRACESTATE, Trace

from webjobs_events.errors import MALFORMED, UndecodableMessage
from webjobs_events.events import EVENT_TYPES, Event, schema_file

MESSAGE_ID_HEADER = "Nats-Msg-Id"
_TYPE = re.compile(r"io\.webjobs\.(?P<kind>[a-z]+)\.(?P<name>[A-Za-z]+)\.v(?P<version>[0-9]+)")
_encoder = msgspec.json.Encoder()
_decoders = {key: msgspec.json.Decoder(event_type) for key, event_type in EVENT_TYPES.items()}


@dataclass(frozen=True, slots=True)
class Cause:
    """What led to an event: ids of the command or event before it, and the trace it belongs to."""

    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None


def cause_in(trace: Trace, command_id: str | None = None) -> Cause:
    """The cause of an event in a trace, and of a command if one led to it."""
    return Cause(command_id, command_id, trace.traceparent, trace.tracestate)


NO_CAUSE = Cause()


def event_type(kind: str, name: str, version: int = 1) -> str:
    """The stable `ce-type` of an event: `io.webjobs.<kind>.<Name>.v<version>`."""
    return f"io.webjobs.{kind}.{name}.v{version}"


def encode_event(event: Event, cause: Cause = NO_CAUSE) -> tuple[dict[str, str], bytes]:
    """Headers and JSON body of an event."""
    event_id = event.event_id
    headers = {
        MESSAGE_ID_HEADER: event_id,
        "ce-specversion": "1.0",
        "ce-id": event_id,
        "ce-type": event_type(event.kind, event.name),
        "ce-source": f"/runners/{event.instance}",
        "ce-subject": event.about,
        "ce-time": event.at.isoformat().replace("+00:00", "Z"),
        "ce-dataschema": f"/schemas/{schema_file(event.kind, event.name)}",
        "content-type": "application/json",
    }
    if cause.correlation_id:
        headers["ce-correlationid"] = cause.correlation_id
    if cause.causation_id:
        headers["ce-causationid"] = cause.causation_id
    if cause.traceparent:
        headers[TRACEPARENT] = cause.traceparent
        if cause.tracestate:
            headers[TRACESTATE] = cause.tracestate
    return headers, _encoder.encode(event)


def decode_event(subject: str, headers: Mapping[str, str] | None, data: bytes) -> Event:
    """The event in a message; fields it does not know are ignored.

    Raises:
        UndecodableMessage: It has no type of this vocabulary, or a body that is not of its type.
    """
    match = _TYPE.fullmatch((headers or {}).get("ce-type", ""))
    if match is None:
        raise UndecodableMessage(subject, "its ce-type is not io.webjobs.<kind>.<Name>.v<n>")
    decoder = _decoders.get((match["kind"], match["name"]))
    if decoder is None or match["version"] != "1":
        raise UndecodableMessage(subject, f"{match[0]} is not a type this version knows")
    try:
        return decoder.decode(data)
    except MALFORMED as error:
        raise UndecodableMessage(subject, str(error)) from error


def parse_instant(text: str) -> datetime:
    """An instant as `ce-time` writes it."""
    return datetime.fromisoformat(text)
