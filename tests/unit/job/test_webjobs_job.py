"""The module for scripts in Python writes what the runner reads."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import webjobs_job
from webjobs_rules.run_report import Progress, Result, progress_of, result_of


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    result, progress = tmp_path / "result.json", tmp_path / "progress.txt"
    monkeypatch.setenv("WEBJOBS_RESULT_FILE", str(result))
    monkeypatch.setenv("WEBJOBS_PROGRESS_FILE", str(progress))
    return result, progress


def test_a_result_is_what_the_runner_reads(files: tuple[Path, Path]) -> None:
    webjobs_job.result("before")
    webjobs_job.result({"größe": [1, None]})
    data = files[0].read_bytes()
    assert result_of(data) == Result({"größe": [1, None]}, len(data))
    assert [path.name for path in files[0].parent.iterdir()] == ["result.json"]


@pytest.mark.parametrize("value", [{1, 2}, object(), float("nan")])
def test_what_json_cannot_hold_leaves_the_result_before(files: tuple[Path, Path], value: object) -> None:
    webjobs_job.result(1)
    with pytest.raises((TypeError, ValueError)):
        webjobs_job.result(value)
    assert json.loads(files[0].read_bytes()) == 1


@pytest.mark.parametrize(
    ("share", "text", "read"),
    [
        (0.4, "loading", Progress(0.4, "loading")),
        (1, "", Progress(1.0)),
        (-3, "a\nb", Progress(0.0, "a b")),
        (7, "ü", Progress(1.0, "ü")),
        (1e-9, "x", Progress(0.0, "x")),
    ],
)
def test_progress_is_what_the_runner_reads(
    files: tuple[Path, Path], share: float, text: str, read: Progress
) -> None:
    webjobs_job.progress(0.1, "before")
    webjobs_job.progress(share, text)
    assert progress_of(files[1].read_bytes(), is_over=False) == read
    with pytest.raises(ValueError, match="no number"):
        webjobs_job.progress(float("nan"))


def test_outside_of_webjobs_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEBJOBS_RESULT_FILE", raising=False)
    monkeypatch.delenv("WEBJOBS_PROGRESS_FILE", raising=False)
    webjobs_job.result({"a": 1})
    webjobs_job.progress(0.5)


def test_it_needs_nothing_but_the_standard_library() -> None:
    folder = Path(webjobs_job.__file__).parents[1]
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); import webjobs_job; webjobs_job.progress(0.5)"
    subprocess.run([sys.executable, "-S", "-I", "-c", code], check=True, timeout=60)
