import json

from webjobs_api.events.cloud_event import cloud_event_json
from webjobs_api.http.sse import sse_event, sse_heartbeat
from webjobs_api.logs.lines import LogLines

MARK = b"[11/08/2013 02:56:00 > 327e1e: INFO] "


def test_an_event_ends_with_an_empty_line_and_has_a_line_for_each_line_of_data() -> None:
    assert sse_event("7", "Success", ["{}"]) == b"id: 7\nevent: Success\ndata: {}\n\n"
    assert sse_event("12", "", ["one", "", "two"]) == b"id: 12\ndata: one\ndata: \ndata: two\n\n"


def test_a_heartbeat_moves_the_readers_position_and_is_no_event() -> None:
    assert sse_heartbeat("7") == b": alive\nid: 7\n\n"


def test_an_event_is_one_line_of_json_with_its_attributes() -> None:
    headers = {"ce-id": "a/1", "ce-type": "io.webjobs.x", "Nats-Msg-Id": "a/1", "traceparent": "00-1"}
    told = cloud_event_json(headers, b'{\n "at": "now",\n "evidence": "a\\nb"}', 7)
    assert "\n" not in told
    assert json.loads(told) == {
        "id": "a/1",
        "type": "io.webjobs.x",
        "datacontenttype": "application/json",
        "sequence": "7",
        "traceparent": "00-1",
        "data": {"at": "now", "evidence": "a\nb"},
    }


def test_a_body_that_is_no_json_is_told_as_null() -> None:
    assert json.loads(cloud_event_json({}, b"\xff{", 1))["data"] is None


def test_lines_of_one_log_are_not_broken_by_those_of_another() -> None:
    lines = LogLines()
    assert lines.add("a", 0, b"one\nhal") == [b"one"]
    assert lines.add("b", 0, b"other\n") == [b"other"]
    assert lines.add("a", 7, b"f\n") == [b"half"]
    assert lines.add("a", 7, b"f\nend") == []
    assert lines.rest() == [b"end"]


def test_a_log_that_is_heard_from_its_middle_on_begins_with_a_whole_line() -> None:
    lines = LogLines()
    assert lines.add("a", 100, b"tail of a line\n" + MARK + b"new\n") == [MARK + b"new"]
    assert lines.add("b", 100, MARK + b"new\n") == [MARK + b"new"]
    assert lines.add("c", 100, b"no end at all") == []
    assert lines.add("c", 113, b"\n" + MARK + b"new\n")[-1] == MARK + b"new"


def test_a_line_without_an_end_is_not_held_for_ever() -> None:
    lines = LogLines()
    assert lines.add("a", 0, b"x" * 200_000) == [b"x" * 200_000]
    assert lines.rest() == []
