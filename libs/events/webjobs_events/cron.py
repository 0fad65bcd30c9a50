"""Cron expressions of six fields as NCrontab reads them, and the times of a wall clock that they name."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cronsim import CronSim, CronSimError

from webjobs_events.errors import InvalidSchedule

_LONGEST = 500  # characters
_A_TIME = datetime(2000, 1, 1)
_NUMBER = re.compile(r"[0-9]{1,9}")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of the expression: its name, its range, and names for its values if it has any."""

    name: str
    least: int
    most: int
    names: Sequence[str] = ()


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 6, _WEEKDAYS),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """An expression that is understood.

    Attributes:
        text: As written.
        minutes: That its second field allows.
        hours: That its third field allows.
        warnings: Sentences about what is unusual in it.
    """

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    warnings: tuple[str, ...]
    _canonical: str

    def after(self, wall: datetime) -> Iterator[datetime]:
        """Every time of a wall clock that matches, later than `wall`, in order; neither has a zone.

        It ends when nothing matches for fifty years.
        """
        times = CronSim(self._canonical, wall)
        times.day_and = True  # NCrontab: day of the month and day of the week must both match
        return times


@lru_cache(maxsize=1024)
def parse_cron(text: str) -> Cron:
    """Understand an expression: seconds, minutes, hours, days, months, weekdays.

    In each field: `*`, `a`, `a-b`, each with `/n` (`a/n` goes on to the field's end), and lists of these
    with commas; months and weekdays also by name or the beginning of one, in any case. Weekdays are
    0 to 6 from Sunday. A range that is written backwards means the same forwards.

    Source: NCrontab, CrontabFieldImpl.cs and CrontabField.cs; unlike there a step of 0 is refused.

    Raises:
        InvalidSchedule: It cannot be understood, or names a time that never comes.
    """
    if len(text) > _LONGEST:
        raise InvalidSchedule(text, f"is longer than {_LONGEST} characters")
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise InvalidSchedule(text, _wrong_number(parts))
    values = [_values(text, field, part) for field, part in zip(_FIELDS, parts, strict=True)]
    canonical = " ".join(
        "*" if len(found) == field.most - field.least + 1 else ",".join(map(str, sorted(found)))
        for field, found in zip(_FIELDS, values, strict=True)
    )
    cron = Cron(text, frozenset(values[1]), frozenset(values[2]), tuple(_warnings(parts, values)), canonical)
    if not _comes(cron):
        raise InvalidSchedule(text, "names a day that never comes")
    return cron


def _warnings(parts: Sequence[str], values: Sequence[set[int]]) -> Iterator[str]:
    every_second, every_minute = (len(found) == 60 for found in values[:2])
    if every_second and (every_minute or len(values[1]) < 60) and len(values[2]) < 24:
        yield (
            f"runs every second of the hours that the third field names ({parts[2]}); "
            f'to run once, write "0 0 {" ".join(parts[2:])}"'
        )
    for field, part in zip(_FIELDS, parts, strict=True):
        for item in part.split(","):
            span, _, step = item.partition("/")
            if step and int(step) > field.most - field.least:
                yield (
                    f"has a step of {int(step)} for the {field.name}, which is beyond its range: "
                    f"only the first value of {span} counts"
                )


def _comes(cron: Cron) -> bool:
    try:
        return next(cron.after(_A_TIME), None) is not None
    except CronSimError:
        return False


def _wrong_number(parts: Sequence[str]) -> str:
    wanted = "must have six fields: second minute hour day month weekday"
    if len(parts) == 1 and parts[0].startswith("@"):
        return f"{wanted}; names such as {parts[0][:20]} are not known"
    if len(parts) == len(_FIELDS) - 1:
        return f'{wanted}; it has five, perhaps without the seconds: "0 {" ".join(parts)}"'
    return f"{wanted}; it has {len(parts)}"


def _values(text: str, field: _Field, part: str) -> set[int]:
    found: set[int] = set()
    for item in part.split(","):
        found |= _items(text, field, item)
    return found


def _items(text: str, field: _Field, item: str) -> set[int]:
    """The values of one item of a list."""
    span, slash, step = item.partition("/")
    every = 1
    if slash:
        if not _NUMBER.fullmatch(step) or int(step) == 0:
            raise InvalidSchedule(text, f"has a step of {step[:20]!r} for the {field.name}, not 1 or more")
        every = int(step)
    if span == "*":
        first, last = field.least, field.most
    elif "-" in span[1:]:
        begin, _, end = span.partition("-")
        first, last = sorted((_value(text, field, begin), _value(text, field, end)))
    else:
        first = _value(text, field, span)
        last = field.most if slash else first
    return set(range(first, last + 1, every))


def _value(text: str, field: _Field, word: str) -> int:
    if _NUMBER.fullmatch(word):
        number = int(word)
        if not field.least <= number <= field.most:
            hint = "; Sunday is 0" if field.names is _WEEKDAYS and number == 7 else ""
            wanted = f"must be from {field.least} to {field.most}"
            raise InvalidSchedule(text, f"says {number} for the {field.name}, which {wanted}{hint}")
        return number
    if word.isalpha():
        for position, name in enumerate(field.names):
            if name.lower().startswith(word.lower()):
                return field.least + position
    raise InvalidSchedule(text, f"says {word[:20]!r} for the {field.name}, {_expected(field)}")


def _expected(field: _Field) -> str:
    names = f" or a name such as {field.names[0]}" if field.names else ""
    return f"which must be a number from {field.least} to {field.most}{names}"
