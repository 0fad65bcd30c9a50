"""Read models → the JSON of `/api/runs`: Kudu's, and what each run has used; pure."""

from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import asdict
from webjobs_events.queries import RunView

from webjobs_api.http.kudu_responses import KuduRun, run_json
from webjobs_api.http.urls import Urls


class MeasuredRun(KuduRun, frozen=True):
    """One run with what it has used; the fields of Kudu's dialect come first.

    Attributes:
        cpu_seconds: CPU time of the script's processes; null while it is not known.
        peak_memory_bytes: Largest resident memory that a single one of them had; null as above.
        log_lines: Lines of the output log; null when they were not counted.
        first_error_line: Number of its first line with an error; null without one, or when `log_lines` is.
        result: What the script wrote to WEBJOBS_RESULT_FILE; null without it, or when it is too large.
        result_url: Address of that file; null when there is none, or it is not valid.
        progress: The share that is done as the script says, 0 to 1; null when it says nothing.
        progress_text: What it does.
        warnings: What was wrong with what the script reports.
    """

    cpu_seconds: float | None
    peak_memory_bytes: int | None
    log_lines: int | None
    first_error_line: int | None
    result: Any
    result_url: str | None
    progress: float | None
    progress_text: str
    warnings: list[str]


class AllRuns(msgspec.Struct, frozen=True):
    """Runs of all jobs, newest first.

    Attributes:
        runs: The page.
        next: Address of the next page; null when this is the last one.
    """

    runs: list[MeasuredRun]
    next: str | None


def measured_run_json(run: RunView, urls: Urls, now: datetime) -> MeasuredRun:
    """A run; its duration counts to `now` until it has ended."""
    return MeasuredRun(
        **asdict(run_json(run, urls, now)),
        cpu_seconds=run.cpu_seconds,
        peak_memory_bytes=run.peak_memory_bytes,
        log_lines=run.log_lines,
        first_error_line=run.first_error_line,
        result=None if run.result is None else msgspec.json.decode(run.result),
        result_url=None if run.result_bytes is None else urls.result(run.job_name, run.run_id, run.instance),
        progress=run.progress,
        progress_text=run.progress_text,
        warnings=run.warnings,
    )
