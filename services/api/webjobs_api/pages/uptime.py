"""How long a continuous job was up, as an inline drawing with a sentence as its label; pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from webjobs_rules.amounts import counted, took

from webjobs_api.pages.bars import Bars, boxes
from webjobs_api.pages.starts import Start

_UNITS = 480  # of width: of 24 hours each has three minutes
_ROW = 16  # units of height of an instance
_MARK = 4  # units of height of a crash, below the line
_MOST_ROWS = 8


def uptime_of(starts: Sequence[Start], begin: datetime, now: datetime) -> Bars:
    """A row for each instance: when its process was there, and marks where it crashed."""
    instances = list(dict.fromkeys(start.instance for start in starts))[:_MOST_ROWS]
    up, crashes = "", ""
    for row, instance in enumerate(instances):
        own = [start for start in starts if start.instance == instance]
        scale = _Scale(begin, now)
        times = [scale.units(start.began or begin, start.ended or now) for start in own]
        ends = [scale.units(start.ended, start.ended) for start in own if start.is_crash and start.ended]
        up += boxes(times, row * _ROW + 1, _ROW - _MARK - 2)
        crashes += boxes(ends, (row + 1) * _ROW - _MARK, _MARK)
    paths = [(kind, path) for kind, path in (("Running", up), ("Failed", crashes)) if path]
    return Bars(_UNITS, max(1, len(instances)) * _ROW, paths, label_of(starts, begin, now))


def label_of(starts: Sequence[Start], begin: datetime, now: datetime) -> str:
    """Says the same in a sentence: `Up 23 h 50 m of the last 24 h: 14 starts, 13 of them crashed.`."""
    if not starts:
        return f"Not up in the last {_hours(now - begin)}."
    crashed = sum(start.is_crash for start in starts)
    ends = f", {crashed:,} of them crashed" if crashed else ""
    begun = sum(start.began is not None and start.began >= begin for start in starts)
    how_often = f"{counted(begun, 'start')}{ends}" if begun or crashed else "no start, no end"
    return f"Up {took(up_time(starts, begin, now))} of the last {_hours(now - begin)}: {how_often}."


def up_time(starts: Sequence[Start], begin: datetime, now: datetime) -> timedelta:
    """How long a process was there on at least one instance."""
    total, until = timedelta(0), begin
    spans = sorted((max(begin, start.began or begin), min(now, start.ended or now)) for start in starts)
    for start, end in spans:
        if end > until:
            total += end - max(start, until)
            until = end
    return total


class _Scale:
    """Instants as units of width."""

    def __init__(self, begin: datetime, now: datetime) -> None:
        self._begin = begin
        self._unit = max(now - begin, timedelta(seconds=1)) / _UNITS

    def units(self, start: datetime, end: datetime) -> tuple[int, int]:
        """The first and the last unit of a time."""
        return self._place(start), self._place(end)

    def _place(self, at: datetime) -> int:
        return min(_UNITS - 1, max(0, int((at - self._begin) / self._unit)))


def _hours(length: timedelta) -> str:
    hours = round(length / timedelta(hours=1))
    return f"{hours} h" if hours else took(length)
