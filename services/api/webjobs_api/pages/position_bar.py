"""Where in a log a window is, with its errors and matches, as an inline drawing; pure."""

from collections.abc import Iterable, Sequence

from webjobs_rules.amounts import counted
from webjobs_rules.log_format import LineCount, LogChunk

from webjobs_api.pages.bars import Bars, boxes

BUCKETS = 200
"""Parts of a log that have marks of their own."""
_HEIGHT = 12
_PLACES = {"window": (0, _HEIGHT), "Failed": (2, 4), "match": (6, 4)}  # top and height of each kind of mark

Lines = tuple[int, int]
"""Numbers of the first and the last line."""


def position_bar(
    window: Lines, whole: Lines, errors: Sequence[Lines], matches: Sequence[int], match_count: int
) -> Bars:
    """A drawing of the whole log.

    Args:
        window: Lines that are shown.
        whole: All lines that are stored.
        errors: Lines with errors.
        matches: Numbers of lines that were searched for.
        match_count: How many such lines there are; `matches` may be the first of them.
    """
    first, total = whole[0], max(1, whole[1] - whole[0] + 1)

    def buckets(lines: Iterable[Lines]) -> set[int]:
        found = set[int]()
        for begin, end in lines:
            found.update(range(_bucket(begin, first, total), _bucket(end, first, total) + 1))
        return found

    marks = {
        "window": buckets([window]),
        "Failed": buckets(errors),
        "match": buckets((line, line) for line in matches),
    }
    paths = [
        (kind, boxes([(place, place) for place in places], *_PLACES[kind]))
        for kind, places in marks.items()
        if places
    ]
    words = [f"Lines {window[0]:,} to {window[1]:,} of {whole[1]:,}"]
    if marks["Failed"]:
        words.append(f"errors in {counted(len(marks['Failed']), 'part')} of {BUCKETS}")
    if match_count:
        words.append(counted(match_count, "match", "matches"))
    return Bars(BUCKETS, _HEIGHT, paths, f"{'; '.join(words)}.")


def error_ranges(samples: Sequence[LogChunk]) -> list[Lines]:
    """Lines with errors: exact ones in the samples, and all between two samples when an error is there.

    Args:
        samples: Some chunks of a log in order, which count lines.
    """
    found: list[Lines] = []
    until = LineCount()
    for chunk in samples:
        before = chunk.before or until
        if chunk is not samples[0] and before.errors > until.errors:
            found.append((until.lines + 1, before.lines + 1))
        found += [(line, line) for line in before.error_lines(chunk.data)]
        until = before.after(chunk.data)
    return found


def _bucket(line: int, first: int, total: int) -> int:
    return min(BUCKETS - 1, max(0, (line - first) * BUCKETS // total))
