"""What commands about runs print with `--json`."""

from datetime import datetime

import msgspec

from webjobs_cli.log_lines import LogRow


class RunShown(msgspec.Struct, frozen=True):
    """A run of a triggered job."""

    run: str
    """`JOB/ID`, as commands take it."""
    job: str
    id: str
    status: str
    trigger: str
    arguments: str | None
    started_at: datetime
    """When its script started; before that, when it was requested."""
    ended_at: datetime | None
    seconds: float
    exit_code: int | None
    signal: int | None
    reason: str | None
    evidence: str
    instance: str
    """The runner."""
    attempt: int
    scheduled_for: datetime | None
    retry_of: str | None
    rerun_of: str | None
    next_run_id: str | None
    next_attempt_at: datetime | None
    cpu_seconds: float | None
    peak_memory_bytes: int | None
    log_lines: int | None
    first_error_line: int | None
    package_digest: str
    url: str
    joined: bool = False
    """Whether `--if-running join` found it there already."""


class StoryLine(msgspec.Struct, frozen=True):
    """One thing that happened to a run."""

    at: datetime | None
    text: str


class RunStory(RunShown, frozen=True):
    """A run with its story, in `show`."""

    story: list[StoryLine] = []
    first_error: str | None = None
    """The text of its first line with an error."""


class Followed(msgspec.Struct, frozen=True):
    """What a followed run prints: lines of its log, and the run itself at last."""

    line: LogRow | None = None
    run: RunShown | None = None
