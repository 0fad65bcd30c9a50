from datetime import timedelta

import pytest
from webjobs_runner.domain.restart import restart_delay


@pytest.mark.parametrize(("lived_seconds", "delay_seconds"), [(0, 7), (119.999, 7), (120, 0), (7200, 0)])
def test_only_a_short_life_waits_for_the_restart_time(lived_seconds: float, delay_seconds: float) -> None:
    delay = restart_delay(timedelta(seconds=lived_seconds), timedelta(seconds=7))
    assert delay == timedelta(seconds=delay_seconds)


def test_the_restart_time_is_a_minute_unless_set() -> None:
    assert restart_delay(timedelta(0)) == timedelta(seconds=60)


def test_a_negative_restart_time_is_none() -> None:
    assert restart_delay(timedelta(0), timedelta(seconds=-1)) == timedelta(0)
