"""What changes of the clocks do to schedules, and that the words agree with the due times."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from webjobs_rules.clock_changes import ClockChange, clock_change_of, clock_changes
from webjobs_rules.schedule import parse_schedule

BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"
YEAR = timedelta(days=366)
WINTER, SUMMER = datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC)
FORWARD = "On 2026-03-29 at 02:00 the clocks are put forward to 03:00: "
LEFT_OUT = "02:30:00 does not exist then"
BACK = "On 2026-10-25 at 03:00 the clocks are put back to 02:00: "


def next_change(expression: str, zone: str, after: datetime) -> ClockChange | None:
    return next(clock_changes(parse_schedule(expression, zone), after, after + YEAR), None)


@pytest.mark.parametrize(
    ("expression", "zone", "after", "effect", "words"),
    [
        ("0 30 2 * * *", BERLIN, WINTER, "moved", f"{LEFT_OUT}, due from 03:30:00 on instead."),
        ("0 30 2 * * *", BERLIN, SUMMER, "once", "02:30:00 comes twice, due the first time only."),
        (
            "0 0,30 2 * * *",
            BERLIN,
            WINTER,
            "moved",
            "02:00:00 and 02:30:00 do not exist then, due from 03:00",
        ),
        ("0 30 2,3 * * *", BERLIN, WINTER, "skipped", f"{LEFT_OUT}, and nothing is due instead."),
        ("0 0 * * * *", BERLIN, WINTER, "skipped", "02:00:00 does not exist then, and nothing is due"),
        (
            "0 */20 * * * *",
            BERLIN,
            SUMMER,
            "doubled",
            "3 times from 02:00:00 to 02:40:00 come twice, due both",
        ),
        (
            "0 30 2 * * *",
            NEW_YORK,
            WINTER,
            "moved",
            "On 2026-03-08 at 02:00 the clocks are put forward to 03",
        ),
        ("0 30 1 * * *", NEW_YORK, SUMMER, "once", "On 2026-11-01 at 02:00 the clocks are put back to 01"),
        (
            "0 15 2 * * *",
            LORD_HOWE,
            SUMMER,
            "moved",
            "to 02:30: 02:15:00 does not exist then, due from 02:45",
        ),
        (
            "0 45 1 * * *",
            LORD_HOWE,
            WINTER,
            "once",
            "On 2026-04-05 at 02:00 the clocks are put back to 01:30",
        ),
        ("0 45 2 * * 0", BERLIN, WINTER, "moved", "02:45:00 does not exist"),
    ],
)
def test_the_next_change_that_touches_a_schedule(
    expression: str, zone: str, after: datetime, effect: str, words: str
) -> None:
    change = next_change(expression, zone, after)
    assert change is not None
    assert (change.effect, words in change.words) == (effect, True), change.words
    if zone == BERLIN:
        assert change.words.startswith(FORWARD if change.shift > timedelta(0) else BACK)


@pytest.mark.parametrize(
    ("expression", "zone"),
    [("0 30 2 * * *", "UTC"), ("0 0 9 * * *", BERLIN), ("0 30 2 * * 1", BERLIN), ("0 0 12 * * *", LORD_HOWE)],
)
def test_a_change_that_touches_no_time_is_no_news(expression: str, zone: str) -> None:
    assert next_change(expression, zone, WINTER) is None


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, LORD_HOWE, "UTC"])
@pytest.mark.parametrize(
    "expression",
    ["0 30 2 * * *", "0 30 1 * * *", "0 15,45 1,2 * * *", "0 0 * * * *", "0 */10 * * * *", "0 0 4 * * *"],
)
def test_the_effects_are_those_of_the_due_times(expression: str, zone: str) -> None:
    """By the due times alone: what the clock shows at each of them on the days around a change."""
    schedule, place = parse_schedule(expression, zone), ZoneInfo(zone)
    changes = list(clock_changes(schedule, WINTER, WINTER + YEAR))
    assert (zone == "UTC") <= (changes == [])
    for change in changes:
        near = list(schedule.due_between(change.at - timedelta(hours=6), change.at + timedelta(hours=6)))
        shown = [due.astimezone(place).replace(tzinfo=None) for due in near]
        assert set(change.due) <= set(near)
        assert [due for due in near if clock_change_of(schedule, due) == change] == sorted(change.due)
        for time in change.times:
            assert shown.count(time) == {"moved": 0, "skipped": 0, "once": 1, "doubled": 2}[change.effect]
            if change.effect == "moved":
                assert time + change.shift in shown
