from webjobs_rules.job_settings import HealthCheck
from webjobs_runner.domain.health import failures_after, is_sick

CHECK = HealthCheck(failures=2, start_period=10)


def looks(*seen: tuple[float, bool]) -> list[bool]:
    """Whether the script is sick after each look: its age in seconds, and whether the answer was good."""
    found, failures = [], 0
    for age, is_good in seen:
        failures = failures_after(CHECK, failures, is_good=is_good, age_seconds=age)
        found.append(is_sick(CHECK, failures))
    return found


def test_only_failures_in_a_row_make_a_script_sick() -> None:
    assert looks((20, False), (21, True), (22, False), (23, False)) == [False, False, False, True]


def test_a_failure_while_it_starts_does_not_count() -> None:
    assert looks((1, False), (9.9, False), (10, False), (11, False)) == [False, False, False, True]
