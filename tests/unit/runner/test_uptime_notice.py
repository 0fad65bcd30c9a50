from datetime import timedelta

import pytest
from webjobs_runner.domain.uptime_notice import next_notice_at


@pytest.mark.parametrize(
    ("hours", "next_hours"), [(0, 1), (0.99, 1), (1, 13), (12.9, 13), (13, 25), (100, 109)]
)
def test_the_log_tells_after_an_hour_and_then_every_twelve(hours: float, next_hours: float) -> None:
    assert next_notice_at(timedelta(hours=hours)) == timedelta(hours=next_hours)
