from datetime import UTC, datetime, timedelta

import pytest
from webjobs_rules.job_settings import Backoff, Retry
from webjobs_rules.status import Reason
from webjobs_runner.domain.retry import next_attempt_at

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def delay(retry: Retry | None, reason: Reason = Reason.EXIT_CODE, attempt: int = 1) -> float | None:
    at = next_attempt_at(retry, reason=reason, attempt=attempt, ended_at=NOW)
    return None if at is None else (at - NOW) / timedelta(seconds=1)


def test_without_settings_nothing_is_tried_again() -> None:
    assert delay(None) is None


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 5.0), (2, 5.0), (3, None), (4, None)])
def test_attempts_are_counted_with_the_first_one(attempt: int, seconds: float | None) -> None:
    assert delay(Retry(max_attempts=3, backoff=5), attempt=attempt) == seconds


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 2), (2, 6), (3, 18), (4, 20), (90, 20)])
def test_delays_grow_up_to_the_longest(attempt: int, seconds: float) -> None:
    retry = Retry(max_attempts=100, backoff=Backoff(min=2, max=20, factor=3))
    assert delay(retry, attempt=attempt) == seconds


def test_only_the_reasons_that_are_named_are_tried_again() -> None:
    retry = Retry(backoff=1, on=[Reason.SIGNAL, Reason.RUNNER_LOST])
    assert {reason for reason in Reason if delay(retry, reason) is not None} == {
        Reason.SIGNAL,
        Reason.RUNNER_LOST,
    }


@pytest.mark.parametrize("reason", [Reason.CANCELLED, Reason.REPLACED, Reason.DELETED, Reason.STOPPED])
def test_what_somebody_wanted_is_never_tried_again(reason: Reason) -> None:
    assert delay(Retry(on=list(Reason)), reason) is None
