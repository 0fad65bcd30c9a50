"""Where in a log a window is, with its errors and matches, as an inline drawing; pure."""

from collections.abc import Iterable, Sequence

from webjobs_api.logs.chunk_index import StoredChunk
from webjobs_api.logs.line_handlers import LogWindow
from webjobs_api.logs.line_window import LogExtent
from webjobs_api.logs.log_search import SearchResult
from webjobs_api.pages.bars import Bars, boxes
from webjobs_api.pages.formats import counted

BUCKETS = 200
"""Parts of a log that have marks of their own."""
_HEIGHT = 12
_PLACES = {"window": (0, _HEIGHT), "Failed": (2, 4), "match": (6, 4)}  # top and height of each kind of mark

Lines = tuple[int, int]
"""Numbers of the first and the last line."""


def position_bar(
    window: LogWindow, extent: LogExtent, samples: Sequence[StoredChunk], search: SearchResult | None
) -> Bars:
    """A drawing of the whole log.

    Args:
        window: Lines that are shown.
        extent: How much of the log is stored.
        samples: Some of its chunks in order, among them the first and the last.
        search: The lines that were searched for; None without a search.
    """
    first, total = extent.first, max(1, extent.lines - extent.first + 1)

    def buckets(lines: Iterable[Lines]) -> set[int]:
        found = set[int]()
        for begin, end in lines:
            found.update(range(_bucket(begin, first, total), _bucket(end, first, total) + 1))
        return found

    marks = {
        "window": buckets([(window.first or first, window.last or first)]),
        "Failed": buckets(error_ranges(samples)),
        "match": buckets((line, line) for line in search.matches) if search else set[int](),
    }
    paths = [
        (kind, boxes([(place, place) for place in places], *_PLACES[kind]))
        for kind, places in marks.items()
        if places
    ]
    label = f"Lines {window.first:,} to {window.last:,} of {extent.lines:,}"
    errors = f"errors in {counted(len(marks['Failed']), 'part')} of {BUCKETS}" if marks["Failed"] else ""
    found = counted(search.count, "match", "matches") if search else ""
    return Bars(BUCKETS, _HEIGHT, paths, f"{'; '.join(part for part in (label, errors, found) if part)}.")


def error_ranges(samples: Sequence[StoredChunk]) -> list[Lines]:
    """Lines with errors: exact ones in the samples, and all between two samples when an error is there."""
    found: list[Lines] = []
    for place, stored in enumerate(samples):
        found += [(line, line) for line in stored.before.error_lines(stored.chunk.data)]
        until = stored.until
        if place + 1 < len(samples) and samples[place + 1].before.errors > until.errors:
            found.append((until.lines + 1, samples[place + 1].before.lines + 1))
    return found


def _bucket(line: int, first: int, total: int) -> int:
    return min(BUCKETS - 1, max(0, (line - first) * BUCKETS // total))
