"""Cron expressions of six fields as NCrontab reads them, and the times of a wall clock that they name."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cronsim import CronSim, CronSimError

from webjobs_rules.cron_dialects import rewritten, six_fields
from webjobs_rules.errors import InvalidSchedule

_LONGEST = 500  # characters
_A_TIME = datetime(2000, 1, 1)
_NUMBER = re.compile(r"[0-9]{1,9}")
MONTHS = (
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
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


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
    _Field("month", 1, 12, MONTHS),
    _Field("day of the week", 0, 6, WEEKDAYS),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """An expression that is understood.

    Attributes:
        text: As written.
        normalized: The six fields that it stands for.
        minutes: That its second field allows.
        hours: That its third field allows.
        warnings: What is unusual in it; each continues a sentence that begins with the expression.
        values: That each of the six fields allows.
    """

    text: str
    normalized: str
    minutes: frozenset[int]
    hours: frozenset[int]
    warnings: tuple[str, ...]
    values: tuple[frozenset[int], ...]
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
    0 to 6 from Sunday. `six_fields` says which lines of other programs are taken as well.

    Source: NCrontab, CrontabFieldImpl.cs and CrontabField.cs; unlike there a step of 0 is refused, and so
    is a range that is written backwards, which NCrontab turns round.

    Raises:
        InvalidSchedule: It cannot be understood, or names a time that never comes.
    """
    if len(text) > _LONGEST:
        raise InvalidSchedule(text, f"is longer than {_LONGEST} characters")
    parts = six_fields(text)
    try:
        values = [_values(text, parts, position) for position in range(len(_FIELDS))]
    except InvalidSchedule as error:
        if len(text.split()) == 5:
            raise InvalidSchedule(text, f"{error.reason}; the first of five fields is the minute") from None
        raise
    canonical = " ".join(
        "*" if len(found) == field.most - field.least + 1 else ",".join(map(str, sorted(found)))
        for field, found in zip(_FIELDS, values, strict=True)
    )
    cron = Cron(
        text,
        " ".join(parts),
        frozenset(values[1]),
        frozenset(values[2]),
        tuple([*rewritten(text, parts), *_doubts(parts, values)]),
        tuple(map(frozenset, values)),
        canonical,
    )
    if not _comes(cron):
        raise InvalidSchedule(text, "names a day that never comes")
    return cron


def _doubts(parts: Sequence[str], values: Sequence[set[int]]) -> Iterator[str]:
    """What is allowed, and yet is seldom meant."""
    is_full = [
        len(found) == field.most - field.least + 1 for field, found in zip(_FIELDS, values, strict=True)
    ]
    if is_full[0] and not all(is_full):
        restricted = is_full.index(False)
        once = " ".join(["0"] * min(restricted, 3) + list(parts[min(restricted, 3) :]))
        yield (
            f"runs every second of each {_FIELDS[restricted].name} that it names; "
            f'to run once in each, write "{once}"'
        )
    for position, part in enumerate(parts):
        for item in part.split(","):
            span, slash, step = item.partition("/")
            found = sorted(_item(" ".join(parts), parts, position, item)) if slash else []
            if len(found) == 1 and int(step) > 1:
                field = _FIELDS[position]
                yield (
                    f"has {item!r} for the {field.name}, which is only {found[0]}: a step counts within "
                    f"{span if span != '*' else f'{field.least}-{field.most}'} and starts again each time"
                )


def _comes(cron: Cron) -> bool:
    try:
        return next(cron.after(_A_TIME), None) is not None
    except CronSimError:
        return False


def _values(text: str, parts: Sequence[str], position: int) -> set[int]:
    found: set[int] = set()
    for item in parts[position].split(","):
        found |= _item(text, parts, position, item)
    return found


def _item(text: str, parts: Sequence[str], position: int, item: str) -> set[int]:
    """The values of one item of a list."""
    field = _FIELDS[position]
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
        first, last = _value(text, field, begin), _value(text, field, end)
        if first > last:
            raise InvalidSchedule(text, _backwards(parts, position, item))
    else:
        first = _value(text, field, span)
        last = field.most if slash else first
    return set(range(first, last + 1, every))


def _backwards(parts: Sequence[str], position: int, item: str) -> str:
    """What to write instead of a range that goes on beyond the end of its field."""
    whole = " ".join(
        ",".join(_forwards(at, each) or each for each in part.split(",")) for at, part in enumerate(parts)
    )
    return (
        f"has the range {item!r} for the {_FIELDS[position].name}, which is written backwards; "
        f"write '{_forwards(position, item)}' for it: \"{whole}\""
    )


def _forwards(position: int, item: str) -> str:
    """The ranges before and after the end of the field for one that is written backwards; else empty."""
    field = _FIELDS[position]
    span, _, step = item.partition("/")
    begin, _, end = span.partition("-")
    try:
        first, last, every = _value("", field, begin), _value("", field, end), int(step or 1)
    except (ValueError, InvalidSchedule):
        return ""
    if first <= last or every < 1:
        return ""
    is_named = not begin.isdecimal()
    ranges = [_written(field, first, field.most, every, is_named)]
    restarts = range(first, field.most + every + 1, every)[-1] - (field.most - field.least + 1)
    if restarts <= last:
        ranges.append(_written(field, restarts, last, every, is_named))
    return ",".join(ranges)


def _written(field: _Field, first: int, last: int, every: int, is_named: bool) -> str:
    """A range as short as it can be written."""
    shown = [field.names[value - field.least][:3] if is_named else str(value) for value in (first, last)]
    if first + every > last:
        return shown[0]
    return f"{'-'.join(shown)}/{every}" if every > 1 else "-".join(shown)


def _value(text: str, field: _Field, word: str) -> int:
    if _NUMBER.fullmatch(word):
        number = int(word)
        if not field.least <= number <= field.most:
            wanted = f"must be from {field.least} to {field.most}"
            raise InvalidSchedule(text, f"says {number} for the {field.name}, which {wanted}")
        return number
    if word.isalpha():
        for position, name in enumerate(field.names):
            if name.lower().startswith(word.lower()):
                return field.least + position
    raise InvalidSchedule(text, f"says {word[:20]!r} for the {field.name}, {_expected(field)}")


def _expected(field: _Field) -> str:
    names = f" or a name such as {field.names[0]}" if field.names else ""
    return f"which must be a number from {field.least} to {field.most}{names}"
