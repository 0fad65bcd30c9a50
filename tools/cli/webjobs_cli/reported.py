"""Reads what a script that has ended reports in the two files of its run."""

import os
from dataclasses import dataclass
from pathlib import Path

from webjobs_rules.run_report import (
    MAX_RESULT_BYTES,
    PROGRESS_FILE,
    PROGRESS_TAIL_BYTES,
    RESULT_FILE,
    Progress,
    Result,
    progress_of,
    result_of,
)


@dataclass(frozen=True, slots=True)
class Reported:
    """Result and progress; None of each that there is not. `warnings` say what is wrong with the files."""

    result: Result | None
    progress: Progress | None
    warnings: tuple[str, ...]


def read_reported(folder: Path) -> Reported:
    """Read both files in the folder of a run; a file that is not there reports nothing."""
    result = progress = None
    if data := _read(folder / RESULT_FILE, MAX_RESULT_BYTES + 1):
        result = result_of(data)
    if tail := _read(folder / PROGRESS_FILE, PROGRESS_TAIL_BYTES, is_end=True):
        progress = progress_of(tail, is_over=True)
    return Reported(
        result if isinstance(result, Result) else None,
        progress if isinstance(progress, Progress) else None,
        tuple(each for each in (progress, result) if isinstance(each, str)),
    )


def _read(path: Path, most: int, *, is_end: bool = False) -> bytes:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as file:
            if is_end:
                file.seek(max(0, os.fstat(file.fileno()).st_size - most))
            return file.read(most) or b""
    except OSError:
        return b""
