"""How pages write instants, durations, sizes and names; pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from markupsafe import Markup, escape

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
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
    seconds = (now - at).total_seconds()
    if abs(seconds) < 1:
        return "just now"
    text = rough(abs(seconds))
    return f"{text} ago" if seconds > 0 else f"in {text}"


def rough(seconds: float) -> str:
    """A length in its largest unit, or its two largest from a day on: `40 s`, `4 min`, `3 d 4 h`."""
    whole = int(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        return f"{whole // _HOUR} h"
    days, hours = whole // _DAY, whole % _DAY // _HOUR
    return f"{days} d {hours} h" if hours and days < 10 else f"{days} d"


def took(length: timedelta | None) -> str:
    """A duration: `93 ms`, `4.2 s`, `1 m 04 s`, `2 h 05 m`, `3 d 04 h`; empty for none, never negative."""
    if length is None:
        return ""
    milliseconds = max(0, length // timedelta(milliseconds=1))
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    if milliseconds < 10_000:
        return f"{milliseconds / 1000:.1f} s"
    seconds = milliseconds // 1000
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} m {seconds % _MINUTE:02d} s"
    if seconds < _DAY:
        return f"{seconds // _HOUR} h {seconds % _HOUR // _MINUTE:02d} m"
    return f"{seconds // _DAY} d {seconds % _DAY // _HOUR:02d} h"


def size(bytes_: int) -> str:
    """`12 B`, `4.2 kB`, `104 MB`: decimal units."""
    if bytes_ < 1000:
        return f"{bytes_} B"
    value = float(bytes_)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.5 or unit == "GB":
            break
    return f"{value:.1f} {unit}" if value < 10 else f"{value:,.0f} {unit}"


def breakable(name: str) -> Markup:
    """A name that a narrow page may break after its marks, and nowhere inside a word."""
    if len(name) <= _LONG_WORD:
        return escape(name)
    return Markup("").join(
        escape(letter) + Markup("<wbr>") if letter in _BREAKS_AFTER else escape(letter) for letter in name
    )


def counted(count: int, one: str, many: str = "") -> str:
    """`1 run`, `3 runs`, `1,204 files`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, last = list(words) or [""]
    return f"{', '.join(first)} and {last}" if first else last


def short_digest(digest: str) -> str:
    """The beginning of a digest, which names a version as well."""
    return digest[:12]
