from datetime import timedelta

import pytest
from webjobs_rules.job_settings import Backoff
from webjobs_runner.domain.restart import restart_after, restart_delay


@pytest.mark.parametrize(("lived_seconds", "delay_seconds"), [(0, 7), (119.999, 7), (120, 0), (7200, 0)])
def test_only_a_short_life_waits_for_the_restart_time(lived_seconds: float, delay_seconds: float) -> None:
    delay = restart_delay(timedelta(seconds=lived_seconds), timedelta(seconds=7))
    assert delay == timedelta(seconds=delay_seconds)


def test_the_restart_time_is_a_minute_unless_set() -> None:
    assert restart_delay(timedelta(0)) == timedelta(seconds=60)


def test_a_negative_restart_time_is_none() -> None:
    assert restart_delay(timedelta(0), timedelta(seconds=-1)) == timedelta(0)


def delays(backoff: Backoff, *lives: float) -> list[float]:
    """Delays in seconds after lives of so many seconds in a row."""
    found, short_runs = [], 0
    for lived in lives:
        restart = restart_after(timedelta(seconds=lived), short_runs, backoff, timedelta(seconds=60))
        short_runs = restart.short_runs
        found.append(restart.delay.total_seconds())
    return found


def test_each_short_life_in_a_row_waits_longer_up_to_the_longest() -> None:
    assert delays(Backoff(min=1, max=20, factor=3), 0, 0, 0, 0, 0) == [1, 3, 9, 20, 20]


def test_a_long_life_begins_the_delays_anew() -> None:
    assert delays(Backoff(min=1, max=600, factor=2), 0, 0, 119.9, 120, 0) == [1, 2, 4, 1, 2]


def test_a_life_as_long_as_the_longest_delay_is_long() -> None:
    assert delays(Backoff(min=1, max=10, factor=2), 0, 9.9, 10, 0) == [1, 2, 1, 2]


def test_no_number_of_lives_is_too_large() -> None:
    restart = restart_after(timedelta(0), 100_000, Backoff(min=1, max=30, factor=100), timedelta(0))
    assert restart.delay == timedelta(seconds=30)


@pytest.mark.parametrize("lived_seconds", [0, 119, 120])
def test_without_delays_of_its_own_a_job_follows_the_reference(lived_seconds: float) -> None:
    lived, restart_time = timedelta(seconds=lived_seconds), timedelta(seconds=7)
    restart = restart_after(lived, 5, None, restart_time)
    assert (restart.delay, restart.short_runs) == (restart_delay(lived, restart_time), 0)
