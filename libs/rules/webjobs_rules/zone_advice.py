"""Suggests a time zone for a name that does not exist.

A zone is only advised when its offset cannot be another one than was meant: the same name in other
letters, the same city, the zone that Windows calls so, or the fixed offset that was written.
"""

import difflib
import re
from collections.abc import Iterable

from webjobs_rules.windows_zones import WINDOWS_ZONES

_OFFSET = re.compile(
    r"(?P<name>[A-Za-z]*)\s*(?P<sign>[+-]?)\s*(?P<hours>[0-9]{1,2})(?::?(?P<minutes>[0-9]{2}))?"
)
# Behind UTC or GMT a plus means ahead; behind other names people mean either that or, as POSIX, the contrary.
_CLEAR = frozenset({"", "UTC", "GMT", "Z"})
_NO_REGIONS = ("etc/", "us/", "canada/", "mexico/", "brazil/", "chile/")
_NO_CITIES = frozenset({"north", "south", "west"})
_ALIKE = 0.8  # ratio of difflib, for the name of a city
_REGION_ALIKE = 0.6
_LONGEST_ABBREVIATION = 5  # letters, as in AEST


def closest_zone(name: str, zones: Iterable[str]) -> str | None:
    """Returns the zone that was meant; None when that is not clear.

    Args:
        name: As written.
        zones: The names that exist.
    """
    written = name.strip()[:100].replace("\u2212", "-")
    if written.casefold() in _WINDOWS:
        return _WINDOWS[written.casefold()]
    wanted = written.lower().replace(" ", "_")
    by_lower = {each.lower(): each for each in sorted(zones)}
    if wanted in by_lower:
        return by_lower[wanted]
    if offset := _OFFSET.fullmatch(written):
        return _fixed(offset, by_lower)
    return _city(wanted, by_lower)


def explain_offset(name: str) -> str:
    """Returns what to know about offsets when one was written as a zone; empty otherwise."""
    if _OFFSET.fullmatch(name.strip()[:100]) is None:
        return ""
    return "names such as Etc/GMT-2 count the other way round: that one is two hours ahead of UTC"


def _fixed(offset: re.Match[str], by_lower: dict[str, str]) -> str | None:
    """The zone with the fixed offset that was written."""
    hours, sign = int(offset["hours"]), offset["sign"]
    if offset["name"].upper() not in _CLEAR or int(offset["minutes"] or 0):
        return None
    if hours == 0:
        return "UTC"
    return by_lower.get(f"etc/gmt{'-' if sign == '+' else '+'}{hours}") if sign else None


def _city(wanted: str, by_lower: dict[str, str]) -> str | None:
    """The zone of a city, in its own region if one was written, a slip of the pen allowed for."""
    region, _, city = wanted.rpartition("/")
    places: dict[str, list[str]] = {}
    for lower, each in by_lower.items():
        if "/" in lower and not lower.startswith(_NO_REGIONS):
            places.setdefault(lower.rpartition("/")[2], []).append(each)
    for no_city in _NO_CITIES:
        places.pop(no_city, None)
    is_abbreviation = not region and len(city) <= _LONGEST_ABBREVIATION
    close = [] if is_abbreviation else difflib.get_close_matches(city, places, n=1, cutoff=_ALIKE)
    if city not in places and not close:
        return None
    found = city if city in places else close[0]
    for each in places[found]:
        own = each.lower().rpartition("/")[0]
        if not region or difflib.SequenceMatcher(None, region, own).ratio() >= _REGION_ALIKE:
            return each
    return places[found][0] if found == city else None


_WINDOWS = {windows.casefold(): zone for windows, zone in WINDOWS_ZONES.items()}
