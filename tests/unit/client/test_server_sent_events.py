"""Streams of events: how they are read, resumed and given up; plans are driven by hand."""

import json
from collections.abc import Generator
from typing import Any

import pytest
from webjobs_client import ContactLost, JobNotFound, flows
from webjobs_client.exchange import Answer, Broken, Emit, Now, Open, Pause, Read, Send
from webjobs_client.server_sent_events import EventParser, ServerSentEvent
from webjobs_client.tries import Terms

TERMS = Terms("http://h", 10.0)
STREAM = Answer(200, (("content-type", "text/event-stream; charset=utf-8"),))
CUT = Broken("Connection reset by peer", was_sent=True)
REFUSED = Broken("Connection refused", was_sent=False)


class Driven:
    """A plan that was driven to its end with these results: of each `Open`, `Read` and `Send`, in turn."""

    def __init__(self, plan: Generator[Any, Any, Any], results: list[Any], most: int | None = None) -> None:
        self.items: list[Any] = []
        self.resumed_at: list[str] = []
        self.has_returned = False
        clock, given = 0.0, None
        left = list(results)
        while most is None or len(self.items) < most:
            try:
                step = plan.throw(given) if isinstance(given, Broken) else plan.send(given)
            except StopIteration:
                self.has_returned = True
                break
            given = None
            match step:
                case Emit(item):
                    self.items.append(item)
                case Now():
                    given = clock
                case Pause(seconds):
                    clock += seconds
                case Open(request):
                    self.resumed_at.append(dict(request.headers).get("Last-Event-ID", ""))
                    given = left.pop(0)
                case Read() | Send():
                    given = left.pop(0)
        plan.close()
        self.left = left


def test_events_are_read_whatever_pieces_they_come_in() -> None:
    text = b": alive\nid: 4\n\nid: 5\nevent: x\ndata: a\ndata:b\n\n"
    text += b"data: \r\n\r\nid: 7\n\nevent: y\nignored\n\n"
    wanted = [ServerSentEvent("5", "x", "a\nb"), ServerSentEvent("5", "message", "")]
    for size in (1, 2, 3, 7, len(text)):
        parser = EventParser()
        found = [event for at in range(0, len(text), size) for event in parser.feed(text[at : at + size])]
        assert found == wanted and parser.last_id == "7"


def test_an_event_that_is_cut_off_is_not_what_a_stream_resumes_after() -> None:
    parser = EventParser()
    parser.feed(b"id: 1\ndata: a\n\nid: 2\ndata: b\n")
    assert parser.last_id == "1"
    parser.forget_unfinished()
    assert parser.feed(b"data: c\n\n") == [ServerSentEvent("1", "message", "c")]


END = b'id: 9-end\nevent: end\ndata: {"status":"Success"}\n\n'


@pytest.mark.parametrize("broken", [CUT, b""])
def test_a_log_goes_on_where_it_broke_off_until_its_very_end(broken: Any) -> None:
    results = [
        STREAM,
        b"id: 0\n\nid: 4\ndata: one\n\nid: 8\ndata: tw",
        broken,
        STREAM,
        b"id: 8\ndata: two\n\n" + END,
    ]
    driven = Driven(flows.follow_log(TERMS, "j", "1"), results)
    assert driven.items == ["one", "two"] and driven.has_returned
    assert driven.resumed_at == ["", "4"]


def test_a_log_shows_gaps_and_no_unfinished_lines() -> None:
    text = b"id: 1\nevent: partial\ndata: on\n\nid: 4\ndata: one\ndata: 1\n\n"
    text += b'id: 6\nevent: gap\ndata: {"after":4}\n\n'
    driven = Driven(flows.follow_log(TERMS, "j", "1", offset=1), [STREAM, text + END])
    assert driven.items == ["one", "1", '[a part of the log is not stored any more: {"after":4}]']
    assert driven.resumed_at == ["1"]
    assert Driven(flows.follow_log(TERMS, "j", "1"), [Answer(204, ())]).has_returned


def details(status: str) -> Answer:
    instant = "2026-01-02T03:04:05Z"
    run = {"id": "1", "job_name": "j", "status": status, "start_time": instant, "end_time": instant}
    body = json.dumps({**run, "duration": "00:00:00", "url": "", "output_url": "", "trigger": ""})
    return Answer(200, (), body.encode())


def test_a_log_without_an_end_is_no_success() -> None:
    broken = [STREAM, CUT]
    with pytest.raises(ContactLost, match="broke off before its end"):
        Driven(flows.follow_log(TERMS, "j", "1"), [*broken, *broken, *broken, details("Success")])
    # While the run goes on, a connection may break as often as it likes.
    quiet = [*broken, *broken, *broken, details("Running"), *broken, details("Running"), STREAM, END]
    assert Driven(flows.follow_log(TERMS, "j", "1"), quiet).has_returned


def test_a_stream_that_is_refused_is_an_error_at_once() -> None:
    none = Answer(404, (), b"There is no triggered job named 'j'.")
    with pytest.raises(JobNotFound):
        Driven(flows.follow_log(TERMS, "j", "1"), [none])
    with pytest.raises(ContactLost):
        Driven(flows.events(TERMS), [REFUSED] * 99)


def test_the_log_of_a_continuous_job_is_followed_from_an_offset_until_the_connection_ends() -> None:
    whole = Answer(200, ())
    results = [whole, b"one\ntwo\nth", b"ree\n\xc3", b"\xa4\n", b"unfinished"]
    driven = Driven(flows.follow_job_log(TERMS, "w", offset=4), results, most=3)
    assert driven.items == ["two", "three", "ä"]
    for end in (b"", CUT):
        with pytest.raises(ContactLost):
            Driven(flows.follow_job_log(TERMS, "w"), [whole, b"one\n", end])
    with pytest.raises(JobNotFound):
        Driven(flows.follow_job_log(TERMS, "w"), [Answer(404, (), b"There is no continuous job named 'w'.")])


def event(sequence: int, name: str = "Success") -> bytes:
    return (
        f'id: {sequence}\nevent: {name}\ndata: {{"id":"i{sequence}","data":{{"n":{sequence}}}}}\n\n'.encode()
    )


def test_events_come_once_each_over_breaks() -> None:
    results = [
        *(STREAM, b"id: 3\n\n" + event(5) + event(6), CUT),
        *(REFUSED, Answer(503, ()), STREAM, event(6) + event(7), b""),
        *(STREAM, b'id: 40\nevent: gap\ndata: {"after":7,"until":40}\n\n' + event(41)),
    ]
    driven = Driven(flows.events(TERMS, job="j"), results, most=5)
    assert [(found.sequence, found.name) for found in driven.items] == [
        (5, "Success"),
        (6, "Success"),
        (7, "Success"),
        (40, "gap"),
        (41, "Success"),
    ]
    assert driven.items[0].data == {"n": 5} and driven.items[0].id == "i5"
    assert driven.items[3].data == {"after": 7, "until": 40} and driven.items[3].id == ""
    assert driven.resumed_at == ["", "6", "6", "6", "7"]


def test_a_break_before_the_first_event_loses_nothing() -> None:
    driven = Driven(flows.events(TERMS), [STREAM, b": alive\nid: 12\n\n", CUT, STREAM, event(13)], most=1)
    assert driven.resumed_at == ["", "12"] and driven.items[0].sequence == 13
    assert Driven(flows.events(TERMS, after=4), [STREAM, event(5)], most=1).resumed_at == ["4"]
