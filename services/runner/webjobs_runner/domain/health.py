"""When a continuous job that does not answer well counts as sick."""

from webjobs_rules.job_settings import HealthCheck


def failures_after(check: HealthCheck, failures: int, *, is_good: bool, age_seconds: float) -> int:
    """Failures in a row after one more look.

    Args:
        check: As the job's settings have it.
        failures: Before this look.
        is_good: What was seen.
        age_seconds: Of the script: while it starts, a failure does not count.
    """
    if is_good:
        return 0
    return failures if age_seconds < check.start_period else failures + 1


def is_sick(check: HealthCheck, failures: int) -> bool:
    """Whether so many failures in a row are enough to restart the script."""
    return failures >= check.failures
