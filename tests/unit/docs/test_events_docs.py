"""docs/events.md names every event with its fields and an example, every header and every stream."""

import json
import re
from pathlib import Path

import pytest
from support.sample_messages import CAUSE, EVENTS, GROWN_EVENTS
from webjobs_events.envelope import encode_event
from webjobs_events.events import EVENT_TYPES
from webjobs_events.jetstream.streams import stream_configs
from webjobs_events.subjects import Subjects, token_of

PAGE = (Path(__file__).parents[3] / "docs" / "events.md").read_text()
CHAPTERS = dict(re.findall(r"(?ms)^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE))
OF_RUNS, OF_PROCESSES, OF_DEFINITIONS, OF_ACKNOWLEDGEMENTS, OF_RUNNERS = (
    "Runs of triggered jobs",
    "Continuous jobs",
    "Definitions of jobs",
    "Acknowledgements",
    "Runners",
)


def chapter_of(kind: str, name: str) -> str:
    if "revision" in EVENT_TYPES[kind, name].__struct_fields__:
        return CHAPTERS[OF_DEFINITIONS]
    if "acknowledgement_id" in EVENT_TYPES[kind, name].__struct_fields__:
        return CHAPTERS[OF_ACKNOWLEDGEMENTS]
    return CHAPTERS[{"triggered": OF_RUNS, "continuous": OF_PROCESSES, "instance": OF_RUNNERS}[kind]]


def section_of(kind: str, name: str) -> str:
    found = re.search(rf"(?ms)^### {name}\n(.*?)(?=^### |\Z)", chapter_of(kind, name))
    assert found, f"docs/events.md has no section on {name}"
    return found[1]


@pytest.mark.parametrize(("kind", "name"), sorted(EVENT_TYPES))
def test_every_event_has_an_example_that_is_a_stored_sample(kind: str, name: str) -> None:
    example = json.loads(section_of(kind, name).split("```json\n")[1].split("```")[0])
    samples = [
        json.loads(encode_event(event)[1])
        for key, event in (EVENTS | GROWN_EVENTS).items()
        if key.split(".")[1] == name
    ]
    assert example in samples


@pytest.mark.parametrize(("kind", "name"), sorted(EVENT_TYPES))
def test_every_field_of_an_event_is_explained_with_it_or_above_it(kind: str, name: str) -> None:
    introduction = chapter_of(kind, name).split("\n### ")[0]
    prose = CHAPTERS["Headers"] + introduction + section_of(kind, name).split("```json")[0]
    fields = ["event", *EVENT_TYPES[kind, name].__struct_fields__]
    assert not [field for field in fields if f"`{field}`" not in prose]


def test_no_event_is_documented_that_is_not_there() -> None:
    documented = set(re.findall(r"(?m)^### (\w+)$", PAGE))
    assert documented == {name for _, name in EVENT_TYPES}


def test_every_header_is_explained_with_a_true_example() -> None:
    rows = dict(re.findall(r"(?m)^\| `([\w-]+)` \| `([^`]+)` \|", CHAPTERS["Headers"]))
    headers, _ = encode_event(EVENTS["triggered.Failed"], CAUSE)
    assert rows == headers


def test_every_stream_of_messages_is_named_with_its_subjects() -> None:
    chapter = CHAPTERS["Streams and subjects"]
    for config in stream_configs(Subjects()):
        assert config.name and config.subjects
        if not config.name.startswith(("KV_", "OBJ_")):
            assert f"`{config.name}`" in chapter
            assert f"`{config.subjects[0].removesuffix('>')}" in chapter


def test_the_examples_of_encoded_names_are_true() -> None:
    examples = re.findall(r"`([^`]+)` becomes `([^`]+)`", CHAPTERS["Streams and subjects"])
    assert len(examples) == 3
    assert all(token_of(name) == token for name, token in examples)
