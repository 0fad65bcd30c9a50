"""Durations, sizes and counts in words, on pages, in answers and in terminals; pure."""

from datetime import timedelta

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_MILLISECOND = timedelta(milliseconds=1)
_ORDINALS = (
    "",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
)


def took(length: timedelta | None) -> str:
    """A duration: `93 ms`, `4.2 s`, `1 m 04 s`, `2 h 05 m`, `3 d 4 h`; empty for none, never negative."""
    if length is None:
        return ""
    milliseconds = max(0, length // _MILLISECOND)
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    if milliseconds < 10_000:
        return f"{milliseconds / 1000:.1f} s"
    return elapsed(milliseconds / 1000)


def elapsed(seconds: float) -> str:
    """A duration that goes on, in whole seconds: `4 s`, `1 m 04 s`, `2 h 05 m`, `3 d 4 h`; never negative."""
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} m {whole % _MINUTE:02d} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} m"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


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


def distance(seconds: float) -> str:
    """Where an instant lies so many seconds after it: `4 min ago`, `just now`; before it: `in 2 h`."""
    if abs(seconds) < 1:
        return "just now"
    text = rough(abs(seconds))
    return f"{text} ago" if seconds > 0 else f"in {text}"


def size(bytes_: int) -> str:
    """`12 B`, `4.2 kB`, `104 MB`: decimal units."""
    if bytes_ < 1000:
        return f"{bytes_} B"
    value = float(bytes_)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.5 or unit == "TB":
            break
    return f"{value:.1f} {unit}" if value < 10 else f"{value:,.0f} {unit}"


def counted(count: int, one: str, many: str = "") -> str:
    """`1 run`, `3 runs`, `1,204 files`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def ordinal(number: int) -> str:
    """`third`, `tenth`, `11th`, `22nd`."""
    if number < len(_ORDINALS):
        return _ORDINALS[number]
    ending = "th" if number // 10 % 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
