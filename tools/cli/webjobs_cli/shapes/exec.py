"""What `exec` prints with `--json`."""

from typing import Any

import msgspec


class Difference(msgspec.Struct, frozen=True):
    """In what a run by `exec` differs from one by a runner."""

    code: str
    message: str


class ExecReport(msgspec.Struct, frozen=True):
    """How a script ended that `exec` has run."""

    name: str
    type: str
    run_id: str | None
    script: str
    command: list[str]
    status: str
    reason: str
    """As in events: `exit_code`, `signal`, `max_duration`, `cancelled`, `start_error`."""
    evidence: str
    exit_code: int | None
    signal: int | None
    duration_seconds: float
    differences: list[Difference]
    result: Any = None
    """What the script wrote into WEBJOBS_RESULT_FILE; null as well when it is too large for an event."""
    result_bytes: int | None = None
    progress: float | None = None
    """Share, 0 to 1, of the last line in WEBJOBS_PROGRESS_FILE."""
    progress_text: str = ""
