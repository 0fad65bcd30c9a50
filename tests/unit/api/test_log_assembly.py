import random
from itertools import pairwise

from webjobs_api.logs.assembly import Assembly, Piece
from webjobs_api.logs.merged_log import MergedLog
from webjobs_events.jetstream import StreamMessage
from webjobs_rules.log_format import chunk_headers


def text(pieces: list[Piece]) -> bytes:
    assert not any(piece.gap for piece in pieces)
    return b"".join(piece.data for piece in pieces)


def test_repeats_and_overlaps_are_dropped() -> None:
    assembly = Assembly()
    assert assembly.add(0, b"one") == [Piece(b"one", 3)]
    assert assembly.add(0, b"one") == []
    assert assembly.add(1, b"netwo") == [Piece(b"two", 6)]
    assert assembly.add(0, b"o") == []


def test_a_chunk_behind_a_gap_is_held_until_the_gap_is_filled() -> None:
    assembly = Assembly()
    assert assembly.add(6, b"three") == []
    assert assembly.add(3, b"two") == []
    assert assembly.has_gap
    assert text(assembly.add(0, b"one")) == b"onetwothree"
    assert not assembly.has_gap and assembly.end == 11


def test_a_gap_that_stays_is_told_with_what_is_behind_it() -> None:
    assembly = Assembly()
    assert text(assembly.add(0, b"one")) == b"one"
    assert assembly.add(1000, b"late") == []
    assert assembly.add(1004, b"r") == []
    assert assembly.skip_gap() == [Piece(b"late", 1004, gap=997), Piece(b"r", 1005)]
    assert assembly.skip_gap() == []


def test_what_is_held_is_bounded() -> None:
    assembly = Assembly(most_held=10)
    assert assembly.add(100, b"0123456789") == []
    assert assembly.add(110, b"a") == [Piece(b"0123456789", 110, gap=100), Piece(b"a", 111)]


def test_any_way_to_send_a_file_again_from_an_earlier_offset_gives_the_file() -> None:
    chance = random.Random(1)
    content = bytes(chance.randrange(256) for _ in range(2000))
    for _ in range(50):
        assembly, at, got = Assembly(), 0, b""
        while at < len(content):
            size = chance.randrange(1, 200)
            got += text(assembly.add(at, content[at : at + size]))
            at = at + size if chance.random() < 0.7 else max(0, at - chance.randrange(300))
        assert got == content


def test_any_order_of_chunks_gives_the_file_from_any_offset_on() -> None:
    chance = random.Random(2)
    content = bytes(chance.randrange(256) for _ in range(500))
    for _ in range(50):
        cuts = sorted({0, len(content), *(chance.randrange(500) for _ in range(20))})
        chunks = list(pairwise(cuts))
        chance.shuffle(chunks)
        start = chance.randrange(400)
        assembly = Assembly(start)
        got = b"".join(text(assembly.add(begin, content[begin:end])) for begin, end in chunks)
        assert got == content[start:]


def message(sequence: int, source: str, offset: int, data: bytes, file_name: str = "a.log") -> StreamMessage:
    return StreamMessage(f"logs.{source}", chunk_headers(file_name, offset), data, sequence, 0)


def test_a_merged_log_counts_the_offsets_of_each_source_for_itself() -> None:
    log = MergedLog("a.log")
    assert not log.has_begun and log.end == 0
    messages = [
        message(1, "one", 0, b"1\n"),
        message(2, "two", 0, b"2\n"),
        message(3, "two", 0, b"other\n", "b.log"),
        message(4, "one", 0, b"1\n"),
        message(5, "one", 2, b"3\n"),
    ]
    assert text(log.add(messages)) == b"1\n2\n3\n"
    assert log.add([message(6, "two", 9, b"4\n")]) == [] and log.has_gap
    assert [piece.gap for piece in log.skip_gaps()] == [7] and log.end == 11


def test_a_merged_log_may_begin_anywhere() -> None:
    log = MergedLog("a.log", 10, begins_anywhere=True)
    assert log.add([message(1, "one", 4, b"456789"), message(2, "one", 10, b"ten")])[0].start == 10
    assert log.add([message(3, "two", 100, b"later")])[0].start == 100


def test_what_is_not_wanted_of_a_merged_log_shows_how_far_it_is() -> None:
    log = MergedLog("a.log", wanted_after=1)
    assert log.add([message(1, "one", 0, b"old")]) == [] and log.end == 3
    assert text(log.add([message(2, "one", 3, b"new")])) == b"new"
