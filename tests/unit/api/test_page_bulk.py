"""The form of a list whose rows are checked, and the question and the outcome of its action."""

import pytest
from webjobs_api.bulk_actions.errors import TooManyAtOnce
from webjobs_api.bulk_actions.request import Action, NamedJob
from webjobs_api.bulk_actions.run_request import NamedRun, RunAction
from webjobs_api.http.request_errors import InvalidForm
from webjobs_api.overview.selection import JobFilter, JobState
from webjobs_api.pages.bulk_form import Fields, confirmed_count, job_action_of, run_action_of
from webjobs_api.pages.bulk_view import JOB_WORDS, RUN_WORDS, Failure, command_line, outcome, question
from webjobs_rules.job import JobType
from webjobs_rules.status import Status

RUN_ID = "201311080256000000"


def test_checked_jobs_are_named_and_all_that_match_are_a_filter() -> None:
    fields = {"action": ["disable"], "job": ["triggered/a b", "continuous/c", "triggered/a b"], "text": [""]}
    asked = job_action_of(fields)
    named = [NamedJob(JobType.TRIGGERED, "a b"), NamedJob(JobType.CONTINUOUS, "c")]
    assert (asked.action, asked.jobs) == (Action.DISABLE, named)
    asked = job_action_of({**fields, "all": ["1"], "filter": ["failed"]})
    assert (asked.jobs, asked.filter) == (None, JobFilter(state=JobState.FAILED))


def test_checked_runs_are_named_and_all_that_match_are_a_filter() -> None:
    fields = {"action": ["cancel"], "run": [f"{RUN_ID}/a b"], "job": ["hello"], "status": ["active"]}
    assert run_action_of(fields).runs == [NamedRun("a b", RUN_ID)]
    asked = run_action_of({**fields, "all": ["1"]})
    assert asked.runs is None and asked.filter is not None
    assert asked.filter.job_names == {"hello"}
    assert asked.filter.statuses == {Status.INITIALIZING, Status.RUNNING}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "action is ''.*run, cancel"),
        ({"action": ["explode"]}, "'explode'"),
        ({"action": ["run"], "job": ["hello"]}, "'hello' is no job"),
        ({"action": ["run"], "job": ["both/hello"]}, "'both/hello'"),
    ],
)
def test_a_form_about_jobs_of_another_form_is_refused(fields: Fields, says: str) -> None:
    with pytest.raises(InvalidForm, match=says):
        job_action_of(fields)


def test_a_form_about_runs_of_another_form_is_refused() -> None:
    with pytest.raises(InvalidForm, match="no run such as"):
        run_action_of({"action": ["rerun"], "run": [RUN_ID]})
    with pytest.raises(TooManyAtOnce, match="1,000 runs"):
        run_action_of({"action": ["rerun"], "run": [f"{RUN_ID}/{number}" for number in range(1001)]})


def test_a_number_is_confirmed_or_not() -> None:
    assert confirmed_count({}) is None
    assert confirmed_count({"count": ["412"]}) == 412
    for given in ("x", "-1", "1" * 20, "\N{SUPERSCRIPT TWO}"):
        with pytest.raises(InvalidForm, match="a number is wanted"):
            confirmed_count({"count": [given]})


def test_every_action_has_words() -> None:
    assert (set(JOB_WORDS), set(RUN_WORDS)) == (set(Action), set(RunAction))


def test_a_question_names_the_action_and_the_number_and_the_first_of_all() -> None:
    links = [(f"job-{number}", f"/{number}") for number in range(1412)]
    asked = question(JOB_WORDS[Action.DISABLE], "job", [("action", "disable")], links, "")
    assert (asked.title, asked.button, asked.count) == ("Disable: 1,412 jobs?", "Disable: 1,412 jobs", 1412)
    assert (len(asked.links), asked.more) == (100, 1312)
    assert question(RUN_WORDS[RunAction.RERUN], "run", [], links[:1], "").title == "Run again: 1 run?"


def test_an_outcome_counts_what_was_done() -> None:
    failure = Failure("a", "/a", "There is no job.", "triggered/a")
    assert (
        outcome(JOB_WORDS[Action.RUN], "job", 1412, [failure], []).title
        == "Run: done for 1,411 of 1,412 jobs"
    )
    assert outcome(RUN_WORDS[RunAction.CANCEL], "run", 1, [], []).title == "Cancel: done for 1 run"


def test_the_command_line_is_safe_in_a_shell() -> None:
    jobs = [NamedJob(JobType.TRIGGERED, "it's $(a)")]
    line = command_line("/api/jobs/actions", "run", "jobs", jobs, {})
    assert line.endswith("""-d '{"action":"run","jobs":[{"type":"triggered","name":"it'"'"'s $(a)"}]}'""")
    by_filter = command_line("/api/jobs/actions", "run", "jobs", None, {"text": "a", "type": ""})
    assert by_filter.endswith("""-d '{"action":"run","filter":{"text":"a"}}'""")
    assert command_line("/api/jobs/actions", "run", "jobs", jobs * 11, {}) == ""
