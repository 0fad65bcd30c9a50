"""What a viewer shows of a line, whatever a script writes."""

import time
from datetime import UTC, datetime
from itertools import pairwise

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from webjobs_api.logs.ansi import Segment, segments
from webjobs_api.logs.line_view import (
    KEPT_BYTES,
    SHOWN_BYTES,
    LogLine,
    RawLine,
    last_state,
    line_view,
    looks_like_error,
)
from webjobs_rules.log_format import Level, line_mark

AT = datetime(2013, 11, 8, 2, 56, tzinfo=UTC)

escapes = st.sampled_from(
    [
        *("\x1b", "\x1b[", "\x1b[31", "\x1b[31m", "\x1b[0m", "\x1b[1;38;5;200m", "\x1b[38;2;1;2", "m"),
        *("\x1b]0;title\x07", "\x1b]8;;http://x\x1b\\", "\x1b[2K", "\x1b[?25l", "\x1b(B", "\x9b31m"),
        *("\x1b[99999999999m", "\x1b[;;m"),
    ]
)
hostile = st.lists(st.text(max_size=20) | escapes).map("".join)


def view(text: bytes, level: Level | None = "INFO") -> LogLine:
    line = (line_mark(AT, "327e1e", level) if level else b"") + text
    return line_view(RawLine(7, 42, line[:KEPT_BYTES], len(line)))


@pytest.mark.parametrize(
    ("level", "stream", "grave"),
    [
        ("INFO", "stdout", "info"),
        ("ERROR", "stderr", "info"),
        ("SYS INFO", "system", "info"),
        ("SYS WARN", "system", "warning"),
        ("SYS ERROR", "system", "error"),
    ],
)
def test_the_mark_is_folded_into_instant_stream_and_level(level: Level, stream: str, grave: str) -> None:
    line = view(b"hello", level)
    assert (line.number, line.offset, line.at, line.text, line.stream, line.level) == (
        7, 42, AT, "hello", stream, grave,
    )  # fmt: skip
    assert line.size == len(line_mark(AT, "327e1e", level)) + 5
    assert view(b"[no mark: ERROR] hello", None).at is None
    assert view(b"[no mark: ERROR] hello", None).text == "[no mark: ERROR] hello"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ValueError: 3", True),
        ("java.lang.NullPointerException", True),
        ("Traceback (most recent call last):", True),
        ("thread 'main' panicked at src/main.rs", True),
        ("FATAL: role does not exist", True),
        ("Found 10 errors", True),
        ("[ERROR] it broke", True),
        ("finished with 0 errors", False),
        ("no errors", False),
        ("0 Error(s)", False),
        ("fatality rate, erroring, panicky", False),
        ("all is well", False),
    ],
)
def test_lines_that_say_an_error_are_errors_on_either_stream(text: str, expected: bool) -> None:
    assert looks_like_error(text) == expected
    for level in ("INFO", "ERROR"):
        assert (view(text.encode(), level).level == "error") == expected
    assert view(text.encode(), "SYS INFO").level == "info"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("plain", [("plain", ())]),
        ("a\x1b[31mb\x1b[0mc", [("a", ()), ("b", ("ansi-red",)), ("c", ())]),
        ("\x1b[1;32mb\x1b[22mc", [("b", ("ansi-bold", "ansi-green")), ("c", ("ansi-green",))]),
        ("\x1b[91;44mb\x1b[39mc", [("b", ("ansi-bright-red", "ansi-on-blue")), ("c", ("ansi-on-blue",))]),
        ("\x1b[38;5;9mb", [("b", ("ansi-bright-red",))]),
        ("\x1b[38;5;196;1mb", [("b", ("ansi-bold", "ansi-bright-red"))]),
        ("\x1b[38;2;250;250;250mb", [("b", ("ansi-bright-white",))]),
        ("\x1b[48:5:232mb", [("b", ("ansi-on-black",))]),
        ("\x1b[38;5mb\x1b[38;5;999mc\x1b[77md", [("bcd", ())]),
        ("\x1b[mb\x1b[;ma", [("ba", ())]),
        ("a\x1b[2Kb\x1b[?25lc\x1b]0;title\x07d\x1b(Be\x1b]8;;http://x\x1b\\f", [("abcdef", ())]),
        ("a\x1b[31", [("a", ())]),
        ("a\x1b]0;never ended", [("a]0;never ended", ())]),
        ("a\x00b\x07c\td\x7f\x9b", [("a\u2400b\u2407c\td\u2421\ufffd", ())]),
        ("user\u202egpj.exe", [("user\ufffdgpj.exe", ())]),
        ("<script>alert(1)</script>", [("<script>alert(1)</script>", ())]),
        ("", []),
    ],
)
def test_escape_sequences_become_styles_or_nothing(
    line: str, expected: list[tuple[str, tuple[str, ...]]]
) -> None:
    assert segments(line) == tuple(Segment(text, styles) for text, styles in expected)


@given(hostile)
def test_whatever_a_line_holds_nothing_of_it_controls_a_terminal_or_a_page(line: str) -> None:
    found = segments(line)
    text = "".join(piece.text for piece in found)
    assert not any((ord(each) < 32 and each != "\t") or 0x7F <= ord(each) < 0xA0 for each in text)
    assert all(piece.text for piece in found)
    assert all(
        style.startswith("ansi-") and style.replace("-", "").isalpha() for p in found for style in p.styles
    )
    assert all(one.styles != other.styles for one, other in pairwise(found))
    assert segments(text) == ((Segment(text, ()),) if text else ())


@given(st.binary() | hostile.map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"\xff\xfe\r\r")
def test_every_line_has_a_view_that_is_json(text: bytes) -> None:
    line = view(text.replace(b"\n", b""))
    assert msgspec.json.decode(msgspec.json.encode(line), type=LogLine) == line
    assert line.segments is None or "".join(piece.text for piece in line.segments) == line.text


def test_a_progress_display_shows_its_last_state() -> None:
    for written, shown in [("1%\r50%\r100%", "100%"), ("1%\r2%\r", "2%"), ("\r\r", ""), ("plain", "plain")]:
        assert last_state(written) == shown
        assert view(written.encode()).text == shown


def test_a_long_line_is_cut_between_characters() -> None:
    for text, shown in [
        (b"x" * SHOWN_BYTES, "x" * SHOWN_BYTES),
        (b"x" * 5_000_000, "x" * SHOWN_BYTES),
        ("ä".encode() * SHOWN_BYTES, "ä" * (SHOWN_BYTES // 2)),
        (b"x" + "€".encode() * SHOWN_BYTES, "x" + "€" * ((SHOWN_BYTES - 1) // 3)),
        (b"x" * (SHOWN_BYTES - 1) + b"\xff" + b"x", "x" * (SHOWN_BYTES - 1) + "\ufffd"),
    ]:
        line = view(text)
        assert line.text == shown
        assert line.is_cut == (len(text) > SHOWN_BYTES)


@pytest.mark.parametrize(
    "part", ["\x1b]", "\x1b[", "\x1b[3", "\x1b[31m", "\x1b[31mx", "\x1b(", "\r", "error ", "\x9b"]
)
def test_hostile_lines_cost_no_more_than_their_length(part: str) -> None:
    """A cost that grew with the square of the length would take minutes."""
    text = part * (1_000_000 // len(part))
    began = time.process_time()
    segments(last_state(text))
    looks_like_error(text)
    assert time.process_time() - began < 20
