"""Cron expressions mean what they mean to NCrontab."""

import itertools
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webjobs_rules.cron import parse_cron
from webjobs_rules.errors import InvalidSchedule

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


BACKWARDS = [
    ("0 0 0 * * Sat-Sun", "0 0 0 * * Sat,Sun", [6, 0]),
    ("0 0 0 * * Fri-Mon", "0 0 0 * * Fri-Sat,Sun-Mon", [5, 6, 0, 1]),
    ("0 0 0 * * friday-monday", "0 0 0 * * Fri-Sat,Sun-Mon", [5, 6, 0, 1]),
    ("0 0 0 * * 5-1", "0 0 0 * * 5-6,0-1", [5, 6, 0, 1]),
    ("0 50-10 * * * *", "0 50-59,0-10 * * * *", []),
    ("0 50-10/7 * * * *", "0 50-59/7,4 * * * *", []),
    ("0 0 22-2 * * *", "0 0 22-23,0-2 * * *", []),
    ("0 0 23-1/5 * * *", "0 0 23 * * *", []),
    ("0 0 0 1 Nov-Feb *", "0 0 0 1 Nov-Dec,Jan-Feb *", []),
    ("0 0 0 25-5 * *", "0 0 0 25-31,1-5 * *", []),
    ("0 0 9,22-2 * * Mon-Tue,Sat-Sun", "0 0 9,22-23,0-2 * * Mon-Tue,Sat,Sun", [1, 2, 6, 0]),
    ("0 22-2 * * *", "0 0 22-23,0-2 * * *", []),
]


@pytest.mark.parametrize(("text", "instead", "weekdays"), BACKWARDS)
def test_a_range_written_backwards_is_refused_with_what_to_write(
    text: str, instead: str, weekdays: list[int]
) -> None:
    with pytest.raises(InvalidSchedule) as fault:
        parse_cron(text)
    assert "which is written backwards; write '" in fault.value.reason
    assert f'"{instead}"' in fault.value.reason
    if weekdays:
        days = itertools.islice(parse_cron(instead).after(MONDAY), 200)
        assert {int(f"{day:%w}") for day in days} == set(weekdays)
    assert parse_cron(instead).normalized == instead


@given(st.integers(0, 59), st.integers(0, 59), st.integers(1, 70))
def test_what_to_write_instead_goes_on_beyond_the_hour(first_one: int, last: int, step: int) -> None:
    text = f"0 {first_one}-{last}/{step} * * * *"
    goes_on = range(first_one, last + 1 if first_one <= last else last + 61, step)
    try:
        understood = parse_cron(text)
    except InvalidSchedule as fault:
        assert first_one > last
        understood = parse_cron(fault.reason.split('"')[1])
    assert understood.minutes == {minute % 60 for minute in goes_on}


@pytest.mark.parametrize(
    ("text", "normalized", "warning"),
    [
        ("@yearly", "0 0 0 1 1 *", 'is read as "0 0 0 1 1 *"'),
        ("@annually", "0 0 0 1 1 *", "is read as"),
        ("@monthly", "0 0 0 1 * *", "is read as"),
        ("@weekly", "0 0 0 * * 0", "is read as"),
        ("@daily", "0 0 0 * * *", "is read as"),
        ("@midnight", "0 0 0 * * *", "is read as"),
        (" @Hourly\n", "0 0 * * * *", "is read as"),
        ("0 2 * * *", "0 0 2 * * *", 'has five fields and is read as "0 0 2 * * *"'),
        ("*/5 9-17 * * mon-fri", "0 */5 9-17 * * mon-fri", "has five fields"),
        ("0 12 ? * SUN", "0 0 12 * * SUN", "has five fields"),
        ("0 0 12 ? * MON-FRI", "0 0 12 * * MON-FRI", "is read as"),
        ("0 0 12 1 * ?", "0 0 12 1 * *", "is read as"),
        ("0 0 0 * * 7", "0 0 0 * * 0", "is read as"),
        ("0 0 0 * * 5-7", "0 0 0 * * 0,5,6", "is read as"),
        ("0 0 0 * * 1,7", "0 0 0 * * 1,0", "is read as"),
        ("0 0 0 * * 0-7", "0 0 0 * * *", "is read as"),
        ("0 0 0 * * 1-7", "0 0 0 * * *", "is read as"),
        ("0 0 0 * * 7-2", "0 0 0 * * 0-2", "is read as"),
        ("0 0 0 * * 7/2", "0 0 0 * * 0", "is read as"),
        ("0 0 0 * * Sat-7", "0 0 0 * * Sat-6,0", "is read as"),
        ("0 8 * * 1-7/2", "0 0 8 * * 0,1,3,5", "has five fields"),
        ("0\t0  0 2 6 *", "0 0 0 2 6 *", ""),
        ("0 0,0 0-5,3-8 * * *", "0 0,0 0-5,3-8 * * *", ""),
        ("0 */7 * * * *", "0 */7 * * * *", ""),
    ],
)
def test_lines_of_other_programs_with_one_meaning_are_rewritten(
    text: str, normalized: str, warning: str
) -> None:
    cron = parse_cron(text)
    assert (cron.text, cron.normalized) == (text, normalized)
    assert warning in " ".join(cron.warnings) and bool(cron.warnings) == bool(warning)
    assert first(text, 5) == first(normalized, 5)
    assert not parse_cron(normalized).warnings


@given(st.integers(0, 7), st.integers(0, 7), st.integers(1, 9))
def test_seven_is_the_sunday_at_the_end_of_the_week(begin: int, end: int, step: int) -> None:
    if begin == 7 > end:
        begin = 0
    if begin > end:
        return
    days = {day % 7 for day in range(begin, end + 1, step)}
    found = itertools.islice(parse_cron(f"0 0 0 * * {begin}-{end}/{step}").after(MONDAY), 100)
    assert {int(f"{day:%w}") for day in found} == days


def test_numbers_of_weekdays_in_a_line_of_quartz_are_doubtful() -> None:
    [_, warning] = parse_cron("0 0 12 ? * 2-6").warnings
    assert "Quartz counts from Sunday = 1" in warning
    assert len(parse_cron("0 0 12 ? * MON-FRI").warnings) == 1


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            "* * 8 * * *",
            'runs every second of each hour that it names; to run once in each, write "0 0 8 * * *"',
        ),
        ("*/1 30 8 * * *", 'to run once in each, write "0 30 8 * * *"'),
        (
            "0-59 */5 * * * *",
            'every second of each minute that it names; to run once in each, write "0 */5 * * * *"',
        ),
        ("* * * 1 * *", 'to run once in each, write "0 0 0 1 * *"'),
        ("* * * * * mon", 'to run once in each, write "0 0 0 * * mon"'),
        ("0 */90 * * * *", "has '*/90' for the minute, which is only 0: a step counts within 0-59"),
        ("*/60 * * * * *", "for the second, which is only 0"),
        ("0 0 */24 * * *", "for the hour, which is only 0"),
        ("0 30/45 * * * *", "for the minute, which is only 30"),
        ("0 0 5-8/12 * * *", "for the hour, which is only 5: a step counts within 5-8"),
        ("0 0 0 * */12 *", "for the month, which is only 1"),
        ("*/90 * * * *", "for the minute, which is only 0"),
    ],
)
def test_what_is_seldom_meant_is_taken_with_a_warning(text: str, warning: str) -> None:
    assert warning in " ".join(parse_cron(text).warnings)


@pytest.mark.parametrize(
    "text", ["* * * * * *", "0 * 8 * * *", "*/10 * 8 * * *", "0 0 */23 * * *", "0 59/1 * * * *"]
)
def test_what_is_often_meant_has_no_warning(text: str) -> None:
    assert parse_cron(text).warnings == ()


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
        ("* * * *", "it has 4"),
        (
            "0 0 12 ? * MON-FRI *",
            'it has seven, and there is no field for the year: leave the seventh out: "0 0',
        ),
        ("0 0 12 * * * 2030", "it has seven, and there is no field for the year: leave the seventh out"),
        ("0 0 0 0 0 0 0 0", "it has 8"),
        ("0 30 8 * *", "30 for the hour, which must be from 0 to 23; the first of five fields is the minute"),
        ("@reboot", "names no time; use a continuous job"),
        ("@every 5m", "is an interval"),
        ("@fortnightly", "is not one of @annually, @daily"),
        ("@daily 5", "is not one of @annually"),
        ("00:05:00", "00:05:00 is an interval"),
        ("CRON_TZ=Europe/Berlin 0 0 * * *", "under the key time_zone"),
        ("H * * * *", "has an H"),
        ("0 0 0 * * 8", "8 for the day of the week, which must be from 0 to 6"),
        ("0 0 0 * * 5-8", "8 for the day of the week"),
        ("? * * * * *", 'a "?" outside the fields of days'),
        ("0 0 0 ?/2 * *", "stands alone"),
        ("0 0 0 1,? * *", "stands alone"),
        ("0 0 0 L * *", "has 'L': L (last)"),
        ("0 0 0 L-3 * *", "has 'L-3'"),
        ("0 0 0 LW * *", "has 'LW'"),
        ("0 0 0 15W * *", "has '15W'"),
        ("0 0 0 W * *", "has 'W'"),
        ("0 0 0 * * 1#2", "has '1#2'"),
        ("0 0 0 * * Fri#2", "has 'Fri#2'"),
        ("0 0 0 * * 5L", "has '5L'"),
        ("0 0 0 * * FRIL", "has 'FRIL'"),
        ("0 0 0 31 2 *", "names a day that never comes"),
        ("60 * * * * *", "60 for the second, which must be from 0 to 59"),
        ("0 0 24 * * *", "24 for the hour"),
        ("0 0 0 0 * *", "0 for the day of the month"),
        ("0 0 0 * 13 *", "13 for the month"),
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
