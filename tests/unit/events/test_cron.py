"""Cron expressions mean what they mean to NCrontab."""

import itertools
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webjobs_events.cron import parse_cron
from webjobs_events.errors import InvalidSchedule

MONDAY = datetime(2026, 6, 1)


def first(text: str, count: int, after: datetime = MONDAY) -> list[str]:
    """The next times that match."""
    return [f"{wall:%m-%d %H:%M:%S}" for wall in itertools.islice(parse_cron(text).after(after), count)]


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("*/20 * * * * *", ["06-01 00:00:20", "06-01 00:00:40", "06-01 00:01:00"]),
        ("0 7/25 * * * *", ["06-01 00:07:00", "06-01 00:32:00", "06-01 00:57:00", "06-01 01:07:00"]),
        ("0 0 8-18/5 * * *", ["06-01 08:00:00", "06-01 13:00:00", "06-01 18:00:00", "06-02 08:00:00"]),
        ("0 0 0 1,15 jul *", ["07-01 00:00:00", "07-15 00:00:00"]),
        ("0 0 9 * * Mon-fri", ["06-01 09:00:00", "06-02 09:00:00"]),
        ("0 0 9 * * 0", ["06-07 09:00:00", "06-14 09:00:00"]),
        ("5,10 0 0 2 6 *", ["06-02 00:00:05", "06-02 00:00:10"]),
        ("0\t0  0 2 6 *", ["06-02 00:00:00"]),
    ],
)
def test_lists_ranges_steps_and_names(text: str, times: list[str]) -> None:
    assert first(text, len(times)) == times


def test_day_of_the_month_and_day_of_the_week_must_both_match() -> None:
    assert first("0 0 0 13 * fri", 3) == ["11-13 00:00:00", "08-13 00:00:00", "10-13 00:00:00"]
    assert first("0 0 0 */2 * 1,3", 2) == ["06-03 00:00:00", "06-15 00:00:00"]


@pytest.mark.parametrize(
    ("name", "same"), [("j", "1"), ("ju", "6"), ("jul", "7"), ("M", "3"), ("may", "5"), ("September", "9")]
)
def test_a_name_is_the_first_one_that_begins_so(name: str, same: str) -> None:
    assert first(f"0 0 0 1 {name} *", 2) == first(f"0 0 0 1 {same} *", 2)


def test_a_range_written_backwards_means_the_same_forwards() -> None:
    assert first("0 0 22-2 * * *", 30) == first("0 0 2-22 * * *", 30)


def test_the_next_time_is_strictly_later() -> None:
    due = datetime(2026, 6, 1, 9)
    assert first("0 0 9 * * *", 1, due) == ["06-02 09:00:00"]
    assert first("0 0 9 * * *", 1, due.replace(hour=8, minute=59, second=59, microsecond=999_999)) == [
        "06-01 09:00:00"
    ]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "it has 0"),
        ("* * * * *", 'perhaps without the seconds: "0 * * * * *"'),
        ("* * * * * * *", "it has 7"),
        ("@daily", "names such as @daily are not known"),
        ("60 * * * * *", "60 for the second, which must be from 0 to 59"),
        ("0 0 24 * * *", "24 for the hour"),
        ("0 0 0 0 * *", "0 for the day of the month"),
        ("0 0 0 * 13 *", "13 for the month"),
        ("0 0 0 * * 7", "Sunday is 0"),
        ("0 0 0 ? * *", "'?' for the day of the month"),
        ("0 0 0 L * *", "'L' for the day of the month"),
        ("0 0 0 15W * *", "'15W'"),
        ("0 0 0 * * 1#2", "'1#2'"),
        ("0 0 0 * * 5L", "'5L'"),
        ("0 0 0 * foo *", "a name such as January"),
        ("jan * * * * *", "'jan' for the second"),
        ("*/0 * * * * *", "a step of '0'"),
        ("*/x * * * * *", "a step of 'x'"),
        ("0,,5 * * * * *", "'' for the second"),
        ("-5 * * * * *", "'-5'"),
        ("1- * * * * *", "''"),
        ("1-2-3 * * * * *", "'2-3'"),
        ("+5 * * * * *", "'+5'"),
        ("\u0661 * * * * *", "'\u0661'"),
        ("99999999999999999999 * * * * *", "for the second"),
        ("0 0 0 30 2 *", "names a day that never comes"),
        ("0 0 0 31 2,4 mon", "names a day that never comes"),
        ("*" * 501, "longer than 500 characters"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_the_reason(text: str, part: str) -> None:
    with pytest.raises(InvalidSchedule) as fault:
        parse_cron(text)
    assert part in fault.value.reason


@given(st.text() | st.lists(st.text("0123456789*/-,JANmonL#?W"), min_size=6, max_size=6).map(" ".join))
def test_whatever_is_written_is_understood_or_refused(text: str) -> None:
    try:
        cron = parse_cron(text)
    except InvalidSchedule:
        return
    assert next(cron.after(MONDAY)) > MONDAY
