"""Whether a run is tried again, and when."""

from datetime import datetime, timedelta

from webjobs_rules.job_settings import Retry
from webjobs_rules.status import Reason

_WANTED = frozenset({Reason.CANCELLED, Reason.REPLACED, Reason.DELETED, Reason.STOPPED})
"""Reasons of requested ends: a retry would undo the request."""


def next_attempt_at(
    retry: Retry | None, *, reason: Reason, attempt: int, ended_at: datetime
) -> datetime | None:
    """When the attempt after one that did not succeed may begin; None when there is none.

    Args:
        retry: What the job's settings say.
        reason: Why the attempt ended.
        attempt: Its number, from 1.
        ended_at: When it ended.
    """
    if retry is None or attempt >= retry.max_attempts or reason in _WANTED or reason not in retry.on:
        return None
    return ended_at + timedelta(seconds=retry.delay_seconds(attempt))
