"""A sentence with instants in it, which a page shows by the clock that its reader chose; pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from webjobs_rules.amounts import distance, took


@dataclass(frozen=True, slots=True)
class Elapsed:
    """The time that has passed since an instant, as a part of a sentence: `for 3 m 20 s`.

    Attributes:
        since: The instant.
        lead: What stands before the length, with a blank; a page with an absolute clock says `since` instead.
    """

    since: datetime
    lead: str = "for "


Part = str | datetime | Elapsed
"""A text, an instant that is shown as `4 min ago`, or the time since one."""


class Sentence:
    """Texts and instants in the order in which they are read."""

    def __init__(self, *parts: Part) -> None:
        self.parts = tuple(part for part in parts if part != "")

    def __iter__(self) -> Iterator[Part]:
        return iter(self.parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sentence) and self.parts == other.parts

    def __hash__(self) -> int:
        return hash(self.parts)

    def __repr__(self) -> str:
        return f"Sentence{self.parts!r}"

    def text(self, now: datetime) -> str:
        """Returns the sentence as it reads at an instant."""
        return "".join(_text(part, now) for part in self.parts)


def _text(part: Part, now: datetime) -> str:
    match part:
        case Elapsed(since, lead):
            return f"{lead}{took(now - since)}"
        case datetime():
            return distance((now - part).total_seconds())
        case str():
            return part
