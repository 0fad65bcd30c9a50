"""What the chunks of the log of a deployment say beside their lines."""

import pytest
from webjobs_events.commands import CommandReply, ReplyCode
from webjobs_events.deployment_id import ATTEMPT_HEADER, END_HEADER, end_headers, next_attempt, reply_in

REFUSED = CommandReply(code=ReplyCode.INVALID_DEPENDENCIES, message="No versions fit:\n  ähm", revision=7)


def test_the_last_chunk_has_the_reply() -> None:
    headers = end_headers(REFUSED)
    assert END_HEADER in headers
    assert all(value.isascii() and value.isprintable() for value in headers.values())
    assert reply_in(headers) == REFUSED


@pytest.mark.parametrize("value", [None, "", "{", "[]", '{"code": "of a newer release"}'])
def test_a_reply_that_cannot_be_read_is_none(value: str | None) -> None:
    (name,) = end_headers(REFUSED).keys() - {END_HEADER}
    assert reply_in({END_HEADER: "1"} if value is None else {name: value}) is None


@pytest.mark.parametrize(
    ("written", "following"), [(None, 1), ("", 1), ("-3", 1), ("x", 1), ("1", 2), ("20", 21)]
)
def test_each_beginning_is_counted(written: str | None, following: int) -> None:
    assert next_attempt({} if written is None else {ATTEMPT_HEADER: written}) == following
