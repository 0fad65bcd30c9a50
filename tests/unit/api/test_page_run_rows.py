"""A run as pages show it: a sentence, a row, a timeline."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from webjobs_api.http.urls import Urls
from webjobs_api.pages.run_rows import headline, run_row, story, trigger_words, version_note
from webjobs_events.heartbeat import PreparingJob
from webjobs_events.queries import RunView
from webjobs_rules.job import JobName
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Reason, Status

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
WAITING = RunView(
    job_name=JobName("a b"),
    run_id=RunId("202601021159000000"),
    status=Status.INITIALIZING,
    trigger="",
    digest="",
    instance="",
    requested_at=NOW - timedelta(seconds=60),
)
RUNNING = replace(WAITING, status=Status.RUNNING, started_at=NOW - timedelta(seconds=50))
ENDED = replace(
    RUNNING, status=Status.FAILED, ended_at=NOW, reason=Reason.EXIT_CODE, exit_code=3, has_error_log=True
)


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        (WAITING, "Waits for its start."),
        (RUNNING, "Runs for 50 s."),
        (replace(ENDED, status=Status.SUCCESS, exit_code=0), "Succeeded after 1 s."),
        (ENDED, "Failed after 1 s: exit code 3."),
        (
            replace(ENDED, evidence="The script exited with code 3."),
            "Failed after 1 s: the script exited with code 3.",
        ),
        (replace(ENDED, exit_code=None, signal=9), "Failed after 1 s: signal 9."),
        (
            replace(ENDED, status=Status.ABORTED, exit_code=None, reason=Reason.RUNNER_LOST),
            "Aborted after 1 s: runner lost.",
        ),
        (replace(ENDED, exit_code=None, reason=None), "Failed after 1 s."),
    ],
)
def test_the_state_of_a_run_is_a_sentence(run: RunView, sentence: str) -> None:
    assert headline(run, "1 s").text(NOW) == sentence


def test_a_run_that_waits_for_packages_says_so() -> None:
    run = replace(WAITING, instance="aaaaaa")
    since, until = NOW - timedelta(seconds=20), NOW + timedelta(minutes=9)
    preparing = PreparingJob(job_type="triggered", job_name="a b", since=since, until=until)
    sentence = headline(run, "1 s", preparing)
    assert sentence.text(NOW).startswith("Waits until the packages of its job are installed on aaaaaa, since")
    assert {since, until} < set(sentence.parts)


def test_a_row_counts_to_now_until_the_run_has_ended() -> None:
    urls = Urls("/x")
    waiting, running, ended = (run_row(run, urls, NOW) for run in (WAITING, RUNNING, ENDED))
    assert [row.took for row in (waiting, running, ended)] == ["1 m 00 s", "50 s", "50 s"]
    assert [row.is_over for row in (waiting, running, ended)] == [False, False, True]
    assert ended.url == "/x/pages/triggered/a%20b/history/202601021159000000"
    assert (running.errors, ended.errors.endswith("error_202601021159000000.log")) == ("", True)


def test_a_story_has_the_steps_that_are_known_and_their_gaps() -> None:
    assert [(step.word, step.after) for step in story(WAITING)] == [("Requested", "")]
    assert [(step.word, step.after) for step in story(ENDED)] == [
        ("Requested", ""),
        ("Started", "10 s"),
        ("Ended", "50 s"),
    ]


def test_what_started_a_run_is_said_in_words() -> None:
    assert trigger_words(WAITING) == "by request"
    assert trigger_words(replace(WAITING, scheduled_for=NOW)) == "by schedule"
    assert trigger_words(replace(WAITING, rerun_of=WAITING.run_id)) == "run again"
    assert trigger_words(replace(WAITING, attempt=2)) == "by request, attempt 2"


def test_a_failed_run_says_when_it_is_the_first_of_its_version() -> None:
    old, new = (replace(ENDED, digest=letter * 64) for letter in "ab")
    assert version_note(new, old) == "First run since version bbbbbbbbbbbb was deployed."
    assert version_note(new, new) == version_note(new, None) == version_note(new, WAITING) == ""
    assert version_note(replace(new, status=Status.SUCCESS), old) == ""
