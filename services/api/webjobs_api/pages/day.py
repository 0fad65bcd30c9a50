"""A day in a time zone, as long as it is there, and drawings of what happens in it; pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from webjobs_rules.schedule import Schedule
from webjobs_rules.word_list import listed

from webjobs_api.http.request_errors import InvalidPage
from webjobs_api.pages.bars import Bars, boxes
from webjobs_api.pages.formats import known_zone

PLACES = timedelta(minutes=15)
"""Due times that have not come are drawn once in this time, so that a job of each second costs no more."""

_HEIGHT = 32  # units; one of width is a minute
_MIDDLE = _HEIGHT // 2
_TICK = 5  # units of width
_MARKS = (6, 12, 18)  # hours
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a time zone: of 23, 24 or 25 hours, mostly.

    Attributes:
        text: As `2026-01-02`.
        zone: Its name.
        begin: The first instant.
        end: The first one after it.
    """

    text: str
    zone: str
    begin: datetime
    end: datetime

    def clock(self, at: datetime) -> str:
        """What a clock there shows: `03:30`, or `03:30:15` within a minute."""
        shown = at.astimezone(ZoneInfo(self.zone))
        return f"{shown:%H:%M:%S}" if shown.second else f"{shown:%H:%M}"

    def neighbour(self, days: int) -> str:
        """The day so many days later, as text."""
        return f"{datetime.fromisoformat(self.text) + timedelta(days=days):%Y-%m-%d}"

    @property
    def minutes(self) -> int:
        """How long it is."""
        return round((self.end - self.begin) / timedelta(minutes=1))

    def minute(self, at: datetime) -> int:
        """The minute of the day of an instant, which may lie outside."""
        return int((at - self.begin) // timedelta(minutes=1))

    def hours(self) -> Iterator[int]:
        """The minutes of the day at which its clock shows 6, 12 and 18 hours."""
        for hour in _MARKS:
            wall = datetime.combine(datetime.fromisoformat(self.text), time(hour), ZoneInfo(self.zone))
            yield self.minute(wall.astimezone(UTC))


def day_of(text: str, zone: str, now: datetime) -> Day:
    """A day such as `2026-01-02`; today there when the text is empty.

    Args:
        text: Of the day.
        zone: Name of its time zone; UTC when it is empty.
        now: Says which day today is.

    Raises:
        InvalidPage: It is no day, or one of another age; or there is no such zone.
    """
    zone = zone or "UTC"
    found = known_zone(zone)
    if found is None:
        raise InvalidPage("zone", f"{zone[:40]!r} is no time zone such as Europe/Berlin")
    if not text:
        day = now.astimezone(found).replace(tzinfo=None)
    else:
        try:
            day = datetime.strptime(text, "%Y-%m-%d")
        except ValueError:
            day = datetime.min
    if not 2000 <= day.year < 3000:
        raise InvalidPage("day", f"{text[:40]!r} is no day such as 2026-01-02")
    begin, end = (
        datetime.combine(each, time(), found).astimezone(UTC) for each in (day, day + timedelta(days=1))
    )
    return Day(f"{day:%Y-%m-%d}", zone, begin, end)


@dataclass(frozen=True, slots=True)
class Passed:
    """What became of one due time, or of many in a row.

    Attributes:
        at: The first of them.
        until: The last of them.
        count: How many they are.
        word: What became of them: a key of `KINDS`.
    """

    at: datetime
    until: datetime
    count: int
    word: str


KINDS: Mapping[str, str] = {
    "succeeded": "Success",
    "failed": "Failed",
    "missed": "Failed",
    "running": "Running",
    "waiting": "Initializing",
    "aborted": "Aborted",
    "skipped": "Aborted",
    "merged": "Aborted",
    "ran": "Aborted",
}
"""What may have become of due times, the most telling first, and the class that draws it.

`ran`: how the run ended is not known here."""


def band_of(day: Day, passed: Sequence[Passed], coming: Sequence[datetime], now: datetime) -> Bars:
    """A day as a band: what has passed as boxes, failures below the line, what is to come as hollow ones.

    Args:
        day: The day.
        passed: Due times of it that have passed.
        coming: The first due time in each of its `PLACES` that is to come.
        now: Drawn as a line when it is in the day.
    """
    spans: dict[str, list[tuple[int, int]]] = {}
    for tick in passed:
        first = max(0, day.minute(tick.at))
        last = min(day.minutes - 1, max(day.minute(tick.until), first + _TICK - 1))
        spans.setdefault(KINDS[tick.word], []).append((first, last))
    paths = [("line", "".join(f"M{minute} 0v{_HEIGHT}" for minute in day.hours()) + _line(day))]
    for kind in dict.fromkeys(KINDS.values()):
        if kind in spans:
            top = _MIDDLE if kind == "Failed" else _MIDDLE // 4
            paths.append((kind, boxes(spans[kind], top, _MIDDLE * 3 // 4)))
    hollow = "".join(
        f"M{min(day.minute(at), day.minutes - _TICK)} {_MIDDLE // 4}h{_TICK}v{_MIDDLE * 3 // 4}h-{_TICK}z"
        for at in coming
    )
    if hollow:
        paths.append(("hollow", hollow))
    if day.begin <= now < day.end:
        paths.append(("now", f"M{day.minute(now)} 0v{_HEIGHT}"))
    return Bars(day.minutes, _HEIGHT, paths, summary_of(day, passed, coming))


def summary_of(day: Day, passed: Sequence[Passed], coming: Sequence[datetime]) -> str:
    """Says the same in words: `3 succeeded, 1 missed; next at 03:30`."""
    counts = {word: sum(tick.count for tick in passed if tick.word == word) for word in KINDS}
    found = listed(f"{count:,} {word}" for word, count in counts.items() if count)
    following = f"next at {day.clock(coming[0])}" if coming else ""
    return "; ".join(filter(None, (found, following))) or "Not due on this day"


def coming_in(schedule: Schedule, day: Day, now: datetime) -> list[datetime]:
    """The first due time in each of the `PLACES` of a day that is to come."""
    found = []
    at = schedule.next_due(max(now, day.begin - _INSTANT))
    while at is not None and at < day.end:
        found.append(at)
        at = schedule.next_due(day.begin + ((at - day.begin) // PLACES + 1) * PLACES - _INSTANT)
    return found


def _line(day: Day) -> str:
    return f"M0 {_MIDDLE}h{day.minutes}"
