"""A file goes through a form and back: what was not changed keeps every byte."""

import pytest
from webjobs_api.pages.editable_text import MAX_BYTES, edited, shown_text, why_not_editable

BOM = b"\xef\xbb\xbf"
FILES = [
    b"",
    b"one line",
    b"a\nb\n",
    b"a\r\nb\r\n",
    b"a\rb\r",
    b"a\n\n\nb",
    b"a\r\nb\nc\rd\r\n",
    b"\n\r\n\r",
    BOM + b"a\r\n",
    BOM,
    "x\u2028y\x85z\x0c\n\ufeff\n".encode(),
]


@pytest.mark.parametrize("content", FILES)
def test_a_file_that_is_saved_as_it_was_shown_is_the_same(content: bytes) -> None:
    shown = shown_text(content)
    assert "\r" not in shown and not shown.startswith("\ufeff")
    as_browsers_send_it = shown.replace("\n", "\r\n")
    assert edited(content, as_browsers_send_it) == content
    assert edited(content, shown) == content


CHANGES = [
    (b"", "a\r\nb\r\n", b"a\nb\n"),
    (b"a\r\nb\r\n", "a\nb\nc\n", b"a\r\nb\r\nc\r\n"),
    (b"a\r\nb", "a\nb\nc", b"a\r\nb\r\nc"),
    (b"a\nb\n", "b", b"b"),
    (b"a\nb\n", "", b""),
    (BOM + b"a\n", "b\n", BOM + b"b\n"),
    (b"a\r\nb\nc\r\n", "a\nB\nc\n", b"a\r\nB\nc\r\n"),
    (b"a\r\nb\nc\r\n", "a\nx\nb\nc\n", b"a\r\nx\r\nb\nc\r\n"),
    (b"a\nb\r\nc\n", "x\nb\nc\n", b"x\nb\r\nc\n"),
    (b"a", "a\n", b"a\n"),
    (b"a\n\n", "a\n", b"a\n"),
]


@pytest.mark.parametrize(("before", "typed", "after"), CHANGES)
def test_lines_end_as_they_did_and_new_ones_as_most_do(before: bytes, typed: str, after: bytes) -> None:
    assert edited(before, typed) == after


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a" * MAX_BYTES, ""),
        (b"a" * (MAX_BYTES + 1), "262 kB"),
        (b"\x7fELF\0", "binary"),
        (b"abc\xff", "byte 4"),
        ("größe".encode("utf-16"), "binary|byte"),
    ],
)
def test_what_no_form_can_hold_says_why(content: bytes, words: str) -> None:
    refusal = why_not_editable(content)
    assert any(word in refusal for word in words.split("|")) if words else not refusal
