"""Events on the wire: they come back as they were, strangers' additions do no harm, the rest is refused."""

import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.messages import causes, events, with_field, without_field
from webjobs_events.envelope import NO_CAUSE, Cause, decode_event, encode_event, event_type, parse_instant
from webjobs_events.errors import UndecodableMessage
from webjobs_events.events import Event, Purged, RunInitializing, RunRunning, RunSuccess
from webjobs_rules.job import JobName
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Reason

AT = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)
INITIALIZING = RunInitializing(
    at=AT,
    instance="327e1e",
    job_name=JobName("night.ly"),
    run_id=RunId("202601020304056789"),
    trigger="External - curl/8.5",
    digest="d1",
    requested_at=AT,
)


@given(events, causes)
def test_an_event_comes_back_as_it_was(event: Event, cause: Cause) -> None:
    headers, data = encode_event(event, cause)
    assert decode_event("s", headers, data) == event


@given(events, causes)
def test_the_envelope_tells_what_the_event_tells(event: Event, cause: Cause) -> None:
    headers, _ = encode_event(event, cause)
    assert headers["ce-id"] == headers["Nats-Msg-Id"] == event.event_id
    assert headers["ce-type"] == event_type(event.kind, event.name)
    assert headers["ce-source"] == f"/runners/{event.instance}"
    assert headers["ce-subject"] == event.about
    assert parse_instant(headers["ce-time"]) == event.at
    assert headers["ce-time"].endswith("Z")
    assert headers.get("ce-correlationid") == cause.correlation_id
    assert headers.get("ce-causationid") == cause.causation_id
    assert headers.get("traceparent") == cause.traceparent


@given(events, causes)
def test_headers_are_plain_text_of_one_line(event: Event, cause: Cause) -> None:
    headers, _ = encode_event(event, cause)
    for name, value in headers.items():
        assert value and value == value.strip()
        assert (name + value).isascii() and (name + value).isprintable()


def test_the_envelope_of_a_run_is_the_documented_one() -> None:
    headers, data = encode_event(INITIALIZING, Cause("c-1", "c-2", "00-4bf9-00"))
    assert headers == {
        "Nats-Msg-Id": "triggered/night=2Ely/202601020304056789/1/Initializing",
        "ce-specversion": "1.0",
        "ce-id": "triggered/night=2Ely/202601020304056789/1/Initializing",
        "ce-type": "io.webjobs.triggered.Initializing.v1",
        "ce-source": "/runners/327e1e",
        "ce-subject": "triggered/night=2Ely/202601020304056789",
        "ce-time": "2026-01-02T03:04:05.678900Z",
        "ce-dataschema": "/schemas/triggered.Initializing.v1.json",
        "content-type": "application/json",
        "ce-correlationid": "c-1",
        "ce-causationid": "c-2",
        "traceparent": "00-4bf9-00",
    }
    assert json.loads(data)["job_name"] == "night.ly"


def test_an_event_without_a_known_cause_names_none() -> None:
    headers, _ = encode_event(INITIALIZING, NO_CAUSE)
    assert not {"ce-correlationid", "ce-causationid", "traceparent"} & set(headers)


@given(events, st.text(), st.integers() | st.text() | st.none())
def test_what_a_reader_does_not_know_is_ignored(event: Event, name: str, value: object) -> None:
    headers, data = encode_event(event)
    known = {"event", *event.__struct_fields__}
    data = data if name in known else with_field(data, name, value)
    assert decode_event("s", headers | {"ce-fromthefuture": "1"}, data) == event


@given(events, st.data())
def test_an_event_that_lacks_a_needed_field_is_refused(event: Event, data: st.DataObject) -> None:
    needed = [field.encode_name for field in msgspec.structs.fields(event) if field.required]
    name = data.draw(st.sampled_from(needed))
    headers, body = encode_event(event)
    with pytest.raises(UndecodableMessage, match=name):
        decode_event("s", headers, without_field(body, name))


@pytest.mark.parametrize("headers", [None, {}, {"content-type": "application/json"}])
def test_a_message_without_a_type_is_refused(headers: dict[str, str] | None) -> None:
    with pytest.raises(UndecodableMessage, match="ce-type"):
        decode_event("s", headers, b"{}")


@pytest.mark.parametrize(
    "ce_type",
    [
        "io.webjobs.triggered.Initializing.v2",
        "io.webjobs.triggered.Initialising.v1",
        "io.webjobs.sometimes.Initializing.v1",
        "io.webjobs.instance.Running.v1",
        "io.webjobs.triggered.PendingRestart.v1",
        "io.webjobs.continuous.Success.v1",
        "io.webjobs.triggered.Initializing",
        "io.webjobs.triggered.Initializing.v1.more",
        "com.example.triggered.Initializing.v1",
        " io.webjobs.triggered.Initializing.v1",
        "",
    ],
)
def test_a_type_that_is_not_of_the_vocabulary_is_refused(ce_type: str) -> None:
    headers, data = encode_event(INITIALIZING)
    with pytest.raises(UndecodableMessage, match=r"^The message on webjobs\.events\.x cannot be read: "):
        decode_event("webjobs.events.x", headers | {"ce-type": ce_type}, data)


@pytest.mark.parametrize(
    "change",
    [
        {"event": "Running"},
        {"event": None},
        {"at": "yesterday"},
        {"at": "2026-01-02T03:04:05"},
        {"at": 5},
        {"attempt": "1"},
        {"attempt": 1.5},
        {"job_name": None},
        {"run_id": 202601020304056789},
        {"run_id": "../../elsewhere"},
        {"run_id": "*"},
        {"run_id": ""},
        {"retry_of": "20260102030405678"},
        {"rerun_of": "202601020304056789\n"},
        {"requested_at": None},
    ],
)
def test_a_field_of_another_type_is_refused(change: dict[str, object]) -> None:
    headers, data = encode_event(INITIALIZING)
    ((name, value),) = change.items()
    with pytest.raises(UndecodableMessage):
        decode_event("s", headers, with_field(data, name, value))


@pytest.mark.parametrize("run_id", ["", "..", "*", ">", "a b", "2026010203040567890"])
def test_a_purge_of_what_is_no_run_is_refused(run_id: str) -> None:
    """It would remove a folder, or logs, of others."""
    purged = Purged(at=AT, instance="327e1e", job_name=JobName("a"), run_ids=[RunId(run_id)], limit=1)
    with pytest.raises(UndecodableMessage, match="run_ids"):
        decode_event("s", *encode_event(purged))


@pytest.mark.parametrize("reason", ["unknown", "", "Exit_Code", None])
def test_an_end_without_a_reason_of_the_list_is_refused(reason: str | None) -> None:
    ended = RunSuccess(
        at=AT,
        instance="327e1e",
        job_name=JobName("a"),
        run_id=RunId("202601020304056789"),
        trigger="t",
        digest="d",
        requested_at=AT,
        started_at=AT,
        reason=Reason.EXIT_CODE,
        exit_code=0,
    )
    headers, data = encode_event(ended)
    with pytest.raises(UndecodableMessage):
        decode_event("s", headers, with_field(data, "reason", reason))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'"text"',
        b"\xff\xfe",
        b'{"event":"Initializing","instance":"\xff"}',
        b'{"event":"Initializing","instance":"\\ud800"}',
        b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=repr,
)
def test_a_body_that_is_not_the_message_is_refused(data: bytes) -> None:
    headers, _ = encode_event(INITIALIZING)
    with pytest.raises(UndecodableMessage):
        decode_event("s", headers, data)


def test_a_repeat_of_an_event_has_the_same_id_and_the_next_step_another() -> None:
    fields = msgspec.structs.asdict(INITIALIZING)
    again = RunInitializing(**(fields | {"at": datetime(2027, 1, 1, tzinfo=UTC), "instance": "abcdef"}))
    assert again.event_id == INITIALIZING.event_id
    ids = {
        INITIALIZING.event_id,
        RunRunning(**fields, script="run.sh").event_id,
        RunInitializing(**(fields | {"attempt": 2})).event_id,
        RunInitializing(**(fields | {"run_id": "202601020304056790"})).event_id,
        RunInitializing(**(fields | {"job_name": "night=2Ely"})).event_id,
    }
    assert len(ids) == 5
