"""The body of an action on many jobs, or on many runs."""

import json

import pytest
from webjobs_api.backends.run_filter import RunFilter
from webjobs_api.bulk_actions.errors import InvalidBulkAction, TooManyAtOnce
from webjobs_api.bulk_actions.request import (
    MAX_MATCHING,
    MAX_NAMED,
    Action,
    NamedJob,
    bulk_action_of,
    check_matching,
)
from webjobs_api.bulk_actions.run_request import NamedRun, RunAction, bulk_run_action_of
from webjobs_api.http.run_errors import InvalidRunFilter
from webjobs_api.overview.errors import InvalidJobFilter
from webjobs_api.overview.selection import JobFilter, JobState
from webjobs_rules.job import JobName, JobType
from webjobs_rules.status import Status


def test_a_body_names_jobs_or_a_filter() -> None:
    named = bulk_action_of(b'{"action": "run", "jobs": [{"type": "triggered", "name": "a b"}]}')
    assert (named.action, named.jobs) == (Action.RUN, [NamedJob(JobType.TRIGGERED, "a b")])
    body = b'\xef\xbb\xbf{"action": "run", "filter": {"filter": "failed", "text": "x", "type": "continuous"}}'
    by_filter = bulk_action_of(body)
    assert by_filter.jobs is None
    expected = JobFilter(state=JobState.FAILED, text="x", job_type=JobType.CONTINUOUS)
    assert by_filter.filter == expected
    assert bulk_action_of(b'{"action": "enable", "filter": {}}').filter == JobFilter()
    assert bulk_action_of(b'{"action": "enable", "jobs": []}').jobs == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "The body cannot be used"),
        (b"[]", "array"),
        (b"{}", "action"),
        (b'{"action": "start", "jobs": []}', "start"),
        (b'{"action": "run"}', "either jobs or filter"),
        (b'{"action": "run", "jobs": [], "filter": {}}', "either jobs or filter"),
        (b'{"action": "run", "jobs": [{"name": "a"}]}', "type"),
        (b'{"action": "run", "jobs": [{"type": "both", "name": "a"}]}', "both"),
        (b'{"action": "run", "jobs": [{"type": "triggered", "name": "a", "id": 1}]}', "id"),
        (b'{"action": "run", "filter": {"state": "failed"}}', "state"),
        (b'{"action": "run", "jobs": [], "arguments": "a"}', "arguments"),
        (b'{"action": "run", "jobs": [], "note": ""}', "note"),
        (b'{"action": "run", "jobs": [], "until": "change"}', "until"),
        (b'{"action": "acknowledge", "jobs": [], "note": "' + b"n" * 1001 + b'"}', "1000"),
        (b'{"action":' + b"[" * 100_000, "The body cannot be used"),
    ],
)
def test_a_body_of_another_form_is_refused_with_what_is_wrong(body: bytes, says: str) -> None:
    with pytest.raises(InvalidBulkAction, match=says):
        bulk_action_of(body)


def test_an_acknowledgement_says_until_when_and_why() -> None:
    asked = bulk_action_of(b'{"action": "acknowledge", "jobs": []}')
    assert (asked.until, asked.note) == ("change", "")
    asked = bulk_action_of(b'{"action": "acknowledge", "jobs": [], "until": "forever", "note": "Known."}')
    assert (asked.until, asked.note) == ("forever", "Known.")


def test_a_filter_that_no_job_can_pass_is_refused() -> None:
    with pytest.raises(InvalidJobFilter, match=r"broken"):
        bulk_action_of(b'{"action": "run", "filter": {"filter": "broken"}}')


def test_more_than_the_limit_is_refused_with_what_to_do() -> None:
    check_matching([0] * MAX_MATCHING, "jobs")
    with pytest.raises(TooManyAtOnce, match=r"matches more than 10,000 runs.*narrow the filter"):
        check_matching([0] * (MAX_MATCHING + 1), "runs")
    job = b'{"type": "triggered", "name": "a"}'
    with pytest.raises(TooManyAtOnce, match=r"names more than 1,000 jobs.*several requests"):
        bulk_action_of(b'{"action": "run", "jobs": [' + b",".join([job] * (MAX_NAMED + 1)) + b"]}")
    run = b'{"job": "a", "id": "201311080256000000"}'
    with pytest.raises(TooManyAtOnce, match=r"several requests"):
        bulk_run_action_of(b'{"action": "rerun", "runs": [' + b",".join([run] * (MAX_NAMED + 1)) + b"]}")


def test_a_body_names_runs_or_a_filter() -> None:
    named = bulk_run_action_of(b'{"action": "cancel", "runs": [{"job": "a b", "id": "x"}]}')
    assert (named.action, named.runs) == (RunAction.CANCEL, [NamedRun("a b", "x")])
    body = b'{"action": "rerun", "filter": {"status": ["failed"], "job": ["a", "b"], "since": null}}'
    by_filter = bulk_run_action_of(body)
    expected = RunFilter(
        statuses=frozenset({Status.FAILED}), job_names=frozenset({JobName("a"), JobName("b")})
    )
    assert (by_filter.runs, by_filter.filter) == (None, expected)
    assert bulk_run_action_of(b'{"action": "rerun", "filter": {}}').filter == RunFilter()


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ([], {Status.INITIALIZING, Status.RUNNING}),
        (["active"], {Status.INITIALIZING, Status.RUNNING}),
        (["Running", "Failed"], {Status.RUNNING}),
        (["Failed"], None),
    ],
)
def test_by_a_filter_only_runs_that_have_not_ended_are_cancelled(
    asked: list[str], left: set[Status] | None
) -> None:
    body = json.dumps({"action": "cancel", "filter": {"status": asked}})
    wanted = bulk_run_action_of(body.encode()).filter
    assert (wanted and wanted.statuses) == left


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "The body cannot be used"),
        (b'{"action": "run", "runs": []}', "run"),
        (b'{"action": "cancel"}', "either runs or filter"),
        (b'{"action": "cancel", "runs": [], "filter": {}}', "either runs or filter"),
        (b'{"action": "cancel", "runs": [{"job": "a"}]}', "id"),
        (b'{"action": "cancel", "filter": {"status": "Failed"}}', "status"),
        (b'{"action": "cancel", "filter": {"limit": 1}}', "limit"),
    ],
)
def test_a_body_about_runs_of_another_form_is_refused(body: bytes, says: str) -> None:
    with pytest.raises(InvalidBulkAction, match=says):
        bulk_run_action_of(body)


def test_a_filter_that_no_run_can_pass_is_refused() -> None:
    with pytest.raises(InvalidRunFilter, match=r"broken"):
        bulk_run_action_of(b'{"action": "cancel", "filter": {"status": ["broken"]}}')
