"""Events in words."""

import json

import pytest
from support.sample_messages import CAUSE, EVENTS
from webjobs_api.http.urls import Urls
from webjobs_api.pages.event_lines import EventLine, event_line, sentence
from webjobs_api.wording.sentence import Sentence
from webjobs_events.envelope import encode_event
from webjobs_events.events import Event
from webjobs_events.subjects import Subjects

SAMPLES = [*(EVENTS.values() if isinstance(EVENTS, dict) else EVENTS)]


def line_of(event: Event) -> EventLine:
    headers, data = encode_event(event, CAUSE)
    return event_line(event.subject(Subjects("webjobs")), headers, data, 7, Urls("/x"))


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: f"{event.kind}.{event.name}")
def test_every_event_has_a_sentence_and_its_json(event: Event) -> None:
    line = line_of(event)
    text = line.text.text(event.at)
    assert text.endswith(".") and not text.endswith(".."), text
    assert "None" not in text, text
    assert line.at == event.at and line.about
    assert json.loads(line.json)["sequence"] == "7"
    assert line.url.startswith("/x/pages/") == (event.kind != "instance")
    run_id = getattr(event, "run_id", None)
    assert line.url.endswith(f"/history/{run_id}") == (run_id is not None)


def test_sentences_say_what_happened() -> None:
    texts = {f"{event.kind}.{event.name}": sentence(event).text(event.at) for event in SAMPLES}
    assert texts["triggered.Initializing"].startswith("A run was requested: ")
    assert texts["triggered.Failed"].startswith("The run")
    assert "failed" in texts["triggered.Failed"]
    assert texts["triggered.Deployed"].startswith("New files were deployed: version ")
    assert texts["instance.InstanceLost"] == "The runner was lost."
    assert texts["triggered.Acknowledged"] == (
        "Dashboard - ada acknowledged failed, until it changes: The supplier is informed."
    )
    assert "ada acknowledged crash loop; it ends in 59 min: " in texts["continuous.Acknowledged"]
    assert texts["triggered.AcknowledgementWithdrawn"] == "Dashboard - ada withdrew an acknowledgement."
    assert "are free" in texts["instance.DiskLow"]


def test_an_event_that_cannot_be_read_is_shown_as_it_is() -> None:
    line = event_line("webjobs.events.triggered.hello.NewThing", {}, b"{<", 8, Urls(""))
    assert (line.name, line.at) == ("New thing", None)
    assert line.text == Sentence("It cannot be read by this release.")
    assert json.loads(line.json)["data"] is None
