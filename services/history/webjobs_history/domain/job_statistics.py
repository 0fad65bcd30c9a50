"""Statistics of a job's ended runs, kept with its row and changed by each final event; pure.

The order is that of the final events. Each attempt counts; the removal of old runs changes nothing.
"""

from datetime import timedelta
from typing import TypeVar

import msgspec
from msgspec.structs import replace
from webjobs_events.instant import Instant
from webjobs_events.queries import LastSuccess, RunView
from webjobs_rules.status import Status

MAX_RESULTS = 100  # attempts
MAX_DURATIONS = 50  # attempts

_MILLISECOND = timedelta(milliseconds=1)
_LETTERS = {Status.SUCCESS: "S", Status.FAILED: "F", Status.ABORTED: "A"}


class JobStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What the ended runs of a job have in common.

    Attributes:
        results: One letter for each of the last 100 attempts, oldest first: S, F or A, as `Success`.
        durations: Milliseconds of the last 50 of them, oldest first; None where no process was started.
        streak: How many attempts in a row ended with the last result; may exceed 100.
        failing_since: End of the first failure of the streak; None unless the last attempt failed.
        last_success: The last attempt that succeeded; None before the first.
    """

    results: str = ""
    durations: list[int | None] = []
    streak: int = 0
    failing_since: Instant | None = None
    last_success: LastSuccess | None = None


S = TypeVar("S", bound=JobStatistics)


def with_ended(statistics: S, run: RunView) -> S:
    """The statistics after one more run of the job has ended."""
    assert run.ended_at is not None, run
    letter = _LETTERS[run.status]
    is_repeated = statistics.results.endswith(letter)
    failing_since = None
    if run.status is Status.FAILED:
        failing_since = statistics.failing_since if is_repeated else run.ended_at
    return replace(
        statistics,
        results=(statistics.results + letter)[-MAX_RESULTS:],
        durations=[*statistics.durations, _duration(run)][-MAX_DURATIONS:],
        streak=statistics.streak + 1 if is_repeated else 1,
        failing_since=failing_since,
        last_success=(
            LastSuccess(run_id=run.run_id, ended_at=run.ended_at)
            if run.status is Status.SUCCESS
            else statistics.last_success
        ),
    )


def _duration(run: RunView) -> int | None:
    if run.started_at is None or run.ended_at is None:
        return None
    return (run.ended_at - run.started_at + _MILLISECOND / 2) // _MILLISECOND
