"""What becomes of due times that nobody saw: Kudu's cases, and every policy."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webjobs_events.events import TickOutcome
from webjobs_events.overdue import MOST_CAUGHT_UP, ON_TIME, DueTimeDecision, decide_due_times
from webjobs_rules.job_settings import MAX_SECONDS, Missed, MissedPolicy
from webjobs_rules.schedule import parse_schedule

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
ONCE, SKIP, ALL = (
    Missed(policy=policy) for policy in (MissedPolicy.ONCE, MissedPolicy.SKIP, MissedPolicy.ALL)
)


def judge(expression: str, since: timedelta, missed: Missed = ONCE, now: datetime = NOW) -> DueTimeDecision:
    """What becomes of the due times since the last one that was told."""
    schedule = parse_schedule(expression, "UTC")
    return decide_due_times(schedule.due_between(now - since, now), now, missed)


# The reference's table: a schedule of every two minutes, by the age of the last run.


@pytest.mark.parametrize(
    ("last", "is_run"),
    [
        (timedelta(minutes=2), True),
        (timedelta(minutes=3), True),
        (timedelta(minutes=5), True),
        (timedelta(minutes=10), True),
        (timedelta(minutes=11), True),  # the first that was missed is exactly ten minutes old
        (timedelta(minutes=13), False),
        (timedelta(minutes=60), False),
        (timedelta(days=1), False),
    ],
)
def test_by_default_one_run_makes_up_for_ten_minutes_at_most(last: timedelta, is_run: bool) -> None:
    decision = judge("0 */2 * * * *", last)
    assert bool(decision.runs) == is_run
    assert decision.runs in ((), (NOW,))


def test_after_a_longer_outage_the_schedule_goes_on_with_its_next_due_time() -> None:
    decision = judge("0 */2 * * * *", 13 * MINUTE)
    assert decision.without_run is not None
    assert (decision.without_run.outcome, decision.without_run.count) == (TickOutcome.MISSED, 7)
    following = parse_schedule("0 */2 * * * *", "UTC").next_due(decision.without_run.last)
    assert following == NOW + 2 * MINUTE


def test_however_long_ago_it_was_one_run_makes_up_for_it_when_the_job_says_so() -> None:
    decision = judge("0 */2 * * * *", timedelta(days=2), Missed(within=MAX_SECONDS))
    assert decision.runs == (NOW,)
    assert decision.without_run is not None
    assert (decision.without_run.outcome, decision.without_run.count) == (TickOutcome.MERGED, 2 * 720 - 1)


@pytest.mark.parametrize(
    ("last", "hours"),
    [(datetime(2026, 3, 6, 12), 7 * 24 - 1), (datetime(2026, 10, 30, 12), 7 * 24 + 1)],
)
def test_a_week_over_a_change_of_the_clocks_has_an_hour_less_or_more(last: datetime, hours: int) -> None:
    schedule = parse_schedule("0 0 12 * * Fri", "America/New_York")
    run_at = last.replace(tzinfo=schedule.zone).astimezone(UTC)
    due = schedule.next_due(run_at)
    assert due is not None and due - run_at == timedelta(hours=hours)


def test_a_due_time_in_the_skipped_hour_comes_an_hour_later_by_the_clock() -> None:
    schedule = parse_schedule("0 30 2 8 3 *", "America/New_York")
    due = schedule.next_due(datetime(2026, 3, 8, tzinfo=UTC))
    assert due is not None and f"{due.astimezone(schedule.zone):%H:%M}" == "03:30"


# The policies


@pytest.mark.parametrize("missed", [ONCE, SKIP, ALL])
def test_a_due_time_that_has_just_come_is_run(missed: Missed) -> None:
    assert judge("0 * * * * *", SECOND, missed) == DueTimeDecision(runs=(NOW,))
    late = NOW + ON_TIME
    assert judge("0 * * * * *", ON_TIME + SECOND, missed, late) == DueTimeDecision(runs=(NOW,))


def test_skip_runs_nothing_that_is_late_and_tells_why() -> None:
    decision = judge("0 * * * * *", 3 * MINUTE, SKIP, NOW + 30 * SECOND)
    assert decision.runs == ()
    assert decision.without_run is not None
    assert (decision.without_run.first, decision.without_run.last) == (NOW - 2 * MINUTE, NOW)
    assert decision.without_run.reason == "It was seen only 150 s late, and missed.policy is skip."


def test_skip_goes_on_with_the_due_time_that_has_just_come() -> None:
    decision = judge("0 * * * * *", 3 * MINUTE, SKIP)
    assert decision.runs == (NOW,)
    assert decision.without_run is not None
    assert (decision.without_run.outcome, decision.without_run.count) == (TickOutcome.MISSED, 2)


def test_once_runs_the_last_one_in_place_of_all() -> None:
    decision = judge("0 * * * * *", 5 * MINUTE, ONCE, NOW + 30 * SECOND)
    assert decision.runs == (NOW,)
    assert decision.without_run is not None
    assert (decision.without_run.outcome, decision.without_run.count) == (TickOutcome.MERGED, 4)


def test_all_runs_each_that_is_not_too_late() -> None:
    decision = judge("0 * * * * *", timedelta(hours=1), Missed(policy=MissedPolicy.ALL, within=300))
    assert decision.runs == tuple(NOW - MINUTE * age for age in range(5, -1, -1))
    assert decision.without_run is not None
    assert (decision.without_run.outcome, decision.without_run.count) == (TickOutcome.MISSED, 54)
    assert "missed.within is 300 s" in decision.without_run.reason


def test_all_runs_a_hundred_at_most() -> None:
    decision = judge("* * * * * *", 5 * MINUTE, ALL)
    assert len(decision.runs) == MOST_CAUGHT_UP
    assert decision.runs[-1] == NOW
    assert decision.without_run is not None and decision.without_run.count == 200
    assert "only the last 100 are run" in decision.without_run.reason


def test_a_short_within_does_not_make_a_slow_machine_miss_its_due_times() -> None:
    assert judge("0 * * * * *", 4 * SECOND, Missed(within=0.001), NOW + 3 * SECOND).runs == (NOW,)


@given(
    st.sampled_from(["* * * * * *", "*/7 * * * * *", "0 * * * * *", "0 */2 * * * *", "0 0 * * * *"]),
    st.builds(
        Missed, policy=st.sampled_from(MissedPolicy), within=st.sampled_from([1.0, 60.0, 600.0, 7200.0])
    ),
    st.lists(st.integers(0, 4000), min_size=1, max_size=8),
)
def test_every_due_time_has_one_record_whatever_was_slept_through(
    expression: str, missed: Missed, naps: list[int]
) -> None:
    schedule, told, now = parse_schedule(expression, "UTC"), NOW, NOW
    records: list[datetime] = []
    for nap in naps:
        now += timedelta(seconds=nap)
        decision = decide_due_times(schedule.due_between(told, now), now, missed)
        if decision.without_run is not None:
            stretch = list(schedule.due_between(told, decision.without_run.last))
            assert (len(stretch), stretch[0]) == (decision.without_run.count, decision.without_run.first)
            records += stretch
        records += decision.runs
        if missed.policy is MissedPolicy.ALL:
            assert len(decision.runs) <= MOST_CAUGHT_UP
        else:
            assert len(decision.runs) <= 1
        told = records[-1] if records else told
    assert records == list(schedule.due_between(NOW, now))
