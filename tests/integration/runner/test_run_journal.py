"""Runs in hand are known after a kill, and finished ones are not."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from webjobs_events.commands import RunTriggeredJob
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import run_id_at
from webjobs_runner import journal
from webjobs_runner.runs.run_journal import RunJournal, UnfinishedRun

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def run(job_name: str) -> UnfinishedRun:
    run_id = run_id_at(NOW)
    command = RunTriggeredJob(
        command_id=f"run/{job_name}/{run_id}",
        job_type=JobType.TRIGGERED,
        job_name=JobName(job_name),
        requested_at=NOW,
        requested_by="test",
        run_id=run_id,
    )
    return UnfinishedRun(command=command, digest="d", initialized_at=NOW)


def after_a_kill(path: Path) -> list[UnfinishedRun]:
    with RunJournal(path) as runs:
        return runs.all()


def test_a_run_in_hand_is_known_after_a_kill_and_a_finished_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "own" / "unfinished.jsonl"
    with RunJournal(path) as runs:
        for each in (run("a"), run("b"), run("c")):
            runs.note(each)
        runs.forget(run("b").command)
        assert runs.is_recorded(run("a").command) and not runs.is_recorded(run("b").command)
        assert after_a_kill(path) == [run("a"), run("c")]


def test_a_note_cut_short_by_a_kill_is_of_a_run_that_had_not_started(tmp_path: Path) -> None:
    path = tmp_path / "unfinished.jsonl"
    with RunJournal(path) as runs:
        runs.note(run("a"))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:40])
    assert after_a_kill(path) == [run("a")]


def test_with_nothing_in_hand_the_file_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "unfinished.jsonl"
    with RunJournal(path) as runs:
        runs.note(run("a"))
        runs.forget(run("a").command)
        runs.forget(run("never noted").command)
        assert path.stat().st_size == 0


def test_a_long_run_does_not_let_the_file_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_COMPACT_BYTES", 10_000)
    path = tmp_path / "unfinished.jsonl"
    with RunJournal(path) as runs:
        runs.note(run("long"))
        for _ in range(200):
            runs.note(run("brief"))
            runs.forget(run("brief").command)
        assert path.stat().st_size < 20_000
    assert after_a_kill(path) == [run("long")]
