"""A day in a time zone, and what happens in it as a drawing with a sentence."""

from datetime import UTC, datetime, timedelta

import pytest
from webjobs_api.http.request_errors import InvalidPage
from webjobs_api.pages.day import KINDS, Passed, band_of, coming_in, day_of, summary_of
from webjobs_rules.schedule import parse_schedule

NOW = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, 3, 28, hour, minute, second, tzinfo=UTC)


def passed(word: str, moment: datetime, until: datetime | None = None, count: int = 1) -> Passed:
    return Passed(moment, until or moment, count, word)


def test_today_is_the_day_of_the_zone() -> None:
    assert day_of("", "", NOW).text == "2026-03-28"
    berlin = day_of("", "Europe/Berlin", NOW)
    assert (berlin.text, berlin.begin) == ("2026-03-29", at(23))


@pytest.mark.parametrize(("text", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_a_day_is_as_long_as_the_clocks_make_it(text: str, hours: int) -> None:
    day = day_of(text, "Europe/Berlin", NOW)
    assert day.end - day.begin == hours * HOUR and day.minutes == hours * 60


def test_the_hours_of_a_day_without_its_third_hour_come_an_hour_early() -> None:
    assert list(day_of("2026-03-29", "Europe/Berlin", NOW).hours()) == [300, 660, 1020]


def test_a_clock_shows_seconds_only_where_there_are_some() -> None:
    day = day_of("2026-03-28", "Asia/Tokyo", NOW)
    assert (day.clock(at(1, 5)), day.clock(at(1, 5, 7))) == ("10:05", "10:05:07")


def test_neighbours_go_over_the_end_of_a_month() -> None:
    day = day_of("2026-03-01", "UTC", NOW)
    assert (day.neighbour(-1), day.neighbour(1)) == ("2026-02-28", "2026-03-02")


@pytest.mark.parametrize("text", ["no", "2026-02-30", "0001-01-01", "9999-12-31", "2026-1"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(InvalidPage, match="is no day"):
        day_of(text, "UTC", NOW)


@pytest.mark.parametrize("zone", ["Mars/Base", "../etc/passwd", "x" * 500, "\0"])
def test_what_is_no_zone_is_refused(zone: str) -> None:
    with pytest.raises(InvalidPage, match="is no time zone"):
        day_of("", zone, NOW)


def test_failures_hang_below_the_line_and_the_rest_stands_above() -> None:
    day = day_of("2026-03-28", "UTC", NOW)
    paths = dict(band_of(day, [passed("succeeded", at(1)), passed("missed", at(2))], [], NOW).paths)
    assert (paths["Success"], paths["Failed"]) == ("M60 4h5v12h-5z", "M120 16h5v12h-5z")
    assert paths["now"] == "M1410 0v32"


def test_many_due_times_in_a_row_are_one_box() -> None:
    day = day_of("2026-03-28", "UTC", NOW)
    row = passed("missed", at(1), at(3), count=120)
    assert dict(band_of(day, [row], [], NOW).paths)["Failed"] == "M60 16h121v12h-121z"


def test_what_began_the_day_before_and_goes_on_stays_within_the_day() -> None:
    day = day_of("2026-03-28", "UTC", NOW)
    row = passed("missed", day.begin - HOUR, day.end + HOUR, count=9)
    assert dict(band_of(day, [row], [], NOW).paths)["Failed"] == "M0 16h1440v12h-1440z"


def test_what_is_to_come_is_hollow_and_another_day_has_no_now() -> None:
    day = day_of("2026-03-27", "UTC", NOW)
    paths = dict(band_of(day, [], [day.begin + HOUR], NOW).paths)
    assert paths["hollow"] == "M60 4h5v12h-5z" and "now" not in paths


def test_a_job_of_every_second_is_drawn_once_in_a_quarter_of_an_hour() -> None:
    day = day_of("2026-03-29", "Europe/Berlin", NOW)
    coming = coming_in(parse_schedule("* * * * * *", "UTC"), day, day.begin)
    assert len(coming) == 23 * 4
    assert coming[:2] == [day.begin + timedelta(seconds=1), day.begin + timedelta(minutes=15)]


def test_a_rare_job_is_drawn_at_each_of_its_due_times_that_is_to_come() -> None:
    day = day_of("2026-03-28", "UTC", NOW)
    schedule = parse_schedule("0 0 */6 * * *", "UTC")
    assert coming_in(schedule, day, at(5)) == [at(6), at(12), at(18)]
    assert coming_in(schedule, day, day.begin - HOUR) == [at(0), at(6), at(12), at(18)]
    assert coming_in(schedule, day, day.end) == []


def test_the_label_says_it_in_words() -> None:
    day = day_of("2026-03-28", "UTC", NOW)
    ticks = [passed("missed", at(1), count=1200), passed("succeeded", at(2)), passed("succeeded", at(3))]
    assert summary_of(day, ticks, [at(4)]) == "2 succeeded and 1,200 missed; next at 04:00"
    assert summary_of(day, [], [at(4)]) == "next at 04:00"
    assert summary_of(day, [], []) == "Not due on this day"
    assert set(KINDS.values()) == {"Success", "Failed", "Running", "Initializing", "Aborted"}
