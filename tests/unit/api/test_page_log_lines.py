"""Bytes of a log as lines: hostile ones are shown harmlessly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webjobs_api.pages.log_lines import log_lines


def line_of(data: bytes) -> tuple[str, str, str]:
    (line,) = log_lines([data], 1)
    return line.at, line.stream, line.text


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"[11/08/2013 02:56:00 > 327e1e: INFO] hello", ("02:56:00", "OUT", "hello")),
        (b"[11/08/2013 02:56:00 > 327e1e: ERROR] no", ("02:56:00", "ERR", "no")),
        (b"[11/08/2013 02:56:00 > 327e1e: SYS INFO] Status", ("02:56:00", "SYS", "Status")),
        (b"hello", ("", "OUT", "hello")),
        (b"[1/2/3] hello", ("", "OUT", "[1/2/3] hello")),
        (b"10 %\r55 %\r100 %\r", ("", "OUT", "100 %")),
        (b"\x1b[31mred\x1b[0m", ("", "OUT", "red")),
        (b"bell\x07 and null\x00", ("", "OUT", "bell and null")),
        (b"\xff\xfe", ("", "OUT", "\ufffd\ufffd")),
    ],
)
def test_lines(data: bytes, expected: tuple[str, str, str]) -> None:
    assert line_of(data) == expected


def test_lines_are_numbered_where_their_number_is_known() -> None:
    assert [line.number for line in log_lines([b"a", b"b"], 7)] == [7, 8]
    assert [line.number for line in log_lines([b"a", b"b"], 0)] == [0, 0]


@pytest.mark.parametrize(
    ("text", "is_error"),
    [
        ("ValueError: no such invoice", True),
        ("Traceback (most recent call last):", True),
        ("2 errors", True),
        ("PANIC", True),
        ("a warning", False),
        ("terrors of the deep", True),
        ("mirrored", False),
    ],
)
def test_what_looks_like_an_error_is_one_on_stderr_only(text: str, is_error: bool) -> None:
    err, out = (f"[11/08/2013 02:56:00 > 327e1e: {level}] {text}".encode() for level in ("ERROR", "INFO"))
    assert [line.is_error for line in log_lines([err, out], 1)] == [is_error, False]


def test_a_long_line_is_cut() -> None:
    (line,) = log_lines([b"x" * 10_000], 1)
    assert (len(line.text), line.is_cut) == (8192, True)


@given(st.binary(max_size=300))
def test_no_control_character_is_shown(data: bytes) -> None:
    (line,) = log_lines([data.replace(b"\n", b"")], 1)
    assert not any(ord(letter) < 9 or 10 < ord(letter) < 32 for letter in line.text)
