"""A cron expression as a sentence; pure.

The words are made of the values that each field allows, not of how it is written, so that they are exact:
`*/7` minutes are not "every 7 minutes". Day of the month and day of the week must both match.
"""

import itertools
from collections.abc import Collection, Iterable, Sequence

from webjobs_rules.cron import MONTHS, WEEKDAYS, Cron
from webjobs_rules.word_list import listed

_MOST_TIMES = 6  # of a day that are listed one by one
_SIXTY, _HOURS, _DAYS, _MONTHS, _WEEK = range(60), range(24), range(1, 32), range(1, 13), range(7)
_FROM_MONDAY = (1, 2, 3, 4, 5, 6, 0)


def cron_in_words(cron: Cron) -> str:
    """When an expression is due, such as `every day at 02:30:00`.

    What is not one of few times a day is said field by field: `at minutes 3 and 7 in hours 9 to 17`.
    """
    seconds, minutes, hours, days, months, weekdays = cron.values
    date = " ".join(part for part in (_date(days, weekdays), _months(months)) if part)
    if len(seconds) * len(minutes) * len(hours) <= _MOST_TIMES:
        if not _date(days, weekdays):
            date = f"every day {date}".rstrip()
        return f"{date} at {_times(seconds, minutes, hours)}"
    return " ".join(part for part in (_time(seconds, minutes, hours), date) if part)


def _times(seconds: Iterable[int], minutes: Iterable[int], hours: Iterable[int]) -> str:
    times = itertools.product(sorted(hours), sorted(minutes), sorted(seconds))
    return listed([f"{hour:02}:{minute:02}:{second:02}" for hour, minute, second in times])


def _time(seconds: Collection[int], minutes: Collection[int], hours: Collection[int]) -> str:
    every = _step(hours, _HOURS)
    if every > 1 and len(minutes) == len(seconds) == 1:
        return f"every {every} hours {_at(minutes, seconds)}"
    return f"{_within_hour(seconds, minutes, is_in_every_hour=len(hours) == 24)}{_in_hours(hours)}"


def _within_hour(seconds: Collection[int], minutes: Collection[int], *, is_in_every_hour: bool) -> str:
    every_seconds, every_minutes = _step(seconds, _SIXTY), _step(minutes, _SIXTY)
    if every_seconds:
        often = "every second" if every_seconds == 1 else f"every {every_seconds} seconds"
        return often if every_minutes == 1 else f"{often} of {_named('minute', minutes)}"
    if every_minutes:
        often = "every minute" if every_minutes == 1 else f"every {every_minutes} minutes"
        return often if set(seconds) == {0} else f"{often} at {_named('second', seconds)}"
    return f"{_at(minutes, seconds)}{' of every hour' if is_in_every_hour else ''}"


def _at(minutes: Collection[int], seconds: Collection[int]) -> str:
    words = f"at {_named('minute', minutes)}"
    return words if set(seconds) == {0} else f"{words} and {_named('second', seconds)}"


def _in_hours(hours: Collection[int]) -> str:
    return "" if len(hours) == 24 else f" in {_named('hour', hours)}"


def _date(days: Collection[int], weekdays: Collection[int]) -> str:
    on_weekdays = _ranges([day for day in _FROM_MONDAY if day in weekdays], _FROM_MONDAY, WEEKDAYS)
    on_days = _named("day", days)
    if len(weekdays) == 7:
        return "" if len(days) == 31 else f"on {on_days} of the month"
    return (
        f"on {on_weekdays}"
        if len(days) == 31
        else f"on every {on_weekdays} that falls on {on_days} of the month"
    )


def _months(months: Collection[int]) -> str:
    return "" if len(months) == 12 else f"in {_ranges(sorted(months), _MONTHS, ('', *MONTHS))}"


def _step(values: Collection[int], span: range) -> int:
    """The step of values that come back evenly from the beginning of their field on; 0 for others."""
    step = len(span) // len(values)
    return step if len(values) > 1 and set(values) == set(span[::step]) and len(span) % step == 0 else 0


def _named(unit: str, values: Collection[int]) -> str:
    return f"{unit}{'s' if len(values) > 1 else ''} {_ranges(sorted(values), range(60))}"


def _ranges(values: Sequence[int], order: Sequence[int], names: Sequence[str] = ()) -> str:
    """Values in words, three or more in a row as a range; `order` is that of all values."""
    places = [order.index(value) for value in values]
    words: list[str] = []
    for _, group in itertools.groupby(enumerate(places), lambda pair: pair[1] - pair[0]):
        run = [order[place] for _, place in group]
        shown = [names[value] if names else str(value) for value in run]
        words += [f"{shown[0]} to {shown[-1]}"] if len(shown) > 2 else shown
    return listed(words)
