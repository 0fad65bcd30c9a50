"""The body of an action on many jobs."""

import pytest
from webjobs_api.bulk_actions.errors import InvalidBulkAction, TooManyJobs
from webjobs_api.bulk_actions.request import MAX_JOBS, Action, NamedJob, bulk_action_of, check_count
from webjobs_api.overview.errors import InvalidJobFilter
from webjobs_api.overview.selection import JobFilter, JobState
from webjobs_rules.job import JobType


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
        (b'{"action":' + b"[" * 100_000, "The body cannot be used"),
    ],
)
def test_a_body_of_another_form_is_refused_with_what_is_wrong(body: bytes, says: str) -> None:
    with pytest.raises(InvalidBulkAction, match=says):
        bulk_action_of(body)


def test_a_filter_that_no_job_can_pass_is_refused() -> None:
    with pytest.raises(InvalidJobFilter, match="broken"):
        bulk_action_of(b'{"action": "run", "filter": {"filter": "broken"}}')


def test_more_jobs_than_the_limit_are_refused_with_what_to_do() -> None:
    check_count(MAX_JOBS)
    item = b'{"type": "triggered", "name": "a"}'
    with pytest.raises(TooManyJobs, match="several requests"):
        bulk_action_of(b'{"action": "run", "jobs": [' + b",".join([item] * (MAX_JOBS + 1)) + b"]}")
