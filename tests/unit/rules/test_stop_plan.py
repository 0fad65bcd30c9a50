"""Which signal a script gets that has to end, and when."""

from typing import Any

import pytest
from webjobs_rules.job import JobType
from webjobs_rules.job_settings import StopSignal, read_job_settings
from webjobs_rules.stop_plan import StopPlan, stop_plan

TERM = StopSignal.SIGTERM


@pytest.mark.parametrize(
    ("settings", "watches", "expected"),
    [
        ({}, False, StopPlan(5.0, TERM)),
        ({}, True, StopPlan(5.0, None, TERM)),
        ({"stopping_wait_time": 0.5}, True, StopPlan(0.5, None, TERM)),
        ({"stop_signal": "SIGTERM"}, True, StopPlan(5.0, TERM)),
        ({"stop_signal": "SIGINT"}, True, StopPlan(5.0, StopSignal.SIGINT)),
        ({"stop_signal": "SIGQUIT"}, False, StopPlan(5.0, StopSignal.SIGQUIT)),
        ({"stop_signal": "SIGHUP"}, False, StopPlan(5.0, StopSignal.SIGHUP)),
        ({"stop_signal": "none"}, False, StopPlan(5.0, None)),
        ({"stop_signal": "none"}, True, StopPlan(5.0, None)),
        ({"stop_signal": None}, True, StopPlan(5.0, None, TERM)),
    ],
)
def test_settings_and_package_say_how_a_script_is_stopped(
    settings: dict[str, Any], watches: bool, expected: StopPlan
) -> None:
    known = read_job_settings(settings)
    assert stop_plan(known, JobType.CONTINUOUS, watches_shutdown_file=watches) == expected


def test_a_run_has_the_grace_of_its_type() -> None:
    plan = stop_plan(read_job_settings({}), JobType.TRIGGERED, watches_shutdown_file=False)
    assert plan == StopPlan(30.0, TERM)


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (StopPlan(60.0, TERM), StopPlan(2.0, TERM)),
        (StopPlan(60.0, None, TERM), StopPlan(2.0, None)),
        (StopPlan(1.5, None, TERM), StopPlan(1.5, None)),  # the last signal would need time of its own
    ],
)
def test_a_plan_never_takes_longer_than_it_may(plan: StopPlan, expected: StopPlan) -> None:
    assert plan.within(2.0) == expected
