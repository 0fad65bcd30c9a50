"""Durations and counts in words; pure."""

from datetime import timedelta

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
_SECOND = timedelta(seconds=1)
_MILLISECOND = timedelta(milliseconds=1)


def as_duration(length: timedelta) -> str:
    """`93 ms`, `12 s`, `1 m 04 s`, `2 h 05 m`, `3 d 4 h`; never negative."""
    if length < _SECOND:
        return f"{max(length, timedelta(0)) // _MILLISECOND} ms"
    seconds = length // _SECOND
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} m {seconds % 60:02d} s"
    if seconds < 86_400:
        return f"{seconds // 3600} h {seconds // 60 % 60:02d} m"
    return f"{seconds // 86_400} d {seconds // 3600 % 24} h"


def as_age(age: timedelta) -> str:
    """`12 s ago`, `4 min ago`, `2 h ago`, `3 d ago`; the largest unit that is full."""
    seconds = max(age, timedelta(0)) // _SECOND
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"


def ordinal(number: int) -> str:
    """`third`, `tenth`, `11th`, `22nd`."""
    if number < len(_ORDINALS):
        return _ORDINALS[number]
    ending = "th" if number // 10 % 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
