import pytest
from webjobs_events.errors import UndecodableMessage
from webjobs_events.files import (
    CHUNK_BYTES,
    QUESTIONS,
    Commit,
    Condition,
    Fault,
    Piece,
    Refused,
    Write,
    chunk_bytes,
    decode_question,
    decode_reply,
    encode,
    operation_of,
)


def test_each_question_has_a_subject_of_its_own() -> None:
    operations = [operation_of(question) for question in QUESTIONS]
    assert len(set(operations)) == len(operations)
    assert "read" in operations


def test_messages_come_out_as_they_went_in() -> None:
    question = Write(path="site/é", condition=Condition(match=("a", "*")))
    assert decode_question(encode(question)) == question
    for reply in (Piece(data=b"\0\xff"), Refused(fault=Fault.BUSY, message="Wait.")):
        assert decode_reply(encode(reply)) == reply


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", encode(Piece(data=b"x")), b"\x81\xa2op\xa4nope"])
def test_what_is_no_question_is_refused(data: bytes) -> None:
    with pytest.raises(UndecodableMessage):
        decode_question(data)


def test_what_is_no_answer_is_refused() -> None:
    with pytest.raises(UndecodableMessage):
        decode_reply(encode(Commit(session="x", size=1)))


@pytest.mark.parametrize(
    ("max_payload", "chunk"), [(1024 * 1024, CHUNK_BYTES), (64 * 1024, 60 * 1024), (1024, 1024)]
)
def test_a_chunk_fits_into_a_message(max_payload: int, chunk: int) -> None:
    assert chunk_bytes(max_payload) == chunk
