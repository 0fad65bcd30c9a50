"""The difference of two texts, line by line, in bounded time; pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

MAX_CHANGED_LINES = 1000
"""Between the first and the last change, of either text: comparing more could take long."""

LONGEST_LINE = 400  # characters that are shown

_CONTEXT = 3  # lines around a change
_NO_LAST_END = "\\ No newline at end of file"


@dataclass(frozen=True, slots=True)
class TextDiff:
    """The lines of a unified diff without its head, and what it lacks, as a sentence; empty: nothing."""

    lines: list[str]
    left_out: str = ""


def text_diff(before: str, after: str, most_lines: int) -> TextDiff:
    """What changed between two texts; at most so many lines of it."""
    old, new = _lines(before), _lines(after)
    first = _same(zip(old, new, strict=False))
    rest = min(len(old), len(new)) - first
    last = _same(zip(reversed(old[len(old) - rest :]), reversed(new[len(new) - rest :]), strict=True))
    if min(len(old), len(new)) - first - last and max(len(old), len(new)) - first - last > MAX_CHANGED_LINES:
        return TextDiff([], f"It changed in more than {MAX_CHANGED_LINES:,} lines.")
    lines = list(_unified(old, new, max(0, first - _CONTEXT), max(0, last - _CONTEXT), most_lines))
    if len(lines) > most_lines:
        return TextDiff(lines[:most_lines], "More lines changed than are shown.")
    return TextDiff(lines)


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    if not lines[-1]:
        return lines[:-1]
    return [*lines[:-1], f"{lines[-1]}\n{_NO_LAST_END}"]


def _same(pairs: Iterator[tuple[str, str]]) -> int:
    """How many pairs at the beginning are equal."""
    count = 0
    for one, other in pairs:
        if one != other:
            break
        count += 1
    return count


def _unified(old: Sequence[str], new: Sequence[str], skip: int, drop: int, most: int) -> Iterator[str]:
    """The hunks, as long as not too many lines are there; `skip` and `drop` lines at the ends are equal."""
    middle, other = old[skip : len(old) - drop], new[skip : len(new) - drop]
    shown = 0
    for group in SequenceMatcher(None, middle, other).get_grouped_opcodes(_CONTEXT):
        yield (
            f"@@ -{_range(group[0][1] + skip, group[-1][2] + skip)} "
            f"+{_range(group[0][3] + skip, group[-1][4] + skip)} @@"
        )
        for kind, begin, end, other_begin, other_end in group:
            parts = [(" ", middle[begin:end])] if kind == "equal" else []
            if kind != "equal":
                parts = [("-", middle[begin:end]), ("+", other[other_begin:other_end])]
            for sign, lines in parts:
                for line in lines:
                    yield from _shown(sign, line)
                    shown += 1
                    if shown > most:
                        return


def _shown(sign: str, line: str) -> Iterator[str]:
    text, _, mark = line.partition("\n")
    yield f"{sign}{text}" if len(text) <= LONGEST_LINE else f"{sign}{text[:LONGEST_LINE]}…"
    if mark:
        yield mark


def _range(begin: int, end: int) -> str:
    """Lines as the head of a hunk names them."""
    length = end - begin
    if length == 1:
        return str(begin + 1)
    return f"{begin + 1 if length else begin},{length}"
