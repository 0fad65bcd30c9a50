"""Due times: in every time zone, and on the days on which clocks are changed."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from webjobs_rules.errors import UnknownTimeZone
from webjobs_rules.schedule import Schedule, known_zone, parse_schedule
from webjobs_rules.time_zone import parse_time_zone, zone_names
from webjobs_rules.windows_zones import WINDOWS_ZONES

NEW_YORK = "America/New_York"
FORWARD = datetime(2026, 3, 8, 5, tzinfo=UTC)  # midnight of the day on which 02:00 becomes 03:00
BACK = datetime(2026, 11, 1, 4, tzinfo=UTC)  # midnight of the day on which 02:00 becomes 01:00


def clock(schedule: Schedule, after: datetime, count: int) -> list[str]:
    """The next due times as the zone's clock shows them."""
    found = itertools.islice(schedule.due_times(after), count)
    return [f"{due.astimezone(schedule.zone):%d %H:%M%z}" for due in found]


def test_a_schedule_is_meant_in_its_time_zone() -> None:
    winter = datetime(2026, 1, 15, tzinfo=UTC)
    assert parse_schedule("0 0 9 * * *", "Asia/Tokyo").next_due(winter) == winter.replace(day=16)
    assert parse_schedule("0 0 9 * * *", NEW_YORK).next_due(winter) == winter.replace(hour=14)
    assert parse_schedule("0 0 9 * * *", "UTC").next_due(winter) == winter.replace(hour=9)


def test_a_skipped_time_is_due_once_when_the_old_clock_would_have_shown_it() -> None:
    daily = parse_schedule("0 30 2 * * *", NEW_YORK)
    assert clock(daily, FORWARD, 2) == ["08 03:30-0400", "09 02:30-0400"]


def test_a_skipped_time_that_falls_on_another_is_due_once() -> None:
    schedule = parse_schedule("0 30 1-3 * * *", NEW_YORK)
    assert clock(schedule, FORWARD, 3) == ["08 01:30-0500", "08 03:30-0400", "09 01:30-0400"]


def test_skipped_times_and_those_after_come_in_order() -> None:
    schedule = parse_schedule("0 50 2,3 * * *", NEW_YORK)
    assert clock(schedule, FORWARD, 2) == ["08 03:50-0400", "09 02:50-0400"]
    schedule = parse_schedule("0 10/20 2 * * *", NEW_YORK)
    assert clock(schedule, FORWARD, 3) == ["08 03:10-0400", "08 03:30-0400", "08 03:50-0400"]


def test_a_time_that_comes_twice_is_due_the_first_time() -> None:
    daily = parse_schedule("0 30 1 * * *", NEW_YORK)
    assert clock(daily, BACK, 2) == ["01 01:30-0400", "02 01:30-0500"]
    assert clock(daily, BACK + timedelta(hours=1, minutes=40), 1) == ["02 01:30-0500"]


@pytest.mark.parametrize("midnight", [FORWARD, BACK])
@pytest.mark.parametrize("minutes", [1, 5, 20, 30])
def test_a_schedule_of_every_few_minutes_goes_by_elapsed_time(midnight: datetime, minutes: int) -> None:
    schedule = parse_schedule(f"0 */{minutes} * * * *", NEW_YORK)
    step = timedelta(minutes=minutes)
    expected = [midnight + step * number for number in range(1, 300)]
    assert list(itertools.islice(schedule.due_times(midnight), 299)) == expected


@pytest.mark.parametrize(
    ("expression", "normal", "forward", "back"),
    [
        ("0 30 2 * * *", 1, 1, 1),
        ("0 30 1 * * *", 1, 1, 1),
        ("0 0 * * * *", 24, 23, 25),
        ("0 */5 * * * *", 288, 276, 300),
        ("0 */5 0-22 * * *", 276, 264, 276),
        ("0 0 */2 * * *", 12, 12, 12),
    ],
)
def test_a_day_of_change_has_exactly_so_many_due_times(
    expression: str, normal: int, forward: int, back: int
) -> None:
    schedule = parse_schedule(expression, NEW_YORK)

    def day(midnight: datetime, hours: int) -> int:
        instant = timedelta(microseconds=1)
        end = midnight + timedelta(hours=hours) - instant
        return sum(1 for _ in schedule.due_between(midnight - instant, end))

    assert day(FORWARD - timedelta(days=1), 24) == normal
    assert day(FORWARD, 23) == forward
    assert day(BACK, 25) == back


def test_a_change_of_half_an_hour_keeps_to_the_same_rule() -> None:
    forward = datetime(2026, 10, 3, 13, tzinfo=UTC)  # 02:00 becomes 02:30 on Lord Howe Island
    hourly = parse_schedule("0 15 * * * *", "Australia/Lord_Howe")
    assert clock(hourly, forward, 4) == ["04 00:15+1030", "04 01:15+1030", "04 02:45+1100", "04 03:15+1100"]
    often = parse_schedule("0 */10 * * * *", "Australia/Lord_Howe")
    found = list(itertools.islice(often.due_times(forward), 30))
    assert {later - earlier for earlier, later in itertools.pairwise(found)} == {timedelta(minutes=10)}


def test_a_day_that_a_country_skipped_is_no_second_run_of_the_next() -> None:
    schedule = parse_schedule("0 0 9 * * *", "Pacific/Apia")
    found = clock(schedule, datetime(2011, 12, 29, tzinfo=UTC), 3)
    assert found == ["29 09:00-1000", "31 09:00+1400", "01 09:00+1400"]


def test_a_rare_day_is_found_soon() -> None:
    leap = parse_schedule("0 0 0 29 2 1", NEW_YORK)
    assert leap.next_due(datetime(2026, 1, 1, tzinfo=UTC)) == datetime(2044, 2, 29, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("europe/berlin", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("Europe/Belrin", "Europe/Berlin"),
        ("New York", "America/New_York"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("nowhere at all", None),
        ("", None),
        ("Europe", None),
        ("../../etc/passwd", None),
        ("Europe/Berlin\0", "Europe/Berlin"),
        ("berlin ", "Europe/Berlin"),
        ("Asia/Berlin", "Europe/Berlin"),
        ("w. europe standard time", "Europe/Berlin"),
        ("GMT+2", "Etc/GMT-2"),
        ("GMT-2", "Etc/GMT+2"),
        ("utc +2", "Etc/GMT-2"),
        ("UTC+02:00", "Etc/GMT-2"),
        ("UTC-0500", "Etc/GMT+5"),
        ("UTC\u22125", "Etc/GMT+5"),
        ("+02:00", "Etc/GMT-2"),
        ("-8", "Etc/GMT+8"),
        ("UTC+0", "UTC"),
        ("UTC+14", "Etc/GMT-14"),
        ("UTC+15", None),
        ("UTC-13", None),
        ("UTC2", None),
        ("+05:30", None),
        ("EST5", None),
        ("EST+5", None),
        ("CET+1", None),
        ("CEST", None),
        ("AEST", None),
        ("PST", None),
        ("Etc/GMT+15", None),
        ("Etc/UTC+2", None),
        ("US/Est", None),
        ("West", None),
        ("Pacific", None),
        ("Asia/Londan", None),
    ],
)
def test_an_unknown_zone_is_refused_with_the_one_that_was_meant(written: str, meant: str | None) -> None:
    with pytest.raises(UnknownTimeZone) as fault:
        parse_time_zone(written)
    assert fault.value.similar == meant


@pytest.mark.parametrize(
    ("setting", "zone"),
    [
        (None, "UTC"),
        ("", "UTC"),
        (" Europe/Berlin ", "Europe/Berlin"),
        ("Eastern Standard Time", "America/New_York"),
        ("Mars/Olympus", "UTC"),
    ],
)
def test_the_zone_of_the_site_may_have_the_name_that_windows_has_for_it(
    setting: str | None, zone: str
) -> None:
    assert known_zone(setting) == zone


@given(st.sampled_from(["UTC", "GMT", "", "utc "]), st.integers(-15, 15), st.sampled_from(["", ":00", "00"]))
def test_a_zone_that_is_advised_for_an_offset_has_that_offset(name: str, hours: int, minutes: str) -> None:
    with pytest.raises(UnknownTimeZone) as fault:
        parse_time_zone(written := f"{name}{hours:+03d}{minutes}")
    if fault.value.similar is not None:
        shown = datetime(2026, 7, 1, tzinfo=ZoneInfo(fault.value.similar)).utcoffset()
        assert shown == timedelta(hours=hours), written
    else:
        assert not -12 <= hours <= 14


def test_every_windows_name_is_a_zone_that_there_is() -> None:
    assert set(WINDOWS_ZONES.values()) <= zone_names()


# What a clock shows, one second after the other: slow, and easy to believe.

CHANGES = st.sampled_from(
    [
        (NEW_YORK, datetime(2026, 3, 8, 7, tzinfo=UTC)),
        (NEW_YORK, datetime(2026, 11, 1, 6, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
        ("Asia/Kolkata", datetime(2026, 6, 1, tzinfo=UTC)),
        ("UTC", datetime(2026, 6, 1, tzinfo=UTC)),
    ]
)
_minutes = st.sampled_from(["*", "0", "*/5", "*/20", "15", "7/13", "10-50/10", "0,30"])
_hours = st.sampled_from(["*", "1", "2", "1-3", "*/2", "0,2,14", "23", "10-12"])
_expressions = st.builds("0 {} {} * * *".format, _minutes, _hours)


def _walk(schedule: Schedule, begin: datetime, hours: int) -> Iterator[datetime]:
    """Due times by the words of the documentation, found by looking at every minute."""
    minute = timedelta(minutes=1)
    cron, zone = schedule.cron, schedule.zone

    def shows(wall: datetime) -> bool:
        return wall.minute in cron.minutes and wall.hour in cron.hours

    for count in range(1, hours * 60 + 1):
        at = begin + minute * count
        shown = at.astimezone(zone)
        near = {(at + timedelta(hours=side)).astimezone(zone).utcoffset() for side in (-1.5, 1.5)}
        shift = max(near) - min(near)  # type: ignore[type-var,operator]
        moved = {(each + shift // minute) % 60 for each in cron.minutes}
        if len(cron.hours) == 24 and moved == cron.minutes:
            if shows(shown):
                yield at
            continue
        if shows(shown) and shown.fold == 0:
            yield at
            continue
        # What the clock would show had it not been put forward within the last hour or so.
        before = (at - max(shift, minute)).astimezone(zone).utcoffset()
        now = shown.utcoffset()
        assert before is not None and now is not None
        if now > before and shows((at + before).replace(tzinfo=None)):
            yield at


@given(CHANGES, _expressions, st.integers(0, 240))
@example((NEW_YORK, datetime(2026, 3, 8, 7, tzinfo=UTC)), "0 30 2 * * *", 60)
def test_the_rule_is_what_a_clock_would_show(
    change: tuple[str, datetime], expression: str, minutes_before: int
) -> None:
    zone, at = change
    schedule = parse_schedule(expression, zone)
    begin = at - timedelta(minutes=minutes_before)
    expected = list(_walk(schedule, begin, 8))
    assert list(schedule.due_between(begin, begin + timedelta(hours=8))) == expected


@given(
    st.sampled_from(sorted(zone_names())),
    st.datetimes(datetime(1990, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)),
    _expressions,
)
def test_due_times_go_forward_and_do_not_depend_on_where_one_begins(
    zone: str, after: datetime, expression: str
) -> None:
    schedule = parse_schedule(expression, zone)
    found = list(itertools.islice(schedule.due_times(after), 12))
    assert found == sorted(set(found))
    assert found[0] > after
    for before, due in itertools.pairwise(found):
        assert schedule.next_due(before) == due
        assert schedule.next_due(due - timedelta(microseconds=1)) == due
