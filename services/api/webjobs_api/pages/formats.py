"""How pages write instants and names; pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from markupsafe import Markup, escape
from webjobs_rules.amounts import distance, elapsed

_LONG_WORD = 14  # characters after which a name may break at its marks
_BREAKS_AFTER = "-_./: "


class Clock(StrEnum):
    """How a person wants instants shown."""

    RELATIVE = "relative"
    LOCAL = "local"
    UTC = "utc"
    JOB = "job"


@dataclass(frozen=True, slots=True)
class Clocks:
    """By which clock a page shows instants.

    Attributes:
        chosen: By the switch in the frame.
        now: Of this page.
        local: Name of the zone of the reader's browser; empty when it is not known.
    """

    chosen: Clock
    now: datetime
    local: str = ""


def clocks_of(cookie: str, now: datetime) -> Clocks:
    """The choice in a cookie, such as `relative~Europe/Berlin`; relative times when it says nothing."""
    chosen, _, zone = cookie.partition("~")
    try:
        clock = Clock(chosen)
    except ValueError:
        clock = Clock.RELATIVE
    return Clocks(clock, now, zone if known_zone(zone) is not None else "")


def known_zone(name: str) -> tzinfo | None:
    """The time zone of this name; None when there is none."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def shown(at: datetime, clocks: Clocks, job_zone: str = "") -> str:
    """An instant by the chosen clock, with the name of its zone unless it is relative."""
    match clocks.chosen:
        case Clock.RELATIVE:
            return relative(at, clocks.now)
        case Clock.LOCAL:
            return absolute(at, clocks.local)
        case Clock.JOB:
            return absolute(at, job_zone)
        case Clock.UTC:
            return absolute(at, "")


def all_clocks(at: datetime, clocks: Clocks, job_zone: str = "") -> str:
    """An instant by every clock, one a line: what a tap on a time shows."""
    zones = [zone for zone in dict.fromkeys([clocks.local, "UTC", job_zone]) if zone]
    return "\n".join([relative(at, clocks.now), *(absolute(at, zone) for zone in zones)])


def absolute(at: datetime, zone: str) -> str:
    """`2026-01-02 03:04:05 Europe/Berlin`; UTC when there is no such zone."""
    found = known_zone(zone)
    if found is None or zone == "UTC":
        return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return f"{at.astimezone(found):%Y-%m-%d %H:%M:%S} {zone}"


def relative(at: datetime, now: datetime) -> str:
    """`4 min ago`, `in 2 h`, `just now`."""
    return distance((now - at).total_seconds())


def going_on(since: datetime, now: datetime) -> str:
    """How long something goes on by now: `1 m 04 s`."""
    return elapsed((now - since).total_seconds())


def breakable(name: str) -> Markup:
    """A name that a narrow page may break after its marks, and nowhere inside a word."""
    if len(name) <= _LONG_WORD:
        return escape(name)
    return Markup("").join(
        escape(letter) + Markup("<wbr>") if letter in _BREAKS_AFTER else escape(letter) for letter in name
    )


def short_digest(digest: str) -> str:
    """The beginning of a digest, which names a version as well."""
    return digest[:12]
