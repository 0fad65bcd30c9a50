"""Lists of words in a sentence; pure."""

from collections.abc import Iterable


def listed(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`; empty for none."""
    *first, last = list(words) or [""]
    return f"{', '.join(first)} and {last}" if first else last
