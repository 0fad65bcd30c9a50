"""Durations and results as bars of an inline drawing: one path a result; pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from webjobs_rules.amounts import counted
from webjobs_rules.status import Status
from webjobs_rules.word_list import listed

_HALF = 16  # units of height above the line, and as many below
_LEAST = 3  # units of the smallest bar
_WIDTH, _GAP = 5, 2


@dataclass(frozen=True, slots=True)
class Result:
    """What a bar shows.

    Attributes:
        status: Of the run.
        seconds: That it took; 0 when it has not ended.
    """

    status: Status
    seconds: float


@dataclass(frozen=True, slots=True)
class Bars:
    """A drawing of results, oldest first: failed ones hang below the line.

    Attributes:
        width: Units.
        height: Units.
        paths: The class and the path of each result that occurs.
        label: A sentence that says the same.
    """

    width: int
    height: int
    paths: list[tuple[str, str]]
    label: str


def bars_of(results: Sequence[Result], places: int = 0) -> Bars:
    """A drawing.

    Args:
        results: Oldest first.
        places: How many bars there is room for; they stand at its end.
    """
    places = max(places, len(results))
    longest = max((result.seconds for result in results), default=0.0) or 1.0
    paths: dict[Status, str] = {}
    for place, result in enumerate(results, places - len(results)):
        height = max(_LEAST, round(result.seconds / longest * _HALF))
        top = _HALF if result.status is Status.FAILED else _HALF - height
        left = place * (_WIDTH + _GAP)
        paths[result.status] = paths.get(result.status, "") + f"M{left} {top}h{_WIDTH}v{height}h-{_WIDTH}z"
    width = max(1, places * (_WIDTH + _GAP) - _GAP)
    return Bars(width, 2 * _HALF, [(status.value, path) for status, path in paths.items()], _label(results))


def boxes(times: Sequence[tuple[int, int]], top: int, height: int) -> str:
    """A path of boxes, each from its first unit of width to its last; those that touch are one."""
    merged: list[list[int]] = []
    for first, last in sorted(times):
        if merged and first <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], last)
        else:
            merged.append([first, last])
    return "".join(
        f"M{first} {top}h{last - first + 1}v{height}h-{last - first + 1}z" for first, last in merged
    )


def _label(results: Sequence[Result]) -> str:
    if not results:
        return "No runs yet."
    words = {Status.SUCCESS: "succeeded", Status.FAILED: "failed", Status.ABORTED: "aborted"}
    counts = {status: sum(result.status is status for result in results) for status in words}
    found = [f"{count} {words[status]}" for status, count in counts.items() if count]
    going = len(results) - sum(counts.values())
    if going:
        found.append(f"{going} not ended")
    return f"Last {counted(len(results), 'run')}: {listed(found)}."
