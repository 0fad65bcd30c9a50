"""The two files of a run, as they are read: while the script runs, at its end, and when they are no files."""

import asyncio
import os
from pathlib import Path

import pytest
from support.eventually import eventually, stays
from webjobs_rules.run_report import MAX_RESULT_BYTES, Progress, Result
from webjobs_runner.runs import run_report
from webjobs_runner.runs.run_report import RunReport


class Watched:
    """A report in a folder, what it published and what it warned of."""

    def __init__(self, folder: Path) -> None:
        self.published: list[Progress] = []
        self.warned: list[str] = []
        self.takes = True
        self.report = RunReport(str(folder), self._publish, self.warned.append)

    def _publish(self, progress: Progress) -> bool:
        if self.takes:
            self.published.append(progress)
        return self.takes


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


async def test_nothing_was_written(watched: Watched) -> None:
    with watched.report.watched():
        pass
    await watched.report.read_end()
    report = watched.report
    assert (report.result, report.progress, report.warnings, watched.published) == (None, None, [], [])


async def test_both_are_read_at_the_end(watched: Watched, tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"rows": 3}\n')
    (tmp_path / "progress.txt").write_text("0.1 a\n0.9 b")
    await watched.report.read_end()
    assert watched.report.result == Result({"rows": 3}, 12)
    assert watched.report.progress == Progress(0.9, "b") and watched.warned == []


async def test_progress_is_published_while_the_script_runs(
    watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_report, "LOOK_SECONDS", 0.01)
    watched.takes = False
    with watched.report.watched():
        (tmp_path / "progress.txt").write_text("0.1 a")  # without a line end: whole when it stays so
        await eventually(lambda: watched.report.progress == Progress(0.1, "a"))
        assert watched.published == []
        watched.takes = True
        await eventually(lambda: watched.published == [Progress(0.1, "a")])
        with (tmp_path / "progress.txt").open("w") as file:  # written anew, not appended
            file.write("0.2 b\n")
        await eventually(lambda: watched.report.progress == Progress(0.2, "b"))
    # Two seconds are not over.
    await stays(lambda: watched.published == [Progress(0.1, "a")], 0.05)


async def test_of_a_long_file_the_end_is_read(watched: Watched, tmp_path: Path) -> None:
    (tmp_path / "progress.txt").write_text("0.1 a\n" * 100_000 + "0.7 z\n")
    await watched.report.read_end()
    assert watched.report.progress == Progress(0.7, "z")


async def test_each_fault_is_one_warning(
    watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_report, "LOOK_SECONDS", 0.01)
    with watched.report.watched():
        for text in ("half\n", "almost\n"):
            (tmp_path / "progress.txt").write_text(text)
            await eventually(lambda: len(watched.warned) == 1)
    (tmp_path / "result.json").write_bytes(b"x" * (MAX_RESULT_BYTES + 5))
    await watched.report.read_end()
    assert watched.report.warnings == watched.warned and len(watched.warned) == 2
    assert "'half'" in watched.warned[0] and "1,048,576" in watched.warned[1]
    assert watched.report.result is None


@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "locked"])
async def test_what_is_no_file_is_not_read(watched: Watched, tmp_path: Path, kind: str) -> None:
    for name in ("result.json", "progress.txt"):
        path = tmp_path / name
        if kind == "folder":
            path.mkdir()
        elif kind == "pipe":
            os.mkfifo(path)
        elif kind == "link":
            path.symlink_to("/etc/hostname")
        else:
            path.write_text("1")
            path.chmod(0)
            if os.access(path, os.R_OK):
                pytest.skip("root reads everything")
    async with asyncio.timeout(30):
        await watched.report.read_end()
    assert watched.report.result is None and watched.report.progress is None
    assert [warning.split()[1] for warning in watched.warned] == ["progress", "result"]


async def test_the_folder_is_gone(watched: Watched, tmp_path: Path) -> None:
    tmp_path.rmdir()
    await watched.report.read_end()
    assert watched.warned == []


async def test_a_result_that_fits_no_event_stays_in_its_file(watched: Watched, tmp_path: Path) -> None:
    text = '"' + "x" * 100_000 + '"'
    (tmp_path / "result.json").write_text(text)
    await watched.report.read_end()
    assert watched.report.result == Result(None, len(text))
