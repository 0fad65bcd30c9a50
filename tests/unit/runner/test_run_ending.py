from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.events import RunAborted, RunEnded, RunFailed, RunSuccess
from webjobs_events.job import JobName, JobType
from webjobs_events.run_id import RunId
from webjobs_events.status import Reason
from webjobs_runner.processes.process import ProcessExit
from webjobs_runner.triggered.attempt import first_attempt
from webjobs_runner.triggered.run_ending import (
    Outcome,
    ended_event,
    outcome_of_exit,
    read_status,
    write_status,
)

COMMAND = RunTriggeredJob(
    command_id="c",
    job_type=JobType.TRIGGERED,
    job_name=JobName("job"),
    requested_at=datetime(2026, 11, 22, 9, 0, tzinfo=UTC),
    requested_by="Test",
    run_id=RunId("202611220900000000"),
)
ATTEMPT = first_attempt(COMMAND)


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
    outcome = outcome_of_exit(ended)
    assert (outcome.event, outcome.reason, outcome.evidence) == (event, reason, evidence)
    assert (outcome.exit_code, outcome.signal) == (ended.exit_code, ended.signal)


def end(started_at: datetime | None) -> RunEnded:
    outcome = Outcome(RunSuccess, Reason.EXIT_CODE, "x" * 5000, exit_code=0)
    return ended_event(
        ATTEMPT, outcome, instance_id="abcdef", digest="d", started_at=started_at, has_error_log=False
    )


def test_a_run_never_ends_before_it_began_whatever_the_clock_says() -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    assert end(later).at == later
    assert end(None).at >= COMMAND.requested_at


def test_evidence_is_kept_short() -> None:
    assert len(end(None).evidence) == 2000


def test_an_outcome_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    event = end(None)
    write_status(tmp_path / "run", event)
    assert read_status(tmp_path / "run") == event


@pytest.mark.parametrize("content", [None, b"", b'{"event":"Success"', b'{"event":"Running"}', b"\xff"])
def test_an_outcome_that_is_not_whole_is_none(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "status").write_bytes(content)
    assert read_status(tmp_path) is None
