"""Lines cut out of a log, however it is cut into pieces."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from webjobs_api.logs.assembly import Piece
from webjobs_api.logs.line_cutter import LineCutter
from webjobs_api.logs.line_view import KEPT_BYTES, RawLine

texts = st.lists(st.sampled_from([b"one", b"two words", b"", b"x" * 50]), max_size=12)


def cut(log: bytes, cuts: list[int], cutter: LineCutter, offset: int = 0) -> list[RawLine]:
    found: list[RawLine] = []
    bounds = sorted({0, len(log), *(each % (len(log) + 1) for each in cuts)})
    for start, end in pairwise(bounds):
        found += cutter.add(Piece(log[start:end], offset + end))
    return found + cutter.rest()


@given(texts, st.booleans(), st.lists(st.integers(0, 1000)), st.integers(1, 14), st.integers(1, 14))
def test_any_window_is_what_counting_from_the_start_gives(
    texts: list[bytes], is_ended: bool, cuts: list[int], first: int, count: int
) -> None:
    log = b"\n".join(texts) + (b"\n" if is_ended and texts else b"")
    expected, offset = [], 0
    lines = log.split(b"\n")
    for number, line in enumerate(lines[:-1] if lines[-1] == b"" else lines, 1):
        if first <= number < first + count:
            expected.append(RawLine(number, offset, line, len(line)))
        offset += len(line) + 1
    assert cut(log, cuts, LineCutter(first, count=count)) == expected


@given(st.lists(st.integers(0, 50_000)))
def test_of_a_long_line_only_the_beginning_is_kept(cuts: list[int]) -> None:
    log = b"short\n" + b"y" * 50_000 + b"\nlast"
    assert cut(log, cuts, LineCutter(5, line=4, offset=100, count=9), 100) == [
        RawLine(5, 106, b"y" * KEPT_BYTES, 50_000),
        RawLine(6, 50_107, b"last", 4),
    ]


def test_a_gap_ends_the_line_before_it() -> None:
    cutter = LineCutter(1, count=9)
    found = cutter.add(Piece(b"one\ntw", 6))
    found += cutter.add(Piece(b"after\n", 100, gap=88))
    assert found == [RawLine(1, 0, b"one", 3), RawLine(2, 4, b"tw", 2), RawLine(3, 94, b"after", 5)]
