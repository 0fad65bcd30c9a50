"""The search of logs: literal, behind the marks, however the log is cut into pieces."""

import time
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from webjobs_api.logs import text_search
from webjobs_api.logs.text_search import MOST_MATCHES, TextSearch

MARK = "[11/08/2013 02:56:00 > 327e1e: INFO] "


def search(
    log: bytes, text: str, cuts: list[int] | None = None, *, case: bool = False, numbered: bool = False
) -> TextSearch:
    """Search a log that is cut into pieces; numbered: every other piece says with which line it begins."""
    found = TextSearch(text, is_case_sensitive=case)
    bounds = sorted({0, len(log), *(each % (len(log) + 1) for each in cuts or [])})
    for place, (start, end) in enumerate(pairwise(bounds)):
        says = numbered and place % 2 == 0
        found.add(log[start:end], log.count(b"\n", 0, start) + 1 if says else None)
    found.finish()
    return found


alphabet = st.text(alphabet="aAbäÄ. 1", max_size=8)


@given(
    st.lists(alphabet),
    alphabet.filter(bool),
    st.lists(st.integers(0, 1000)),
    st.booleans(),
    st.booleans(),
    st.integers(1, 80),
)
@example(["aa", "aaab"], "aab", [], True, False, 1)
def test_lines_are_found_as_one_by_one(
    lines: list[str], text: str, cuts: list[int], case: bool, numbered: bool, longest: int
) -> None:
    log = "\n".join(MARK + line for line in lines).encode()
    wanted = text if case else text.lower()
    expected = [n for n, line in enumerate(lines, 1) if wanted in (line if case else line.lower())]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_search, "_LONGEST_HELD", max(longest, len(MARK) + 4 * len(text.encode())))
        found = search(log, text, cuts, case=case, numbered=numbered)
    assert (found.matches, found.count) == (expected, len(expected))


def test_marks_are_not_searched_but_text_that_looks_like_one_is() -> None:
    log = f"{MARK}nothing\n{MARK}INFO here\n{MARK}{MARK}\n327e1e without a mark\n".encode()
    assert search(log, "info").matches == [2, 3]
    assert search(log, "327e1e").matches == [3, 4]
    assert search(log, "Info", case=True).matches == []
    assert search(log, ".*").matches == []


def test_many_lines_are_counted_and_the_first_named() -> None:
    found = search(b"x x x\n" * 5000 + b"y\nx", "x")
    assert (found.matches, found.count) == (list(range(1, MOST_MATCHES + 1)), 5001)


def test_a_line_without_an_end_is_searched_in_parts() -> None:
    found = TextSearch("needle")
    for part in [
        b"first\n",
        *[b"hay" * 100_000] * 20,
        b"nee",
        b"dle",
        *[b"hay" * 100_000] * 20,
        b"\nneedle\n",
    ]:
        found.add(part)
        assert sum(map(len, found._held)) < 2_000_000
    found.finish()
    assert (found.matches, found.count) == ([2, 3], 2)


@pytest.mark.parametrize("text", ["a" * 500 + "b", "a", "\x00"])
def test_hostile_logs_cost_no_more_than_their_length(text: str) -> None:
    """A cost that grew with the square of the length would take minutes."""
    began = time.process_time()
    search(b"a" * 3_000_000 + b"\n" + b"a\n" * 500_000, text, list(range(0, 3_000_000, 65_536)))
    assert time.process_time() - began < 30
