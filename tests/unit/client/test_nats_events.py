"""Which events are read from NATS, and what they look like."""

import msgspec
import pytest
from webjobs_api.backends.event_filter import event_filter_of
from webjobs_api.events.cloud_event import cloud_event_json
from webjobs_client.errors import InvalidRequest
from webjobs_client.nats_events import event_of, selection_of, token_of
from webjobs_events import subjects
from webjobs_events.subjects import Subjects


@pytest.mark.parametrize("name", ["report", "a b", "j\u00f6b.\u2603", "A_-9", "a=b"])
def test_a_job_has_the_token_of_its_subjects(name: str) -> None:
    assert token_of(name) == subjects.token_of(name)


@pytest.mark.parametrize(
    ("types", "jobs", "names"),
    [
        ([], [], []),
        (["triggered"], ["a b", "c"], ["Failed", "Success"]),
        ([], ["x"], []),
        (["instance"], [], ["InstanceLost"]),
        ([], [f"job{number}" for number in range(50)], ["Failed", "Success"]),
    ],
)
def test_a_selection_is_that_of_the_api(types: list[str], jobs: list[str], names: list[str]) -> None:
    ours = selection_of(types, jobs, names)
    theirs = event_filter_of({"type": types, "job": jobs, "event": names})
    assert ours.filters("webjobs") == theirs.subjects(Subjects("webjobs"))
    for subject in (
        "webjobs.events.triggered.a=20b.Failed",
        "webjobs.events.continuous.x.Running",
        "webjobs.events.instance.a1b2c3.InstanceLost",
    ):
        assert ours.passes(subject) == theirs.passes(subject)


@pytest.mark.parametrize(("what", "value"), [("job_type", "batch"), ("event", "a.b"), ("job", "")])
def test_what_no_event_can_be_is_refused(what: str, value: str) -> None:
    with pytest.raises(InvalidRequest, match="selects no events"):
        selection_of(**{"job_type": (), "job": (), "event": (), what: value})


@pytest.mark.parametrize("data", [b'{"a": 1}', b"[1]", b"\xff"])
def test_an_event_looks_as_the_api_sends_it(data: bytes) -> None:
    headers = {"ce-id": "7", "ce-type": "t", "Nats-Msg-Id": "7", "traceparent": "00-1-2-01"}
    event = event_of("webjobs.events.triggered.a.Failed", headers, data, 12)
    assert (event.sequence, event.name) == (12, "Failed")
    sent = msgspec.json.decode(cloud_event_json(headers, data, 12))
    assert event.cloud_event == sent | {"data": event.data}
    assert event.data == (sent["data"] if isinstance(sent["data"], dict) else {})
