"""A working copy of a job's files in a temporary site folder, as a runner makes one."""

import os
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from webjobs_rules.job import JobType
from webjobs_rules.script_text import LONGEST, cleaned, may_need_cleaning
from webjobs_rules.stop_plan import names_shutdown_file

from webjobs_cli.job_source import JobSource

_MACHINE_CODE = b"\x7fELF"
_CHUNK = 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class JobCopy:
    """The folders that a script is given.

    Attributes:
        root: Holds all of them; it is removed afterwards.
        folder: The working copy.
        data: For what the job keeps.
        webroot: The site's.
        shutdown_file: Is written when the script has to end.
    """

    root: Path
    folder: Path
    data: Path
    webroot: Path
    shutdown_file: Path

    def is_binary(self, script: str) -> bool:
        """Whether the script is machine code."""
        with open(self.folder / script, "rb") as file:
            return file.read(len(_MACHINE_CODE)) == _MACHINE_CODE

    def mentions_shutdown_file(self) -> bool:
        """Whether any file holds the name of the shutdown file's variable."""
        return any(
            _mentions_shutdown_file(Path(above) / name)
            for above, _, names in os.walk(self.folder)
            for name in names
        )


def make_copy(root: Path, source: JobSource, job_type: JobType, job_name: str, script: str) -> JobCopy:
    """Copy the job's files, and clean its script."""
    folder = root / "jobs" / job_type.value / job_name
    data = root / "data" / "jobs" / job_type.value / job_name
    webroot = root / "site" / "wwwroot"
    shutdown_file = root / "JobsShutdown" / "0"
    for each in (folder, data, webroot, shutdown_file.parent):
        each.mkdir(parents=True)
    for path in source.content.empty_folders:
        (folder / path).mkdir(parents=True, exist_ok=True)
    for path in source.content.files:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source.folder / path, target)
        target.chmod(0o755 if source.is_executable(path) else 0o644)
    for path, link in source.content.links:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).symlink_to(link)
    place = folder / script
    if may_need_cleaning(script) and place.stat().st_size <= LONGEST:
        content = place.read_bytes()
        text, warning = cleaned(script, content)
        if warning:
            place.write_bytes(text)
    return JobCopy(root, folder, data, webroot, shutdown_file)


def _mentions_shutdown_file(path: Path) -> bool:
    try:
        with open(path, "rb", buffering=0) as file:
            return names_shutdown_file(iter(partial(file.read, _CHUNK), b""))
    except OSError:
        return False
