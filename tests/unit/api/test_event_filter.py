import pytest
from webjobs_api.backends.event_filter import EventFilter, event_filter_of, start_of
from webjobs_api.http.request_errors import InvalidEventFilter
from webjobs_events.subjects import Subjects

HELLO_FAILED = "webjobs.events.triggered.hello.Failed"
INSTANCE = "webjobs.events.instance.327e1e.InstanceStarted"


def test_without_parameters_everything_passes() -> None:
    everything = event_filter_of({})
    assert everything.passes(HELLO_FAILED)
    assert everything.passes(INSTANCE)
    assert everything.subjects(Subjects()) == ["webjobs.events.*.*.*"]


def test_values_of_one_parameter_are_alternatives_and_parameters_add_up() -> None:
    wanted = event_filter_of({"type": ["triggered"], "job": ["hello", "a b"], "event": ["Failed", "Aborted"]})
    assert wanted.passes(HELLO_FAILED)
    assert wanted.passes("webjobs.events.triggered.a=20b.Aborted")
    assert not wanted.passes("webjobs.events.triggered.hello.Success")
    assert not wanted.passes("webjobs.events.continuous.hello.Failed")
    assert not wanted.passes("webjobs.events.triggered.other.Failed")
    assert sorted(wanted.subjects(Subjects())) == [
        "webjobs.events.triggered.a=20b.Aborted",
        "webjobs.events.triggered.a=20b.Failed",
        "webjobs.events.triggered.hello.Aborted",
        "webjobs.events.triggered.hello.Failed",
    ]


def test_a_runner_is_no_job_though_it_may_be_named_like_one() -> None:
    wanted = event_filter_of({"job": ["327e1e"]})
    assert not wanted.passes(INSTANCE)
    assert event_filter_of({"type": ["instance"]}).passes(INSTANCE)


def test_nats_is_not_asked_for_too_many_subjects() -> None:
    wanted = EventFilter(jobs=frozenset(f"j{number}" for number in range(50)), names=frozenset({"A", "B"}))
    assert wanted.subjects(Subjects()) == ["webjobs.events.>"]


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"type": ["nightly"]}, "triggered"),
        ({"event": ["success"]}, "Success"),
        ({"job": [".."]}, "dot"),
        ({"job": ["*"]}, "asterisk"),
        ({"job": ["a"] * 51}, "at most 50"),
    ],
)
def test_what_no_event_can_be_is_refused(parameters: dict[str, list[str]], says: str) -> None:
    with pytest.raises(InvalidEventFilter, match=says):
        event_filter_of(parameters)


def test_the_header_of_a_client_that_comes_again_beats_the_address() -> None:
    assert start_of("7", "3", "first") == 7
    assert start_of(None, "3", "first") == 3
    assert start_of("", None, "first") == 0
    assert start_of(None, None, "now") is None
    assert start_of(None, None, None) is None


@pytest.mark.parametrize("given", ["-1", "1.5", "x", "9" * 19, "٣"])
def test_a_start_that_is_no_sequence_is_refused(given: str) -> None:
    with pytest.raises(InvalidEventFilter):
        start_of(given, None, None)
    with pytest.raises(InvalidEventFilter):
        start_of(None, given, None)
    with pytest.raises(InvalidEventFilter):
        start_of(None, None, given)
