from support.stories import Run
from webjobs_events.envelope import encode_event
from webjobs_events.events import Event, RunInitializing
from webjobs_events.jetstream import StreamMessage
from webjobs_events.subjects import Subjects
from webjobs_history.batch import decode_batch


def message(event: Event, sequence: int = 1) -> StreamMessage:
    headers, data = encode_event(event)
    return StreamMessage(event.subject(Subjects()), headers, data, sequence, 0)


def test_events_come_in_the_order_of_their_messages() -> None:
    run = Run(0)
    events, unreadable = decode_batch([message(event) for event in run.whole()])
    assert events == run.whole()
    assert not unreadable


def test_a_message_nobody_can_read_is_set_aside_and_the_rest_flows() -> None:
    run = Run(0)
    good = message(run.initializing())
    bad = StreamMessage("webjobs.events.triggered.job.Running", {}, b"?", 2, 0)
    events, unreadable = decode_batch([bad, good])
    assert events == [run.initializing()]
    assert [each.message for each in unreadable] == [bad]
    assert "ce-type" in unreadable[0].reason


def test_nul_characters_which_postgres_cannot_store_are_shown() -> None:
    run = Run(0)
    (event,), _ = decode_batch([message(run.initializing(arguments="a\0b"))])
    assert isinstance(event, RunInitializing)
    assert event.arguments == "a\ufffdb"


def test_a_backslash_that_only_looks_like_a_nul_stays() -> None:
    run = Run(0)
    (event,), _ = decode_batch([message(run.initializing(arguments=r"a\u0000b"))])
    assert isinstance(event, RunInitializing)
    assert event.arguments == r"a\u0000b"
