import re
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webjobs_rules.log_line import PIECE_BYTES, LineMarker, MergedLines, system_lines

NOON = datetime(2013, 11, 8, 2, 56, tzinfo=UTC)
MARK = b"[11/08/2013 02:56:00 > 327e1e: INFO] "
ANY_MARK = re.compile(rb"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d > 327e1e: (INFO|ERROR|SYS INFO)\] ")


def marked(*chunks: bytes) -> bytes:
    marker = LineMarker("327e1e", "INFO")
    return b"".join(marker.mark(chunk, NOON) for chunk in chunks) + marker.flush(NOON)


def texts(log: bytes) -> list[bytes]:
    """The texts behind the marks; fails where a line has none."""
    assert log == b"" or log.endswith(b"\n")
    lines = log.split(b"\n")[:-1]
    assert all(ANY_MARK.match(line) for line in lines)
    return [ANY_MARK.sub(b"", line, count=1) for line in lines]


def test_a_line_bears_instant_instance_and_level() -> None:
    assert marked(b"hello\n") == MARK + b"hello\n"
    assert LineMarker("327e1e", "ERROR").mark(b"no\n", NOON) == b"[11/08/2013 02:56:00 > 327e1e: ERROR] no\n"


def test_the_instant_is_written_in_utc() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=9)))
    assert LineMarker("327e1e", "INFO").mark(b"x\n", elsewhere) == MARK + b"x\n"


def test_what_webjobs_says_is_marked_sys_on_every_line() -> None:
    assert system_lines("one\ntwo", NOON, "327e1e", "SYS WARN").split(b"\n") == [
        b"[11/08/2013 02:56:00 > 327e1e: SYS WARN] one", b"[11/08/2013 02:56:00 > 327e1e: SYS WARN] two", b"",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([b""], []),
        ([b"\n"], [b""]),
        ([b"a\nb\n"], [b"a", b"b"]),
        ([b"a", b"b", b"\nc"], [b"ab", b"c"]),
        ([b"a\r\nb\r", b"\nc\r\n"], [b"a", b"b", b"c"]),
        ([b"10%\r20%\r\n"], [b"10%", b"20%"]),
        ([b"10%\r", b"20%\r"], [b"10%", b"20%"]),
        ([b"a\r", b"\n", b"\n"], [b"a", b""]),
        ([b"a\0b\n"], [b"a\0b"]),
        ([b"\xff\xfeok\xe2\x82\n"], ["\ufffd\ufffdok\ufffd".encode()]),
        ([b"\xe2\x82", b"\xac\n"], ["€".encode()]),
    ],
)
def test_lines_come_out_as_they_went_in(chunks: list[bytes], expected: list[bytes]) -> None:
    assert texts(marked(*chunks)) == expected


def test_a_finished_line_is_not_held_back_and_an_unfinished_one_is() -> None:
    marker = LineMarker("327e1e", "INFO")
    assert marker.mark(b"one\ntw", NOON) == MARK + b"one\n"
    assert marker.mark(b"o\n", NOON) == MARK + b"two\n"
    assert marker.lines == 2
    assert marker.flush(NOON) == b""


def test_a_long_line_goes_out_in_pieces_under_one_mark() -> None:
    line = "€".encode() * 1_000_000
    marker = LineMarker("327e1e", "INFO")
    pieces = [marker.mark(line[at : at + 4096], NOON) for at in range(0, len(line), 4096)]
    assert max(map(len, pieces)) < PIECE_BYTES + 8192
    assert marker.is_mid_line
    assert b"".join(pieces) + marker.mark(b"\nnext\n", NOON) == MARK + line + b"\n" + MARK + b"next\n"
    assert marker.lines == 2


def test_a_long_line_written_a_byte_at_a_time_is_not_copied_again_and_again() -> None:
    marker = LineMarker("327e1e", "INFO")
    for _ in range(3 * PIECE_BYTES):
        marker.mark(b"x", NOON)
    assert marker.flush(NOON).count(b"\n") == 1


def test_a_long_line_that_another_stream_breaks_goes_on_under_a_new_mark() -> None:
    out, err, log = LineMarker("327e1e", "INFO"), LineMarker("327e1e", "ERROR"), MergedLines()
    long = b"x" * PIECE_BYTES
    text = log.add(out, out.mark(long, NOON), NOON)
    text += log.add(err, err.mark(b"oops\n", NOON), NOON)
    text += log.add(None, system_lines("noted", NOON, "327e1e"), NOON)
    text += log.add(out, out.mark(b"end\nmore\n", NOON), NOON)
    assert texts(text) == [long, b"oops", b"noted", b"end", b"more"]


STREAM = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.sampled_from([b"\n", b"\r\n", b"\r", b"\xe2\x82\xac", b"\xf0\x9f", b"text", b"\xed\xa0\x80"]),
        st.integers(1, 3).map(lambda n: b"\xe2\x82\xac" * (n * PIECE_BYTES // 3)),
    ),
    max_size=12,
).map(b"".join)


def plain_lines(stream: bytes) -> list[bytes]:
    text = stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n").decode("utf-8", "replace").encode()
    lines = text.split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(stream), *(place % (len(stream) + 1) for place in places)})
    return [stream[start:end] for start, end in pairwise(edges)]


@given(STREAM, st.lists(st.integers(0, 10**6)))
def test_any_split_into_chunks_gives_the_same_lines(stream: bytes, places: list[int]) -> None:
    marker = LineMarker("327e1e", "INFO")
    log = b"".join(marker.mark(chunk, NOON) for chunk in cut(stream, places)) + marker.flush(NOON)
    log.decode()
    assert texts(log) == plain_lines(stream)
    assert marker.lines == len(plain_lines(stream))


@given(STREAM, STREAM, st.lists(st.integers(0, 10**6)), st.lists(st.integers(0, 10**6)))
def test_two_streams_in_one_log_never_leave_a_line_without_a_mark(
    first: bytes, second: bytes, first_places: list[int], second_places: list[int]
) -> None:
    out, err, merged = LineMarker("327e1e", "INFO"), LineMarker("327e1e", "ERROR"), MergedLines()
    log = b""
    one, two = cut(first, first_places), cut(second, second_places)
    for turn in range(max(len(one), len(two))):
        for marker, chunks in ((out, one), (err, two)):
            if turn < len(chunks):
                log += merged.add(marker, marker.mark(chunks[turn], NOON), NOON)
    log += merged.add(out, out.flush(NOON), NOON) + merged.add(err, err.flush(NOON), NOON)
    log.decode()
    texts(log)
    for level, stream in ((b"INFO", first), (b"ERROR", second)):
        of_level = [line for line in log.split(b"\n") if b": " + level + b"] " in line[:60]]
        joined = b"".join(ANY_MARK.sub(b"", line, count=1) for line in of_level)
        assert joined == b"".join(plain_lines(stream))
