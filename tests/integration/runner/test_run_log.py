"""The log files of one run, and what making them costs on the disk."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.job import JobName, JobType
from webjobs_events.run_id import RunId
from webjobs_runner.domain.attempt import first_attempt
from webjobs_runner.logs.log_file import LogFile
from webjobs_runner.runs.run_log import RunLogFiles

RUN_ID = RunId("202601020304056789")
COMMAND = RunTriggeredJob(
    command_id=f"run/job/{RUN_ID}",
    requested_at=datetime(2026, 1, 2, tzinfo=UTC),
    requested_by="Test",
    job_type=JobType.TRIGGERED,
    job_name=JobName("job"),
    run_id=RUN_ID,
)


class Grown:
    """In place of the shipper: the files that have grown."""

    def __init__(self) -> None:
        self.noted: list[LogFile] = []

    def note(self, file: LogFile) -> None:
        self.noted.append(file)


class NoCap:
    def limit(self, *files: LogFile) -> None:
        """Limits nothing."""


def files_in(folder: Path, grown: Grown | None = None) -> RunLogFiles:
    shipper: Any = grown or Grown()
    cap: Any = NoCap()
    return RunLogFiles(shipper, "logs.job", first_attempt(COMMAND), str(folder), "abcdef", cap)


@contextmanager
def counted_calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """How often the body calls functions that concern files and folders, by name."""
    calls: Counter[str] = Counter()
    with monkeypatch.context() as patched:
        for name in ("stat", "fstat", "mkdir", "open", "close", "listdir"):
            patched.setattr(os, name, _counting(calls, name, getattr(os, name)))
        yield calls


def _counting(calls: Counter[str], name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def counting(*args: Any, **kwargs: Any) -> Any:
        calls[name] += 1
        return call(*args, **kwargs)

    return counting


def test_the_log_of_a_new_run_makes_its_folder_and_its_file_and_looks_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with counted_calls(monkeypatch) as calls:
        files = files_in(tmp_path / RUN_ID)
        files.write(b"one\n", True)
        files.write(b"two\n", False)
        output, error = files.known()
        shipped = output.read_unsent(100)
        output.shipped = output.end
        output.rest()
    assert calls == {"mkdir": 1, "open": 1, "close": 1}
    assert shipped[1:3] == (0, b"one\ntwo\n")
    assert (output.is_shipped, error.is_empty) == (True, True)
    assert os.listdir(tmp_path / RUN_ID) == [f"output_{RUN_ID}.log"]


def test_standard_error_has_a_file_of_its_own(tmp_path: Path) -> None:
    grown = Grown()
    files = files_in(tmp_path / RUN_ID, grown)
    files.write_error(b"oops\n")
    files.write(b"oops\n", False)
    output, error = files.known()
    assert grown.noted == [error, output]
    for file, name in ((output, "output"), (error, "error")):
        assert (tmp_path / RUN_ID / f"{name}_{RUN_ID}.log").read_bytes() == b"oops\n"
        assert (file.name, file.end) == (f"{name}_{RUN_ID}.log", 5)


@pytest.mark.parametrize("is_asked_before", [False, True])
def test_the_log_of_an_earlier_start_is_continued(tmp_path: Path, is_asked_before: bool) -> None:
    log = tmp_path / RUN_ID / f"output_{RUN_ID}.log"
    log.parent.mkdir()
    log.write_bytes(b"before\n")
    files = files_in(tmp_path / RUN_ID)
    if is_asked_before:
        assert files.known()[0].end == 7
    files.write(b"after\n", False)
    output, _ = files.known()
    assert log.read_bytes() == b"before\nafter\n"
    assert (output.end, output.read_unsent(100)[1:3]) == (13, (0, b"before\nafter\n"))


def test_the_folder_of_the_job_is_made_anew_when_it_is_missing(tmp_path: Path) -> None:
    folder = tmp_path / "removed" / RUN_ID
    files_in(folder).write(b"line\n", False)
    assert (folder / f"output_{RUN_ID}.log").read_bytes() == b"line\n"


def test_looking_at_a_log_that_was_never_written_makes_nothing(tmp_path: Path) -> None:
    output, error = files_in(tmp_path / RUN_ID).known()
    assert output.is_empty and error.is_empty
    assert list(tmp_path.iterdir()) == []
