from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from unit.api.views import BEGAN, NOW, definition, instance, run
from webjobs_api.http.dialects import KUDU
from webjobs_api.http.kudu_responses import (
    continuous_job_json,
    duration,
    instant,
    run_json,
    runs_json,
    triggered_job_json,
)
from webjobs_rules.job import JobType
from webjobs_rules.status import Reason, Status

URLS = KUDU.urls("http://host")
DATA = "http://host/vfs/data/jobs"
EXPECTED_RUN = {
    "id": "201311080256000000",
    "name": "201311080256000000",
    "status": "Failed",
    "start_time": "2013-11-08T02:56:00Z",
    "end_time": "2013-11-08T02:57:00Z",
    "duration": "00:01:00",
    "output_url": f"{DATA}/triggered/jobName/201311080256000000/output_log.txt",
    "error_url": None,
    "url": "http://host/api/triggeredwebjobs/jobName/history/201311080256000000",
    "job_name": "jobName",
    "trigger": "External",
    "arguments": "a 'b c'",
    "exit_code": 3,
    "signal": None,
    "reason": "exit_code",
    "evidence": "",
    "instance": "327e1e",
    "package_digest": "d",
    "attempt": 2,
    "scheduled_for": None,
    "retry_of": "201311080255000000",
    "rerun_of": None,
    "next_run_id": "201311080258000000",
    "next_attempt_at": "2013-11-08T03:01:00Z",
    "output_log_bytes": 4711,
    "error_log_bytes": 217,
    "dropped_lines": 3,
    "imported_from": None,
}
ENDED = run(
    Status.FAILED,
    arguments="a 'b c'",
    exit_code=3,
    reason=Reason.EXIT_CODE,
    has_error_log=True,
    attempt=2,
    retry_of="201311080255000000",
    next_run_id="201311080258000000",
    next_attempt_at=NOW,
    output_log_bytes=4711,
    error_log_bytes=217,
    dropped_lines=3,
)


def as_json(answer: object) -> object:
    return msgspec.json.decode(msgspec.json.encode(answer))


def test_a_triggered_job_is_written_as_kudu_does() -> None:
    job = definition(script="inner/run.cmd", settings={"mine": [1]})
    assert as_json(triggered_job_json(job, ENDED, URLS, NOW)) == {
        "latest_run": EXPECTED_RUN,
        "history_url": "http://host/api/triggeredwebjobs/jobName/history",
        "scheduler_logs_url": None,
        "name": "jobName",
        "run_command": "inner\\run.cmd",
        "url": "http://host/api/triggeredwebjobs/jobName",
        "extra_info_url": "http://host/pages/triggered/jobName",
        "type": "triggered",
        "error": None,
        "using_sdk": False,
        "settings": {"mine": [1]},
        "warnings": [],
    }
    assert as_json(runs_json([ENDED], URLS, NOW)) == {"runs": [EXPECTED_RUN]}


def test_a_continuous_job_tells_every_instance() -> None:
    job = definition(job_type=JobType.CONTINUOUS)
    living = [instance("aaaaaa", Status.INACTIVE_INSTANCE), instance("bbbbbb", Status.RUNNING)]
    assert as_json(continuous_job_json(job, living, URLS)) == {
        "status": "Running",
        "detailed_status": "aaaaaa - InactiveInstance\r\nbbbbbb - Running\r\n",
        "log_url": f"{DATA}/continuous/jobName/job_log.txt",
        "name": "jobName",
        "run_command": "run.cmd",
        "url": "http://host/api/continuouswebjobs/jobName",
        "extra_info_url": "http://host/pages/continuous/jobName",
        "type": "continuous",
        "error": None,
        "using_sdk": False,
        "settings": {},
        "warnings": [],
    }


def test_a_run_that_goes_on_ends_in_year_one_and_counts_to_now() -> None:
    told = run_json(run(Status.RUNNING, ended_at=None), URLS, NOW)
    assert (told.end_time, told.duration) == ("0001-01-01T00:00:00", "00:05:00")


def test_the_duration_of_an_aborted_run_does_not_grow() -> None:
    aborted = run(Status.ABORTED, ended_at=BEGAN + timedelta(seconds=2))
    assert run_json(aborted, URLS, NOW) == run_json(aborted, URLS, NOW + timedelta(days=1))


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(0), "00:00:00"),
        (timedelta(seconds=3, microseconds=123_456), "00:00:03.1234560"),
        (timedelta(microseconds=1), "00:00:00.0000010"),
        (timedelta(days=1, hours=2, minutes=3, seconds=4), "1.02:03:04"),
        (timedelta(seconds=-5), "00:00:00"),
    ],
)
def test_durations_are_written_as_a_time_span(length: timedelta, text: str) -> None:
    assert duration(length) == text


@pytest.mark.parametrize(
    ("microsecond", "text"),
    [(0, "2026-01-02T03:04:05Z"), (250_000, "2026-01-02T03:04:05.25Z"), (60, "2026-01-02T03:04:05.00006Z")],
)
def test_instants_have_no_zeros_at_the_end(microsecond: int, text: str) -> None:
    assert instant(datetime(2026, 1, 2, 3, 4, 5, microsecond, tzinfo=UTC)) == text
