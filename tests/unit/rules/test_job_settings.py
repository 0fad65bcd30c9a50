"""The keys of settings.job: what is read, what is refused, and what the rules make of them."""

from typing import Any

import pytest
from webjobs_rules.errors import InvalidJobSettings
from webjobs_rules.job_settings import (
    RETRIED_REASONS,
    Backoff,
    Concurrency,
    ConcurrencyPolicy,
    JobSettings,
    MissedPolicy,
    Retry,
    read_job_settings,
)


def test_our_own_keys_have_defaults_that_change_nothing() -> None:
    settings = read_job_settings({"of mine": 1})
    assert settings.enabled
    assert settings.timeout is None
    assert settings.retry is None
    assert settings.restart is None
    assert settings.health_check is None
    assert (settings.concurrency.policy, settings.concurrency.at_once) == (ConcurrencyPolicy.REJECT, 1)
    assert (settings.missed.policy, settings.missed.within) == (MissedPolicy.ONCE, 600)


def test_a_retry_takes_one_delay_or_delays_that_grow() -> None:
    same = read_job_settings({"retry": {"max_attempts": 5, "backoff": 2}}).retry
    growing = read_job_settings({"retry": {"backoff": {"min": 1, "max": 10, "factor": 3}}}).retry
    assert same is not None and growing is not None
    assert [same.delay_seconds(attempt) for attempt in (1, 2, 3)] == [2, 2, 2]
    assert [growing.delay_seconds(attempt) for attempt in (1, 2, 3, 4)] == [1, 3, 9, 10]
    assert growing.on == list(RETRIED_REASONS)


def test_a_backoff_never_exceeds_its_longest_delay_nor_goes_below_its_first() -> None:
    assert Backoff(min=5, max=1).delay_seconds(3) == 5
    assert Backoff(factor=100).delay_seconds(10_000) == 300


@pytest.mark.parametrize(
    ("policy", "limit", "at_once"),
    [("reject", None, 1), ("queue", None, 1), ("replace", 2, 2), ("allow", None, None), ("allow", 3, 3)],
)
def test_a_policy_says_how_many_runs_there_may_be_at_once(
    policy: str, limit: int | None, at_once: int | None
) -> None:
    assert Concurrency(policy=ConcurrencyPolicy(policy), limit=limit).at_once == at_once


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"timeout": 0}, "timeout"),
        ({"timeout": "5"}, "timeout"),
        ({"retry": {"max_attempts": 0}}, "retry.max_attempts"),
        ({"retry": {"attempts": 2}}, "retry"),
        ({"retry": {"on": ["bad luck"]}}, "retry.on[0]"),
        ({"concurrency": {"policy": "both"}}, "concurrency.policy"),
        ({"concurrency": {"limit": 1.5}}, "concurrency.limit"),
        ({"missed": "once"}, "missed"),
        ({"env": {"A": 1}}, "env['A']"),
        ({"enabled": "no"}, "enabled"),
        ({"restart": {"factor": 0.5}}, "restart.factor"),
        ({"health_check": {"path": "health"}}, "health_check.path"),
    ],
)
def test_a_wrong_value_is_refused_by_its_key(settings: dict[str, Any], key: str) -> None:
    with pytest.raises(InvalidJobSettings) as fault:
        read_job_settings(settings)
    assert fault.value.key == key


def test_a_retry_without_keys_is_a_retry() -> None:
    assert read_job_settings({"retry": {}}).retry == Retry()


def test_jobs_that_set_nothing_share_their_settings() -> None:
    assert read_job_settings({}) == JobSettings()
    assert read_job_settings({}) is read_job_settings({"schedule": " ", "timeout": None})
    assert read_job_settings({"unknown": 1}) == JobSettings()
