"""How runs end: exit, cancel, time-out, error and loss of the runner, each with its retry."""

from datetime import UTC, datetime, timedelta

import pytest
from webjobs_events.cancel_request import CancelRequest
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.events import RunAborted, RunEnded, RunFailed, RunSuccess
from webjobs_rules.exit_facts import ExitFacts, exit_code_line
from webjobs_rules.job import JobName, JobType
from webjobs_rules.job_settings import Retry
from webjobs_rules.run_id import RunId, instant_of
from webjobs_rules.status import Reason
from webjobs_runner.domain.attempt import first_attempt
from webjobs_runner.domain.resource_usage import ResourceUsage
from webjobs_runner.domain.run_outcome import (
    Ended,
    Outcome,
    deleted_before_begun,
    ended_by_request,
    exited,
    final_event,
    final_log_lines,
    never_begun,
    not_started,
    over_limit,
    runner_failed,
    runner_lost,
    with_grace,
    with_usage,
)
from webjobs_runner.processes.exit_facts import facts_of_exit
from webjobs_runner.processes.process import ProcessExit

REQUESTED_AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
NOW = REQUESTED_AT + timedelta(seconds=30)
COMMAND = RunTriggeredJob(
    command_id="c",
    job_type=JobType.TRIGGERED,
    job_name=JobName("job"),
    requested_at=REQUESTED_AT,
    requested_by="Test",
    run_id=RunId("202611220900000000"),
)
ATTEMPT = first_attempt(COMMAND)
RETRY = Retry(max_attempts=3, backoff=5.0)
SUCCESS = Outcome(RunSuccess, Reason.EXIT_CODE, "The script exited with code 0.", exit_code=0)
CANCEL = CancelRequest(evidence="Cancelled by Test.", requested_at=REQUESTED_AT)
REPLACE = CancelRequest(reason=Reason.REPLACED, evidence="Replaced.", requested_at=REQUESTED_AT)


@pytest.mark.parametrize(
    ("ended", "event", "reason", "evidence"),
    [
        (ProcessExit(exit_code=0), RunSuccess, Reason.EXIT_CODE, "The script exited with code 0."),
        (ProcessExit(exit_code=2), RunFailed, Reason.EXIT_CODE, "The script exited with code 2."),
        (ProcessExit(signal=9), RunFailed, Reason.SIGNAL, "The script was ended by signal 9."),
        (ProcessExit(lost=True), RunAborted, Reason.RUNNER_LOST, "The launcher of scripts died."),
        (
            ProcessExit(exit_code=0, leftovers=("sleep (12)", "sh (13)")),
            RunSuccess,
            Reason.EXIT_CODE,
            "The script exited with code 0. Killed what it left running: sleep (12), sh (13).",
        ),
    ],
)
def test_the_end_of_a_process_says_how_its_run_ended(
    ended: ProcessExit, event: type[RunEnded], reason: Reason, evidence: str
) -> None:
    outcome = exited(facts_of_exit(ended))
    assert (outcome.event, outcome.reason, outcome.evidence) == (event, reason, evidence)
    assert (outcome.exit_code, outcome.signal) == (ended.exit_code, ended.signal)


# What ends a run, the final status and reason, and whether a retry that names all reasons tries it again.
ENDS = [
    (SUCCESS, "Success", Reason.EXIT_CODE, False),
    (exited(ExitFacts(Reason.EXIT_CODE, "", exit_code=1)), "Failed", Reason.EXIT_CODE, True),
    (exited(ExitFacts(Reason.SIGNAL, "", signal=11)), "Failed", Reason.SIGNAL, True),
    (exited(ExitFacts(Reason.RUNNER_LOST, "")), "Aborted", Reason.RUNNER_LOST, True),
    (not_started(Reason.START_ERROR, "no"), "Failed", Reason.START_ERROR, True),
    (not_started(Reason.NO_SCRIPT, "no"), "Failed", Reason.NO_SCRIPT, True),
    (runner_failed("boom", has_started=False), "Aborted", Reason.START_ERROR, True),
    (runner_failed("boom", has_started=True), "Aborted", Reason.RUNNER_LOST, True),
    (runner_lost("abcdef", "Died."), "Aborted", Reason.RUNNER_LOST, True),
    (runner_lost("abcdef", "Died.", CANCEL), "Aborted", Reason.CANCELLED, False),
    (runner_lost("abcdef", "Died.", REPLACE), "Aborted", Reason.REPLACED, False),
    (over_limit(Reason.IDLE_TIMEOUT, "idle"), "Failed", Reason.IDLE_TIMEOUT, True),
    (over_limit(Reason.MAX_DURATION, "long"), "Failed", Reason.MAX_DURATION, True),
    (ended_by_request(Reason.CANCELLED, "by"), "Aborted", Reason.CANCELLED, False),
    (ended_by_request(Reason.STOPPED, "by"), "Aborted", Reason.STOPPED, False),
    (ended_by_request(Reason.DELETED, "by"), "Aborted", Reason.DELETED, False),
    (never_begun(Reason.CANCELLED, "by"), "Aborted", Reason.CANCELLED, False),
    (deleted_before_begun(), "Aborted", Reason.DELETED, False),
    (with_grace(over_limit(Reason.MAX_DURATION, "long"), "killed"), "Failed", Reason.MAX_DURATION, True),
]


@pytest.mark.parametrize(("outcome", "status", "reason", "is_retried"), ENDS)
def test_every_end_has_its_status_and_follows_the_rules_of_retry(
    outcome: Outcome, status: str, reason: Reason, is_retried: bool
) -> None:
    retry = Retry(max_attempts=3, backoff=5.0, on=list(Reason))
    event = final_event(Ended(ATTEMPT, outcome, "d"), instance_id="abcdef", retry=retry, now=NOW)
    assert (event.name, event.reason) == (status, reason)
    assert (event.next_run_id is not None) is is_retried
    if event.next_run_id is not None:
        assert event.next_attempt_at == NOW + timedelta(seconds=5)
        assert instant_of(event.next_run_id) >= NOW
    without = final_event(Ended(ATTEMPT, outcome, "d"), instance_id="abcdef", retry=None, now=NOW)
    assert (without.next_run_id, without.next_attempt_at) == (None, None)


def end(started_at: datetime | None = None, now: datetime = NOW, evidence: str = "") -> RunEnded:
    outcome = Outcome(RunSuccess, Reason.EXIT_CODE, evidence, exit_code=0)
    return final_event(Ended(ATTEMPT, outcome, "d", started_at), instance_id="abcdef", retry=RETRY, now=now)


def test_a_run_never_ends_before_it_began_whatever_the_clock_says() -> None:
    later = NOW + timedelta(hours=1)
    assert end(later).at == later
    assert end(None, now=REQUESTED_AT - timedelta(hours=1)).at == REQUESTED_AT


def test_the_next_attempt_has_a_later_run_id_however_the_clock_was_set() -> None:
    failed = not_started(Reason.START_ERROR, "no")
    early = REQUESTED_AT - timedelta(days=1)
    event = final_event(Ended(ATTEMPT, failed), instance_id="abcdef", retry=RETRY, now=early)
    assert event.next_run_id is not None and event.next_run_id > ATTEMPT.run_id


def test_the_final_event_has_what_the_processes_used_or_nothing_where_that_is_not_known() -> None:
    known = with_usage(SUCCESS, ResourceUsage(cpu_seconds=1.25, peak_memory_bytes=20_000_000))
    for outcome, usage in ((known, (1.25, 20_000_000)), (SUCCESS, (None, None))):
        event = final_event(Ended(ATTEMPT, outcome), instance_id="abcdef", retry=None, now=NOW)
        assert (event.cpu_seconds, event.peak_memory_bytes) == usage


def test_evidence_is_kept_short_and_can_be_written_as_utf8() -> None:
    assert len(end(evidence="x" * 5000).evidence) == 2000
    assert end(evidence="bad \udcff name").evidence == "bad ? name"


@pytest.mark.parametrize(
    ("outcome", "lines"),
    [
        (SUCCESS, ["SYS INFO: Status changed to Success"]),
        (
            exited(facts_of_exit(ProcessExit(exit_code=7))),
            ["SYS ERROR: Job failed due to exit code 7", "SYS INFO: Status changed to Failed"],
        ),
        (
            exited(facts_of_exit(ProcessExit(exit_code=255, leftovers=("sleep (12)",)))),
            [
                "SYS ERROR: Job failed due to exit code 255. Killed what it left running: sleep (12).",
                "SYS INFO: Status changed to Failed",
            ],
        ),
        (
            exited(facts_of_exit(ProcessExit(signal=9))),
            ["SYS ERROR: The script was ended by signal 9.", "SYS INFO: Status changed to Failed"],
        ),
        (
            ended_by_request(Reason.CANCELLED, "Cancelled by Test."),
            ["SYS ERROR: Cancelled by Test.", "SYS INFO: Status changed to Aborted"],
        ),
    ],
)
def test_the_log_says_why_a_run_failed(outcome: Outcome, lines: list[str]) -> None:
    event = final_event(Ended(ATTEMPT, outcome), instance_id="abcdef", retry=None, now=NOW)
    assert [f"{level}: {text}" for text, level in final_log_lines(event)] == lines


def test_the_log_names_the_next_attempt() -> None:
    failed = not_started(Reason.START_ERROR, "no")
    event = final_event(Ended(ATTEMPT, failed), instance_id="abcdef", retry=RETRY, now=NOW)
    text, level = final_log_lines(event)[-1]
    assert level == "SYS INFO"
    assert text == f"Attempt 2 is the run {event.next_run_id}, not before 2026-11-22T09:00:35Z"


def test_an_exit_is_told_in_kudus_words_whatever_the_evidence_adds() -> None:
    assert exit_code_line(3, "The script exited with code 3.") == "Job failed due to exit code 3"
    assert exit_code_line(3, "The script exited with code 3. More.") == "Job failed due to exit code 3. More."
