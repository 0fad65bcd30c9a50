"""The statistics of ended runs by their definitions, from the whole list: what the fold must agree with."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile

import msgspec
from webjobs_events.queries import LastSuccess, RunView
from webjobs_history.domain.job_statistics import JobStatistics
from webjobs_rules.status import Status


def statistics_of(job: JobStatistics) -> JobStatistics:
    """The statistics alone of a row."""
    return msgspec.convert(job, JobStatistics, from_attributes=True)


def recomputed(ended: Sequence[RunView]) -> JobStatistics:
    """From all runs, in the order of their ends."""
    if not ended:
        return JobStatistics()
    last = ended[-1]
    streak = list(takewhile(lambda run: run.status is last.status, reversed(ended)))
    success = next((run for run in reversed(ended) if run.status is Status.SUCCESS), None)
    return JobStatistics(
        results="".join(run.status.value[0] for run in ended[-100:]),
        durations=[_duration(run) for run in ended[-50:]],
        streak=len(streak),
        failing_since=streak[-1].ended_at if last.status is Status.FAILED else None,
        last_success=success and LastSuccess(run_id=success.run_id, ended_at=_end(success)),
    )


def _duration(run: RunView) -> int | None:
    return (
        None if run.started_at is None else _rounded((_end(run) - run.started_at) / timedelta(milliseconds=1))
    )


def _rounded(value: float) -> int:
    return math.floor(value + 0.5)


def _end(run: RunView) -> datetime:
    assert run.ended_at is not None
    return run.ended_at
