"""What the tab of a page says, as figures and as an icon; pure."""

from enum import StrEnum

import msgspec


class TabIcon(StrEnum):
    """The icons of a tab, each of another shape and colour."""

    WELL = "well"
    RUNNING = "running"
    ATTENTION = "attention"


class TabState(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a tab.

    Attributes:
        attention: Reasons for attention that are not acknowledged.
        running: Runs that run; at most 10,000 are counted.
    """

    attention: int
    running: int

    @property
    def icon(self) -> TabIcon:
        """The icon that says the same."""
        if self.attention:
            return TabIcon.ATTENTION
        return TabIcon.RUNNING if self.running else TabIcon.WELL


UNKNOWN = TabState(attention=0, running=0)
"""What a tab says before anything is known."""
