import itertools
from datetime import UTC, datetime, timedelta
from typing import get_args

import msgspec
import pytest
from unit.api.views import NOW, definition, instance, run
from webjobs_api.http.legacy_responses import (
    LegacyStatus,
    continuous_job_json,
    continuous_status,
    duration,
    in_name_order,
    instant,
    run_json,
    triggered_job_json,
)
from webjobs_api.http.urls import Urls
from webjobs_rules.job import JobType
from webjobs_rules.status import TERMINAL_STATUSES, Status

URLS = Urls("http://host")


def as_json(answer: object) -> object:
    return msgspec.json.decode(msgspec.json.encode(answer))


def test_a_triggered_job_is_written_as_in_the_seed() -> None:
    expected_run = {
        "id": "201311080256000000",
        "status": "Success",
        "start_time": "2013-11-08T02:56:00.000000Z",
        "end_time": "2013-11-08T02:57:00.000000Z",
        "duration": "00:01:00",
        "output_url": "http://host/vfs/data/jobs/triggered/jobName/201311080256000000/output_201311080256000000.log",
        "error_url": "http://host/vfs/data/jobs/triggered/jobName/201311080256000000/error_201311080256000000.log",
        "url": "http://host/api/jobs/triggered/jobName/history/201311080256000000",
    }
    assert as_json(triggered_job_json(definition(), run(has_error_log=True), URLS, NOW)) == {
        "name": "jobName",
        "runCommand": "run.cmd",
        "type": "triggered",
        "url": "http://host/api/jobs/triggered/jobName",
        "history_url": "http://host/api/jobs/triggered/jobName/history",
        "extra_info_url": "http://host/pages/triggered/jobName",
        "latest_run": expected_run,
    }


def test_a_continuous_job_is_written_as_in_the_seed() -> None:
    job = definition(job_type=JobType.CONTINUOUS, script="inner/run.sh")
    assert as_json(continuous_job_json(job, [instance("327e1e", Status.RUNNING)], URLS)) == {
        "name": "jobName",
        "status": "Running",
        "runCommand": "inner\\run.sh",
        "log_url": "http://host/vfs/data/jobs/continuous/jobName/job.log",
        "extra_info_url": "http://host/pages/continuous/jobName",
        "url": "http://host/api/jobs/continuous/jobName",
        "type": "continuous",
    }


def test_a_run_that_goes_on_has_no_end_and_counts_to_now() -> None:
    told = run_json(run(Status.RUNNING, ended_at=None), URLS, NOW)
    assert (told.end_time, told.duration, told.error_url) == (None, "00:05:00", None)


def test_a_run_that_never_started_begins_when_it_was_asked_for() -> None:
    told = run_json(run(Status.FAILED, started_at=None), URLS, NOW)
    assert (told.start_time, told.duration) == ("2013-11-08T02:55:59.000000Z", "00:01:01")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "00:00:00"),
        (0.999, "00:00:00"),
        (59.5, "00:00:59"),
        (86_399, "23:59:59"),
        (86_400, "1.00:00:00"),
        (93_784, "1.02:03:04"),
        (-5, "00:00:00"),  # the clock was set back
    ],
)
def test_durations_are_written_as_dot_net_does(seconds: float, text: str) -> None:
    assert duration(timedelta(seconds=seconds)) == text


def test_instants_have_six_decimals() -> None:
    assert instant(datetime(2026, 1, 2, 3, 4, 5, 60, tzinfo=UTC)) == "2026-01-02T03:04:05.000060Z"


def test_names_are_encoded_in_urls() -> None:
    assert URLS.job(JobType.TRIGGERED, "a b/ü?#%") == "http://host/api/jobs/triggered/a%20b%2F%C3%BC%3F%23%25"


def test_names_are_ordered_whatever_their_case() -> None:
    names = [each.job_name for each in in_name_order([definition(name) for name in ("b", "A", "a", "C")])]
    assert names == ["A", "a", "b", "C"]


@pytest.mark.parametrize(
    ("disabled", "statuses", "expected"),
    [
        (False, {}, Status.INITIALIZING),
        (True, {}, Status.STOPPED),
        (False, {"a": Status.RUNNING, "b": Status.STOPPED}, Status.RUNNING),
        (False, {"a": Status.INACTIVE_INSTANCE, "b": Status.PENDING_RESTART}, Status.PENDING_RESTART),
        (False, {"a": Status.INACTIVE_INSTANCE}, Status.INITIALIZING),
        (False, {"a": Status.STOPPED}, Status.STOPPED),  # WEBJOBS_STOPPED: the instances say it
        (True, {"a": Status.RUNNING, "b": Status.STOPPED}, Status.RUNNING),
        (True, {"a": Status.STOPPING}, Status.STOPPING),
        (True, {"a": Status.PENDING_RESTART}, Status.STOPPED),
        (True, {"a": Status.STOPPED}, Status.STOPPED),
    ],
)
def test_one_word_tells_what_all_living_instances_do(
    disabled: bool, statuses: dict[str, Status], expected: Status
) -> None:
    job = definition(job_type=JobType.CONTINUOUS, disabled=disabled)
    views = [instance(name, status) for name, status in statuses.items()]
    assert continuous_status(job, views) is expected


@pytest.mark.parametrize(
    ("disabled", "statuses", "expected"),
    [
        (False, {}, "Initializing"),
        (True, {}, "Stopped"),
        (True, {"a": Status.STOPPING}, "Running"),
        (False, {"a": Status.STOPPING}, "Running"),  # a new version replaces the one before
        (True, {"a": Status.STOPPING, "b": Status.STOPPED}, "Running"),
        (False, {"a": Status.STOPPING, "b": Status.PENDING_RESTART}, "Running"),
        (False, {"a": Status.STOPPING, "b": Status.INACTIVE_INSTANCE}, "Running"),
        (False, {"a": Status.INACTIVE_INSTANCE}, "Initializing"),
        (True, {"a": Status.INACTIVE_INSTANCE}, "Stopped"),
        (False, {"a": Status.INACTIVE_INSTANCE, "b": Status.PENDING_RESTART}, "PendingRestart"),
        (False, {"a": Status.INACTIVE_INSTANCE, "b": Status.STOPPED}, "Stopped"),
        (False, {"a": Status.STARTING}, "Starting"),
    ],
)
def test_the_legacy_dialect_has_five_words_for_a_continuous_job(
    disabled: bool, statuses: dict[str, Status], expected: str
) -> None:
    job = definition(job_type=JobType.CONTINUOUS, disabled=disabled)
    views = [instance(name, status) for name, status in statuses.items()]
    assert continuous_job_json(job, views, URLS).status == expected


def test_no_combination_of_instances_says_another_word() -> None:
    words = get_args(LegacyStatus)
    each = [status for status in Status if status not in TERMINAL_STATUSES]
    for first, second in itertools.product(each, each):
        for disabled in (False, True):
            job = definition(job_type=JobType.CONTINUOUS, disabled=disabled)
            views = [instance("a", first), instance("b", second)]
            assert continuous_job_json(job, views, URLS).status in words
