"""Hypothesis strategies for every message of the vocabulary, built from the fields the message declares."""

import json
import string
import types
import typing
from datetime import UTC
from typing import Any, TypeVar

import msgspec
from hypothesis import strategies as st
from webjobs_events.commands import AnyCommand
from webjobs_events.envelope import Cause
from webjobs_events.events import EVENT_TYPES, Event
from webjobs_events.instant import Instant
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunId, SentRunId, run_id_at

T = TypeVar("T")

COMMAND_TYPES: tuple[type[AnyCommand], ...] = AnyCommand.__args__  # type: ignore[attr-defined]

# An asterisk alone stands for every job in a subject, so no job can be called that.
job_names = st.text(min_size=1, max_size=128).filter(lambda name: name != "*")
instants = st.datetimes(timezones=st.just(UTC))
run_ids = instants.map(run_id_at)
_words = st.text(string.ascii_letters + string.digits + "-/", min_size=1, max_size=40)
_integers = st.integers(-(2**63), 2**63 - 1)
_json = st.recursive(
    st.none() | st.booleans() | _integers | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)

# What a field may hold when its type alone does not say it.
_BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "run_ids": st.lists(run_ids, min_size=1, max_size=5),
    "boot": run_ids,
    "instance": st.text("0123456789abcdef", min_size=6, max_size=6),
    "about_instance": st.text("0123456789abcdef", min_size=6, max_size=6),
    "acknowledgement_id": _words,
    "cause": _words,
    "settings": st.dictionaries(st.text(), _json, max_size=4),
    "patch": st.dictionaries(st.text(), _json, max_size=4),
}
_BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    int: _integers,
    Instant: instants,
    JobName: job_names,
    RunId: run_ids,
    SentRunId: run_ids,
    Any: _json,
    msgspec.Raw: _json.map(lambda value: msgspec.Raw(msgspec.json.encode(value))),
    float: st.floats(allow_nan=False, allow_infinity=False),
}


def messages(message_type: type[T]) -> st.SearchStrategy[T]:
    """Any value of one message type."""
    fields = msgspec.structs.fields(message_type)
    return st.builds(message_type, **{field.name: _field(field.name, field.type) for field in fields})


def _field(name: str, declared: Any) -> st.SearchStrategy[Any]:
    if name in _BY_NAME:
        return _BY_NAME[name]
    return _typed(declared)


def _typed(declared: Any) -> st.SearchStrategy[Any]:
    if declared in _BY_TYPE:
        return _BY_TYPE[declared]
    if typing.get_origin(declared) in (types.UnionType, typing.Union):
        return st.one_of(*(_typed(member) for member in typing.get_args(declared)))
    if typing.get_origin(declared) is list:
        return st.lists(_typed(declared.__args__[0]), max_size=3)
    if isinstance(declared, type) and issubclass(declared, msgspec.Struct):
        return messages(declared)
    return st.from_type(declared)


def events_of(kind: str, event_type: type[Event]) -> st.SearchStrategy[Event]:
    """Any event of a type as it may appear among the events of `kind`."""
    if "job_type" not in event_type.__struct_fields__:
        return messages(event_type)
    return messages(event_type).map(lambda event: msgspec.structs.replace(event, job_type=JobType(kind)))


events = st.sampled_from(sorted(EVENT_TYPES)).flatmap(lambda key: events_of(key[0], EVENT_TYPES[key]))
commands = st.sampled_from(COMMAND_TYPES).flatmap(messages)
causes = st.builds(
    Cause,
    correlation_id=st.none() | _words,
    causation_id=st.none() | _words,
    traceparent=st.none() | _words,
)


def with_field(data: bytes, name: str, value: object) -> bytes:
    """A JSON body with one more field, or with another value in it."""
    return json.dumps(json.loads(data) | {name: value}).encode()


def without_field(data: bytes, name: str) -> bytes:
    """A JSON body that lacks a field."""
    body = json.loads(data)
    del body[name]
    return json.dumps(body).encode()
