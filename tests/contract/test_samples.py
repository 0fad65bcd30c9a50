"""Stored samples of every message: today's reader understands them, today's writer still writes them.

A sample is never edited: stored events are read for ever. A new shape is a new version with its own folder.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.sample_messages import CAUSE, COMMANDS, EVENTS, GROWN_EVENTS
from webjobs_events.commands import AnyCommand, decode_command, encode_command
from webjobs_events.envelope import MESSAGE_ID_HEADER, decode_event, encode_event
from webjobs_events.events import EVENT_TYPES, Event
from webjobs_events.subjects import Subjects

SAMPLES = Path(__file__).parent / "samples" / "v1"
EVENT_NAMES = sorted([*(f"{kind}.{name}" for kind, name in EVENT_TYPES), *GROWN_EVENTS])
ALL_EVENTS = EVENTS | GROWN_EVENTS
VERBS = sorted(command.verb for command in AnyCommand.__args__)  # type: ignore[attr-defined]
SUBJECTS = Subjects()


def _event_on_the_wire(event: Event) -> tuple[str, dict[str, str], bytes]:
    headers, body = encode_event(event, CAUSE)
    return event.subject(SUBJECTS), headers, body


def _command_on_the_wire(command: AnyCommand) -> tuple[str, dict[str, str], bytes]:
    return command.subject(SUBJECTS), {MESSAGE_ID_HEADER: command.command_id}, encode_command(command)


def _load(folder: str, name: str, wire: Callable[[Any], tuple[str, dict[str, str], bytes]]) -> dict[str, Any]:
    expected: Mapping[str, Any] = {"events": ALL_EVENTS, "commands": COMMANDS}[folder]
    if name not in expected:
        pytest.fail(f"{name} has no sample: add its value to support/sample_messages.py, then run this again")
    path = SAMPLES / folder / f"{name}.json"
    if not path.exists():
        subject, headers, body = wire(expected[name])
        sample = {"subject": subject, "headers": headers, "body": json.loads(body)}
        text = json.dumps(sample, indent=2, ensure_ascii=False)
        pytest.fail(f"{name} has no sample: write this into {path.relative_to(SAMPLES.parents[3])}\n{text}")
    sample: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return sample


def _bytes(body: object) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def _shared(body: bytes, stored: Mapping[str, Any]) -> bytes:
    """A body without the fields that were added since."""
    return _bytes({key: value for key, value in json.loads(body).items() if key in stored})


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_a_stored_event_is_read_as_it_was_meant(name: str) -> None:
    sample = _load("events", name, _event_on_the_wire)
    assert decode_event(sample["subject"], sample["headers"], _bytes(sample["body"])) == ALL_EVENTS[name]


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_an_event_is_still_written_as_stored_and_fields_are_only_added(name: str) -> None:
    sample = _load("events", name, _event_on_the_wire)
    subject, headers, body = _event_on_the_wire(ALL_EVENTS[name])
    assert (subject, headers) == (sample["subject"], sample["headers"])
    assert _shared(body, sample["body"]) == _bytes(sample["body"])


@pytest.mark.parametrize("verb", VERBS)
def test_a_stored_command_is_read_as_it_was_meant(verb: str) -> None:
    sample = _load("commands", verb, _command_on_the_wire)
    assert decode_command(sample["subject"], _bytes(sample["body"])) == COMMANDS[verb]


@pytest.mark.parametrize("verb", VERBS)
def test_a_command_is_still_written_as_stored_and_fields_are_only_added(verb: str) -> None:
    sample = _load("commands", verb, _command_on_the_wire)
    subject, headers, body = _command_on_the_wire(COMMANDS[verb])
    assert (subject, headers) == (sample["subject"], sample["headers"])
    assert _shared(body, sample["body"]) == _bytes(sample["body"])


@pytest.mark.parametrize(("folder", "names"), [("events", EVENT_NAMES), ("commands", VERBS)])
def test_every_stored_sample_is_of_a_message_we_still_know(folder: str, names: list[str]) -> None:
    stored = sorted(path.stem for path in (SAMPLES / folder).glob("*.json"))
    assert set(stored) <= set(names), "a message type was removed, but its events are still in the streams"


def test_no_two_sampled_events_share_an_id() -> None:
    assert len({event.event_id for event in EVENTS.values()}) == len(EVENTS)


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_an_event_is_small(name: str) -> None:
    assert len(encode_event(ALL_EVENTS[name], CAUSE)[1]) <= 8 * 1024
