"""Commands on the wire: they come back as they were, and what is none of them is refused."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.messages import COMMAND_TYPES, commands, with_field, without_field
from webjobs_events.commands import (
    JOB_VERBS,
    AnyCommand,
    CommandReply,
    ReplyCode,
    decode_command,
    encode_command,
)
from webjobs_events.errors import UndecodableMessage

DELETE = (
    b'{"command":"delete","command_id":"c","job_type":"triggered","job_name":"a",'
    b'"requested_at":"2026-01-02T03:04:05Z","requested_by":"me"}'
)


@given(commands)
def test_a_command_comes_back_as_it_was(command: AnyCommand) -> None:
    assert decode_command("s", encode_command(command)) == command


@pytest.mark.parametrize("command_type", COMMAND_TYPES)
def test_the_verb_of_the_subject_is_the_tag_of_the_body(command_type: type[AnyCommand]) -> None:
    assert command_type.verb == command_type.__struct_config__.tag
    assert command_type.verb == "run" or command_type.verb in JOB_VERBS


def test_every_verb_has_one_command() -> None:
    assert sorted(command.verb for command in COMMAND_TYPES) == sorted(("run", *JOB_VERBS))


@given(commands, st.text(), st.integers() | st.text() | st.none())
def test_what_a_runner_does_not_know_is_ignored(command: AnyCommand, name: str, value: object) -> None:
    data = encode_command(command)
    known = {"command", *command.__struct_fields__}
    assert decode_command("s", data if name in known else with_field(data, name, value)) == command


@given(commands, st.data())
def test_a_command_that_lacks_a_needed_field_is_refused(command: AnyCommand, data: st.DataObject) -> None:
    needed = [field.encode_name for field in msgspec.structs.fields(command) if field.required]
    name = data.draw(st.sampled_from(needed))
    with pytest.raises(UndecodableMessage, match=name):
        decode_command("s", without_field(encode_command(command), name))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("command", "destroy"),
        ("command", None),
        ("command_id", 5),
        ("job_type", "sometimes"),
        ("job_name", ["a"]),
        ("requested_at", "2026-01-02 morning"),
        ("requested_at", "2026-01-02T03:04:05"),
        ("reply_to", False),
    ],
)
def test_a_field_of_another_type_is_refused(name: str, value: object) -> None:
    with pytest.raises(UndecodableMessage, match=r"^The message on webjobs\.commands\.x cannot be read: "):
        decode_command("webjobs.commands.x", with_field(DELETE, name, value))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"delete",
        b"[]",
        b"{}",
        b"\xff",
        DELETE[:-1],
        DELETE.replace(b'"me"', b'"\xff"'),
        b'{"settings":' + b"[" * 100_000 + b"]" * 100_000 + b"," + DELETE[1:].replace(b"delete", b"settings"),
    ],
    ids=lambda data: repr(data[:30]),
)
def test_a_body_that_is_no_command_is_refused(data: bytes) -> None:
    with pytest.raises(UndecodableMessage):
        decode_command("s", data)


@pytest.mark.parametrize("code", ReplyCode)
def test_a_reply_comes_back_as_it_was(code: ReplyCode) -> None:
    reply = CommandReply(code=code, message="Why.", revision=7)
    assert msgspec.json.decode(msgspec.json.encode(reply), type=CommandReply) == reply
