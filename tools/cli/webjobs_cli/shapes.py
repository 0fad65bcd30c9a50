"""What commands print with `--json`, and which command prints which. Fields are only ever added."""

from typing import Literal, NamedTuple

import msgspec


class ContextRow(msgspec.Struct, frozen=True):
    """A context of `context list` and `context show`; passwords are never shown."""

    name: str
    url: str
    username: str
    password: str
    """How the password is had: `env:NAME`, `command:WORDS`, `stored`, `netrc`."""
    current: bool


class TargetShown(msgspec.Struct, frozen=True):
    """The server that commands speak to now, and what named it: `context show`."""

    url: str
    username: str | None
    source: str


class LintFinding(msgspec.Struct, frozen=True):
    """What is wrong or doubtful in the files of a job."""

    code: str
    """A stable word for programs, such as `no_runnable_script`."""
    level: Literal["error", "warning", "note"]
    """`error`: a server refuses the job, or a part of it; `warning`: it says so and goes on."""
    message: str


class DueTime(msgspec.Struct, frozen=True):
    """A due time, in UTC and as the clock of its zone shows it."""

    due: str
    local: str


class SchedulePreview(msgspec.Struct, frozen=True):
    """When a job is due."""

    schedule: str
    time_zone: str
    words: str
    next: list[DueTime]


class LintReport(msgspec.Struct, frozen=True):
    """What `lint` has found out about a folder or a script; null is what could not be."""

    path: str
    name: str
    type: str
    ok: bool
    """Whether there is no error."""
    script: str | None
    script_host: str | None
    interpreter: str | None
    """Where its program is on this machine; null as well for a script that is a program itself."""
    files: int
    size: int
    """Bytes of all files."""
    schedule: SchedulePreview | None
    findings: list[LintFinding]


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


class Printed(NamedTuple):
    """What a command prints with `--json`."""

    form: Literal["array", "object", "stream"]
    """`stream`: an object on each line."""
    type: type[msgspec.Struct]


PRINTED: dict[str, Printed] = {
    "context list": Printed("array", ContextRow),
    "context show": Printed("object", TargetShown),
    "exec": Printed("object", ExecReport),
    "lint": Printed("object", LintReport),
}
