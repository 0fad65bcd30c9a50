"""Schedules in words say what the expression means: no more, no less."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webjobs_rules.cron import MONTHS, WEEKDAYS, parse_cron
from webjobs_rules.cron_words import cron_in_words
from webjobs_rules.errors import InvalidSchedule

_SECOND = timedelta(seconds=1)
_FROM_MONDAY = (*WEEKDAYS[1:], WEEKDAYS[0])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 30 2 * * *", "every day at 02:30:00"),
        ("@weekly", "on Sunday at 00:00:00"),
        ("30 2 * * 1-5", "on Monday to Friday at 02:30:00"),
        ("0 0 9,17 * * sat,sun", "on Saturday and Sunday at 09:00:00 and 17:00:00"),
        ("0 0 0 13 * fri", "on every Friday that falls on day 13 of the month at 00:00:00"),
        (
            "0 0 8 1-7 jan,jul mon",
            "on every Monday that falls on days 1 to 7 of the month in January and July at 08:00:00",
        ),
        ("0 0 0 1,15 * *", "on days 1 and 15 of the month at 00:00:00"),
        ("0 0 0 * 12 *", "every day in December at 00:00:00"),
        ("* * * * * *", "every second"),
        ("*/10 * * * * *", "every 10 seconds"),
        ("0 * * * * *", "every minute"),
        ("0 */5 * * * *", "every 5 minutes"),
        ("15 */5 * * * *", "every 5 minutes at second 15"),
        ("0 */7 * * * *", "at minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56 of every hour"),
        ("0 15 * * * *", "at minute 15 of every hour"),
        ("0 0 */2 * * *", "every 2 hours at minute 0"),
        ("0 */15 9-17 * * 1-5", "every 15 minutes in hours 9 to 17 on Monday to Friday"),
        ("0 0 9-17 * * *", "at minute 0 in hours 9 to 17"),
        ("* 3 4 * * *", "every second of minute 3 in hour 4"),
        ("1,2,5 3 * * * *", "at minute 3 and seconds 1, 2 and 5 of every hour"),
    ],
)
def test_schedules_as_people_say_them(text: str, words: str) -> None:
    assert cron_in_words(parse_cron(text)) == words


def numbers(words: str, names: tuple[str, ...] = ()) -> set[int]:
    """The values of a list in words; `names` in the order in which ranges count."""
    found: set[int] = set()
    for item in re.split(r", | and ", words):
        first, _, last = item.partition(" to ")
        ends = [names.index(each) if names else int(each) for each in (first, last or first)]
        assert ends[0] <= ends[1]
        found |= set(range(ends[0], ends[1] + 1))
    return found


_LIST = r"(\d+(?:(?:, | and | to )\d+)*)"
_NAMES = r"([A-Z]\w+(?:(?:, | and | to )[A-Z]\w+)*)"
_DAYS = rf"days? {_LIST} of the month"
_DATE = rf"(?:on every {_NAMES} that falls on {_DAYS}|on {_NAMES}|on {_DAYS})?"
_MONTH = rf"(?: ?in {_NAMES})?"
_CLOCK = r"(\d\d:\d\d:\d\d(?:(?:, | and )\d\d:\d\d:\d\d)*)"
_FEW = re.compile(rf"(?:every day)?{_DATE}{_MONTH} at {_CLOCK}")
_OFTEN = re.compile(
    r"(?:every (second|minute|\d+ seconds|\d+ minutes|\d+ hours))?"
    rf"(?: of minutes? {_LIST})?(?: ?at minutes? {_LIST})?(?: (?:at|and) seconds? {_LIST})?"
    rf"(?: of every hour)?(?: in hours? {_LIST})?(?: {_DATE})?{_MONTH}"
)


def meaning(words: str) -> Callable[[datetime], bool]:
    """Words → whether they name a time, read without a look at the expression."""
    few, often = _FEW.fullmatch(words), _OFTEN.fullmatch(words)
    assert few or often, words
    both_names, both_days, names, days, months = few.groups()[:5] if few else often.groups()[5:]

    def on_date(at: datetime) -> bool:
        weekday = names or both_names
        day = days or both_days
        return (
            (not weekday or at.weekday() in numbers(weekday, _FROM_MONDAY))
            and (not day or at.day in numbers(day))
            and (not months or at.month - 1 in numbers(months, MONTHS))
        )

    if few:
        times = re.split(r", | and ", few[6])
        return lambda at: on_date(at) and f"{at:%H:%M:%S}" in times

    every, of_minutes, at_minutes, at_seconds, hours = often.groups()[:5]
    number, _, unit = (every or "").rpartition(" ")
    step = int(number or 1)

    def in_time(at: datetime) -> bool:
        minutes = of_minutes or at_minutes
        if minutes and at.minute not in numbers(minutes):
            return False
        if hours and at.hour not in numbers(hours):
            return False
        if unit.startswith("second"):
            return at.second % step == 0
        if unit.startswith("minute") and at.minute % step:
            return False
        if unit.startswith("hour") and at.hour % step:
            return False
        return at.second in (numbers(at_seconds) if at_seconds else {0})

    return lambda at: on_date(at) and in_time(at)


def field(least: int, most: int) -> st.SearchStrategy[str]:
    value = st.integers(least, most)
    span = st.tuples(value, value).map(lambda ends: f"{min(ends)}-{max(ends)}")
    base = st.one_of(value.map(str), span, st.just("*"))
    stepped = st.tuples(st.one_of(span, st.just("*"), value.map(str)), st.integers(1, 31)).map(
        lambda parts: f"{parts[0]}/{parts[1]}"
    )
    return st.one_of(
        st.just("*"), value.map(str), st.lists(base, min_size=1, max_size=3).map(",".join), stepped
    )


fields = st.tuples(field(0, 59), field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6))
times = st.datetimes(datetime(2024, 1, 1), datetime(2029, 1, 1)).map(lambda at: at.replace(microsecond=0))


@given(fields, st.lists(times, max_size=5))
def test_the_words_name_exactly_the_due_times(parts: tuple[str, ...], others: list[datetime]) -> None:
    try:
        cron = parse_cron(" ".join(parts))
    except InvalidSchedule:  # a day that never comes
        return
    says = meaning(cron_in_words(cron))
    for after in [*others, datetime(2026, 6, 1)]:
        due = next(cron.after(after))
        assert says(due)
        # Times beside a due time, and those that share all but one of its parts.
        near = [after, due - _SECOND, due + _SECOND, due + timedelta(days=1), due + timedelta(days=7)]
        near += [
            due.replace(hour=after.hour),
            due.replace(minute=after.minute),
            due.replace(second=after.second),
        ]
        for at in near:
            assert says(at) == (next(cron.after(at - _SECOND)) == at), at
