"""The AsyncAPI document: every event and command is in it, and every stored sample is as it says."""

import json
import re
from pathlib import Path
from typing import Any, get_args

import jsonschema_rs
import pytest
from webjobs_events.asyncapi import PARAMETERS, build_asyncapi
from webjobs_events.commands import AnyCommand
from webjobs_events.events import EVENT_TYPES
from webjobs_events.jetstream.streams import stream_configs
from webjobs_events.schemas import event_schemas
from webjobs_events.subjects import Subjects

META_SCHEMA = Path(__file__).parent / "asyncapi-3.0.0.schema.json"
"""`schemas/3.0.0.json` of `@asyncapi/specs` 6.11.1 (Apache-2.0), on one line."""
SAMPLES = sorted((Path(__file__).parent / "samples" / "v1").glob("*/*.json"), key=str)
DOCUMENT = build_asyncapi(Subjects(), "1.2.3")
PATTERNS = {
    channel: re.compile(re.sub(r"\\\{\w+\\\}", "[^.]+", re.escape(told["address"])))
    for channel, told in DOCUMENT["channels"].items()
    if told["address"]
}


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if "$ref" in node else set()
        return own.union(*(references(child) for child in node.values()))
    return set().union(*map(references, node)) if isinstance(node, list) else set()


def behind(reference: str) -> Any:
    """What a reference of the document leads to."""
    node: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        node = node[step]
    return node


def validator(schema: Any) -> Any:
    return jsonschema_rs.Draft7Validator({**schema, "components": DOCUMENT["components"]})


def test_every_event_has_its_subject_and_its_message() -> None:
    for kind, name in EVENT_TYPES:
        address = DOCUMENT["channels"][f"{kind}.{name}"]["address"]
        assert address.startswith(f"webjobs.events.{kind}.") and address.endswith(f".{name}")
        assert DOCUMENT["operations"][f"send.{kind}.{name}"]["action"] == "send"


def test_every_command_has_its_subject_and_its_message() -> None:
    for command in get_args(AnyCommand):
        assert command.verb in DOCUMENT["channels"][f"command.{command.verb}"]["address"]
        assert DOCUMENT["operations"][f"receive.command.{command.verb}"]["action"] == "receive"


def test_there_is_nothing_else_but_replies_logs_hooks_and_dead_letters() -> None:
    verbs = {command.verb for command in get_args(AnyCommand)}
    known = {f"{kind}.{name}" for kind, name in EVENT_TYPES} | {f"command.{verb}" for verb in verbs}
    others = {"command.reply", "log", "published", "delivery", "deadletter"}
    assert set(DOCUMENT["components"]["messages"]) - known == others


def test_every_stream_of_messages_has_its_subjects() -> None:
    streams = {told["x-jetstream-stream"] for told in DOCUMENT["channels"].values() if told["address"]}
    configured = {str(config.name) for config in stream_configs(Subjects())}
    assert streams == {name for name in configured if not name.startswith(("KV_", "OBJ_"))}


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_stored_message_is_as_the_document_says(path: Path) -> None:
    sample = json.loads(path.read_text("utf-8"))
    (channel,) = (name for name, pattern in PATTERNS.items() if pattern.fullmatch(sample["subject"]))
    (message,) = DOCUMENT["channels"][channel]["messages"].values()
    told = behind(message["$ref"])
    validator(told["headers"]).validate(sample["headers"])
    validator(told["payload"]).validate(sample["body"])
    assert not validator(told["payload"]).is_valid({**sample["body"], "job_type": 7, "at": None})


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        assert behind(reference) is not None


def test_every_part_of_a_subject_in_braces_is_explained() -> None:
    used = set()
    for told in DOCUMENT["channels"].values():
        in_address = set(re.findall(r"\{(\w+)\}", told["address"] or ""))
        assert in_address == set(told.get("parameters", {}))
        used |= in_address
    assert used == set(PARAMETERS)


def test_the_document_is_valid_by_the_schema_of_asyncapi() -> None:
    schema = jsonschema_rs.Draft7Validator(json.loads(META_SCHEMA.read_text("utf-8")))
    schema.validate(DOCUMENT)
    assert not schema.is_valid(DOCUMENT | {"servers": {"nats-1": {"host": "127.0.0.1:4222"}}})
    assert not schema.is_valid(DOCUMENT | {"sections": {}})


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("nats://127.0.0.1:4222", {"host": "127.0.0.1:4222", "protocol": "nats"}),
        ("tls://[::1]:4222/", {"host": "[::1]:4222", "protocol": "tls"}),
        ("nats://h", {"host": "h", "protocol": "nats"}),
    ],
)
def test_a_server_is_a_host_and_a_protocol(url: str, server: dict[str, str]) -> None:
    assert build_asyncapi(Subjects(), "1", [url, url])["servers"] == {"nats-1": server, "nats-2": server}


def test_another_namespace_has_subjects_of_its_own() -> None:
    told = build_asyncapi(Subjects("other"), "1")["channels"]["triggered.Failed"]
    assert told["address"] == "other.events.triggered.{job}.Failed"
    assert told["x-jetstream-stream"] == "OTHER_EVENTS"


@pytest.mark.parametrize("schema", event_schemas().values(), ids=event_schemas())
def test_a_schema_of_an_event_is_a_good_schema_and_stands_alone(schema: dict[str, Any]) -> None:
    jsonschema_rs.meta.validate(schema)
    assert all(reference.startswith("#/$defs/") for reference in references(schema))


def test_fields_are_explained_by_the_docstrings_of_their_classes() -> None:
    fields = DOCUMENT["components"]["schemas"]["RunFailed"]["properties"]
    assert fields["run_id"]["description"] == "Of the run."
    assert fields["started_at"]["description"] == "When its process started; null when it never did."
    assert "Attributes" not in DOCUMENT["components"]["schemas"]["Purged"]["description"]
