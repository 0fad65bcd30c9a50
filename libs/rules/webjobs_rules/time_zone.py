"""Time zones by their IANA names, and when their clocks are changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from webjobs_rules.errors import UnknownTimeZone
from webjobs_rules.zone_advice import closest_zone, explain_offset

_LONGEST_SHIFT = timedelta(days=2)  # a whole day was skipped once, when a country crossed the date line
_STEP = timedelta(hours=12)  # no zone changes its offset and takes that back within this time
_SECOND = timedelta(seconds=1)
_NO_ZONES = frozenset({"Factory", "localtime", "posixrules"})  # in the database, and yet no place


@dataclass(frozen=True, slots=True)
class Offset:
    """A stretch of time in which a zone's clocks go evenly.

    Attributes:
        start: Its first instant, UTC.
        end: The first instant of the next one.
        offset: What is added to UTC.
        shift: By how much the clock was put forward at `start`; negative when it was put back.
    """

    start: datetime
    end: datetime
    offset: timedelta
    shift: timedelta


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """The names of all time zones."""
    return frozenset(available_timezones() - _NO_ZONES)


@lru_cache(maxsize=256)
def parse_time_zone(name: str) -> ZoneInfo:
    """The time zone of this name.

    Raises:
        UnknownTimeZone: There is none; with the zone that was meant, if that is clear.
    """
    if name in zone_names():
        return ZoneInfo(name)
    raise UnknownTimeZone(name, closest_zone(name, zone_names()), explain_offset(name))


def offsets(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[Offset]:
    """The stretches that cover the time from `begin` to `end`, which may be few days or many years apart.

    The first one starts two days before `begin` at the latest, so that its shift is known if it may matter.
    """
    start = begin - _LONGEST_SHIFT
    offset, shift = _offset(zone, start), timedelta(0)
    for year in range(start.year, end.year + 1):
        for change in _changes(zone, year):
            if start < change <= end:
                yield Offset(start, change, offset, shift)
                after = _offset(zone, change)
                start, offset, shift = change, after, after - offset
    yield Offset(start, end + _SECOND, offset, shift)


@lru_cache(maxsize=2048)
def _changes(zone: ZoneInfo, year: int) -> tuple[datetime, ...]:
    """The instants of a year (of UTC) at which the zone's offset changes."""
    if zone.key == "UTC":
        return ()
    at, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    found = []
    while at < end:
        later = min(at + _STEP, end)
        if _offset(zone, at) != _offset(zone, later):
            found.append(_change_between(zone, at, later))
        at = later
    return tuple(found)


def _change_between(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first instant, to the second, with the later offset."""
    old = _offset(zone, before)
    while after - before > _SECOND:
        middle = before + (after - before) // 2 // _SECOND * _SECOND
        if _offset(zone, middle) == old:
            before = middle
        else:
            after = middle
    return after


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None
    return offset
