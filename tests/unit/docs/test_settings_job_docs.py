"""The page about settings.job names every key, and its examples are taken."""

import json
import re
from pathlib import Path

import pytest
from webjobs_rules.job import JobType
from webjobs_rules.job_settings import (
    Backoff,
    Concurrency,
    ConcurrencyPolicy,
    HealthCheck,
    JobSettings,
    Missed,
    MissedPolicy,
    Retry,
)
from webjobs_rules.settings_check import check_settings

PAGE = (Path(__file__).parents[3] / "docs" / "settings_job.md").read_text()
EXAMPLES = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]


@pytest.mark.parametrize("key", JobSettings.__struct_fields__)
def test_every_key_has_a_row_and_is_in_an_example(key: str) -> None:
    assert re.search(rf"(?m)^\| `{key}` \|", PAGE)
    assert any(key in example for example in EXAMPLES)


@pytest.mark.parametrize("section", [Backoff, Retry, Concurrency, Missed, HealthCheck])
def test_every_key_of_our_objects_is_named(section: type[JobSettings]) -> None:
    assert all(f"`{key}`" in PAGE for key in section.__struct_fields__)


@pytest.mark.parametrize("policy", [*ConcurrencyPolicy, *MissedPolicy])
def test_every_policy_is_named(policy: str) -> None:
    assert f"`{policy}`" in PAGE


def test_the_examples_are_taken_as_they_stand() -> None:
    triggered, continuous = EXAMPLES
    check_settings(triggered, JobType.TRIGGERED)
    check_settings(continuous, JobType.CONTINUOUS)
