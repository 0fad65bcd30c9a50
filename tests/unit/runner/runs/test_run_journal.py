"""What a runner has begun is on its disk before a script starts, and is there at the next start."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.commands import run_command
from webjobs_events.commands import RunTriggeredJob
from webjobs_rules.run_id import RunId
from webjobs_runner.runs.run_journal import RunJournal, UnfinishedRun

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.journal"


def command(number: int) -> RunTriggeredJob:
    return replace(run_command(), command_id=f"run-{number}")


def begun(number: int, digest: str = "d1") -> UnfinishedRun:
    return UnfinishedRun(command=command(number), digest=digest, initialized_at=NOW, after=number)


def unfinished_at_the_next_start(path: Path) -> list[str]:
    with RunJournal(path) as journal:
        return [run.command.command_id for run in journal.all()]


def test_a_runner_without_a_past_has_nothing_unfinished(path: Path) -> None:
    assert unfinished_at_the_next_start(path) == []


def test_a_killed_runner_finds_what_it_had_begun(path: Path) -> None:
    journal = RunJournal(path).__enter__()  # a kill: nothing is closed
    journal.note(begun(1))
    journal.note(begun(2))
    journal.forget(command(1))
    assert unfinished_at_the_next_start(path) == ["run-2"]
    assert unfinished_at_the_next_start(path) == ["run-2"]  # until it is finished


def test_the_last_attempt_of_a_run_counts(path: Path) -> None:
    second = replace(begun(1, "d2"), run_id=RunId("202601010000000000"), attempt=2)
    with RunJournal(path) as journal:
        journal.note(begun(1))
        journal.note(second)
    with RunJournal(path) as journal:
        assert journal.all() == [second]
        assert (journal.all()[0].begun.run_id, journal.all()[0].begun.number) == (second.run_id, 2)


def test_the_first_attempt_has_the_id_of_the_command() -> None:
    assert begun(1).begun.run_id == command(1).run_id


def test_a_finished_run_is_forgotten_once(path: Path) -> None:
    with RunJournal(path) as journal:
        journal.note(begun(1))
        assert journal.is_recorded(command(1))
        journal.forget(command(1))
        journal.forget(command(1))
        assert not journal.is_recorded(command(1))
    assert unfinished_at_the_next_start(path) == []


def test_a_line_that_a_kill_cut_short_is_no_run_and_spoils_none(path: Path) -> None:
    with RunJournal(path) as journal:
        journal.note(begun(1))
        journal.note(begun(2))
    path.write_bytes(path.read_bytes()[:-20])
    with RunJournal(path) as journal:
        assert [run.command.command_id for run in journal.all()] == ["run-1"]
        journal.note(begun(3))
    assert unfinished_at_the_next_start(path) == ["run-1", "run-3"]


def test_a_journal_that_is_never_empty_does_not_grow_for_ever(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webjobs_runner.journal._COMPACT_BYTES", 10_000)
    with RunJournal(path) as journal:
        journal.note(begun(0))
        for number in range(1, 500):
            journal.note(begun(number))
            journal.forget(command(number))
        assert path.stat().st_size < 20_000
    assert unfinished_at_the_next_start(path) == ["run-0"]
