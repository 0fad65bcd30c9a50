"""What `lint` prints with `--json`."""

from typing import Literal

import msgspec

from webjobs_cli.shapes.schedule import SchedulePreview


class LintFinding(msgspec.Struct, frozen=True):
    """What is wrong or doubtful in the files of a job."""

    code: str
    """A stable word for programs, such as `no_runnable_script`."""
    level: Literal["error", "warning", "note"]
    """`error`: a server refuses the job, or a part of it; `warning`: it says so and goes on."""
    message: str


class DeclaredPackages(msgspec.Struct, frozen=True):
    """Where a job declares packages, and what they would be installed for here."""

    source: str
    """The file that is read for them."""
    interpreter: str | None
    """Path of the interpreter; null when none here fits."""
    version: str | None
    """Of the interpreter."""


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
    packages: DeclaredPackages | None = None
    """Null when the job declares none."""
