"""What is usual among the durations of a job's last runs; pure."""

from collections.abc import Sequence

_MEASURED = "SF"  # an aborted run was cut short: its duration says nothing about the job


def measured(durations: Sequence[int | None], results: str) -> list[int]:
    """The durations of the runs that succeeded or failed, ascending.

    Args:
        durations: Oldest first; None where no process was started.
        results: A letter for each of these runs, S, F or A as `Success`; may begin with those of older runs.
    """
    return sorted(
        duration
        for duration, letter in zip(reversed(durations), reversed(results), strict=False)
        if duration is not None and letter in _MEASURED
    )


def median(ascending: Sequence[int]) -> int | None:
    """The middle value; between two of them their mean, half a unit up; None without any."""
    if not ascending:
        return None
    middle = len(ascending) // 2
    return ascending[middle] if len(ascending) % 2 else (ascending[middle - 1] + ascending[middle] + 1) // 2


def p90(ascending: Sequence[int]) -> int | None:
    """The smallest value that nine of ten do not exceed; None without any."""
    return ascending[(len(ascending) * 9 + 9) // 10 - 1] if ascending else None
