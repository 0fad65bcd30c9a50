"""What a benchmark answers: figures beside their yardsticks, and how far the rounds lay apart."""

import math
import os
import statistics
import sys
from collections.abc import Sequence
from typing import Literal

import msgspec


class Figure(msgspec.Struct, kw_only=True):
    """One number with what it is to be compared to.

    Attributes:
        what: The question in a few words.
        unit: Of `value` and `yardstick_value`.
        value: Ours: the median of the rounds.
        yardstick: What the same thing costs without webjobs; measured in the same rounds.
        yardstick_value: The median of the rounds.
        ratio: The median of ours by the yardstick's, round by round; None when there is no yardstick.
        goal: The least that is good enough.
        stretch: What would be very good.
        judged: Whether the goal is about the ratio or about the value.
        better: Which way is good.
        rounds: What is judged, round by round.
        facts: More numbers, for those who want to know.
    """

    what: str
    unit: str
    value: float
    goal: float
    stretch: float
    better: Literal["lower", "higher"]
    judged: Literal["ratio", "value"] = "ratio"
    yardstick: str = ""
    yardstick_value: float | None = None
    ratio: float | None = None
    rounds: list[float] = []
    facts: dict[str, float] = {}

    @property
    def score(self) -> float:
        """The number that the goal is about."""
        return self.value if self.judged == "value" or self.ratio is None else self.ratio

    @property
    def is_met(self) -> bool:
        """Whether the goal is reached."""
        return self.score <= self.goal if self.better == "lower" else self.score >= self.goal


class Rounds:
    """Measurements of one kind taken in turns, ours and the yardstick's; a round's two belong together."""

    def __init__(self, name: str, unit: str) -> None:
        self._name = name
        self._unit = unit
        self.ours: list[float] = []
        self.yardstick: list[float] = []

    def add(self, ours: float, yardstick: float) -> None:
        """Take a round's two, and say them."""
        self.ours.append(ours)
        self.yardstick.append(yardstick)
        note(f"{self._name} {len(self.ours)}: {ours:.3g} {self._unit}, yardstick {yardstick:.3g}")

    @property
    def value(self) -> float:
        """Median of ours."""
        return statistics.median(self.ours)

    @property
    def yardstick_value(self) -> float:
        """Median of the yardstick's."""
        return statistics.median(self.yardstick)

    @property
    def ratios(self) -> list[float]:
        """Ours by the yardstick's, round by round."""
        return [round(a / b, 3) for a, b in zip(self.ours, self.yardstick, strict=True)]

    @property
    def ratio(self) -> float:
        """Their median, which noise that lasts longer than a round does not move."""
        return statistics.median(self.ratios)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def tell(*figures: Figure) -> None:
    """Print a benchmark's figures as JSON in one line, the last on standard output."""
    sys.stdout.write(msgspec.json.encode(figures).decode() + "\n")


def note(text: str) -> None:
    """Say on standard error how far a benchmark is."""
    load = os.getloadavg()[0]
    print(f"  [load {load:.1f}] {text}", file=sys.stderr, flush=True)


def in_milliseconds(
    what: str, rounds: Rounds, yardstick: str, goal: float, stretch: float, **facts: float
) -> Figure:
    """A duration whose goal is about the value, beside its yardstick."""
    return Figure(
        what=what,
        unit="ms",
        value=rounds.value,
        yardstick=yardstick,
        yardstick_value=rounds.yardstick_value,
        ratio=rounds.ratio,
        goal=goal,
        stretch=stretch,
        judged="value",
        better="lower",
        rounds=[round(each, 2) for each in rounds.ours],
        facts=facts,
    )
