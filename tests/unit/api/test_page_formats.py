"""How pages write instants, durations, sizes and names."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webjobs_api.pages.formats import (
    Clock,
    all_clocks,
    breakable,
    clocks_of,
    relative,
    shown,
)
from webjobs_api.wording.sentence import Elapsed, Sentence
from webjobs_rules.amounts import counted, elapsed, ordinal, rough, size, took
from webjobs_rules.word_list import listed

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (-5, "0 ms"),
        (0, "0 ms"),
        (93, "93 ms"),
        (999, "999 ms"),
        (4_240, "4.2 s"),
        (9_999, "10.0 s"),
        (42_000, "42 s"),
        (64_000, "1 m 04 s"),
        (3_599_999, "59 m 59 s"),
        (7_500_000, "2 h 05 m"),
        (273_600_000, "3 d 4 h"),
    ],
)
def test_durations(milliseconds: int, text: str) -> None:
    assert took(timedelta(milliseconds=milliseconds)) == text


def test_no_duration_is_no_text() -> None:
    assert took(None) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3600, "1 h"), (86_400, "1 d"), (273_600, "3 d 4 h")],
)
def test_rough_lengths(seconds: float, text: str) -> None:
    assert rough(seconds) == text


def test_instants_relative_to_now() -> None:
    assert relative(NOW, NOW) == "just now"
    assert relative(NOW - timedelta(minutes=4), NOW) == "4 min ago"
    assert relative(NOW + timedelta(hours=2), NOW) == "in 2 h"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (0.9, "0 s"), (4.2, "4 s"), (64, "1 m 04 s"), (7_500, "2 h 05 m"), (273_600, "3 d 4 h")],
)
def test_a_duration_that_goes_on_is_shown_in_whole_seconds(seconds: float, text: str) -> None:
    assert elapsed(seconds) == text


def test_a_sentence_reads_anew_at_each_instant() -> None:
    at = NOW - timedelta(minutes=4)
    sentence = Sentence("Failed ", at, ", running ", Elapsed(at), " of 5 m.", "")
    assert list(sentence) == ["Failed ", at, ", running ", Elapsed(at), " of 5 m."]
    assert sentence.text(NOW) == "Failed 4 min ago, running for 4 m 00 s of 5 m."
    assert sentence.text(NOW + timedelta(hours=1)) == "Failed 1 h ago, running for 1 h 04 m of 5 m."
    assert Sentence("a", at) == Sentence("a", at) != Sentence("a", NOW)


@pytest.mark.parametrize(
    ("cookie", "text"),
    [
        ("", "4 min ago"),
        ("utc~Europe/Berlin", "2026-01-02 11:56:00 UTC"),
        ("local~Europe/Berlin", "2026-01-02 12:56:00 Europe/Berlin"),
        ("local~../etc/passwd", "2026-01-02 11:56:00 UTC"),
        ("local~", "2026-01-02 11:56:00 UTC"),
        ("job~", "2026-01-02 20:56:00 Asia/Tokyo"),
        ("sundial~Europe/Berlin", "4 min ago"),
    ],
)
def test_the_clock_in_a_cookie(cookie: str, text: str) -> None:
    assert shown(NOW - timedelta(minutes=4), clocks_of(cookie, NOW), "Asia/Tokyo") == text


def test_a_tap_shows_each_clock_once() -> None:
    clocks = clocks_of("relative~Europe/Berlin", NOW)
    assert clocks.chosen is Clock.RELATIVE
    assert all_clocks(NOW, clocks, "Europe/Berlin").splitlines() == [
        "just now",
        "2026-01-02 13:00:00 Europe/Berlin",
        "2026-01-02 12:00:00 UTC",
    ]


@pytest.mark.parametrize(
    ("given_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (4_200, "4.2 kB"), (104_000_000, "104 MB"), (5_000_000_000_000, "5.0 TB")],
)
def test_sizes(given_bytes: int, text: str) -> None:
    assert size(given_bytes) == text


def test_a_long_name_breaks_after_its_marks_only() -> None:
    assert breakable("nightly-invoice-export") == "nightly-<wbr>invoice-<wbr>export"
    assert breakable("short-name") == "short-name"


@given(st.text(max_size=60))
def test_a_name_is_never_taken_for_html(name: str) -> None:
    written = str(breakable(name)).replace("<wbr>", "")
    assert "<" not in written and ">" not in written


def test_words() -> None:
    assert (counted(1, "run"), counted(1204, "file"), counted(2, "entry", "entries")) == (
        "1 run",
        "1,204 files",
        "2 entries",
    )
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    numbers = (1, 2, 3, 10, 11, 12, 13, 21, 22, 33, 101, 111)
    words = "first second third tenth 11th 12th 13th 21st 22nd 33rd 101st 111th"
    assert " ".join(map(ordinal, numbers)) == words
