"""When a command that the runner failed to handle is delivered again, and when that is enough."""

MOST_FAILURES = 5
"""Failures of the runner itself after which a command is tried no more: its run ends with a reason."""

_FIRST_DELAY = 0.5  # seconds
_LONGEST_DELAY = 300.0  # seconds


def redelivery_delay(failures: int) -> float:
    """Returns the seconds to wait after so many failures, from 1 on: doubled each time."""
    return float(min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** min(failures - 1, 20)))


def is_enough(failures: int) -> bool:
    """Whether a command that failed so often is given up."""
    return failures >= MOST_FAILURES
