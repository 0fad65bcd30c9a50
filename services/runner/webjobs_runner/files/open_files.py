"""Which folders hold a file that some process has open for writing, as far as this user may see."""

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from webjobs_rules.job import JobType

_ACCESS_MODE = os.O_RDONLY | os.O_WRONLY | os.O_RDWR
_PROC = "/proc"


def folders_being_written(folders: Collection[Path]) -> frozenset[Path]:
    """Those of the job folders in which a copy may not be finished.

    A script of the very job does not count: one that runs in place may keep a file of its own open for
    ever. Processes of other users, and of other machines on a shared folder, are not seen.
    """
    wanted = {os.path.realpath(folder): folder for folder in folders}
    parents = {f"{os.path.dirname(path)}/" for path in wanted}
    written = set()
    for process, descriptor, path in _open_files():
        for parent in parents:
            if not path.startswith(parent) or path.endswith(" (deleted)"):
                continue
            folder = parent + path[len(parent) :].partition("/")[0]
            if folder in wanted and _is_writing(process, descriptor) and not _is_script_of(process, folder):
                written.add(wanted[folder])
    return frozenset(written)


def _open_files() -> Iterator[tuple[str, str, str]]:
    for process in os.listdir(_PROC):
        if not process.isdigit():
            continue
        try:
            descriptors = os.listdir(f"{_PROC}/{process}/fd")
        except OSError:  # it ended, or belongs to another user
            continue
        for descriptor in descriptors:
            try:
                yield process, descriptor, os.readlink(f"{_PROC}/{process}/fd/{descriptor}")
            except OSError:
                continue


def _is_writing(process: str, descriptor: str) -> bool:
    try:
        with open(f"{_PROC}/{process}/fdinfo/{descriptor}", encoding="ascii") as info:
            flags = next((line.split()[1] for line in info if line.startswith("flags:")), "0")
    except OSError:
        return False
    return int(flags, 8) & _ACCESS_MODE != os.O_RDONLY


def _is_script_of(process: str, folder: str) -> bool:
    """Whether the process bears the marks of a run of this job (`.../<type>/<job>`)."""
    try:
        with open(f"{_PROC}/{process}/environ", "rb") as environment:
            marks = set(environment.read().split(b"\0"))
    except OSError:
        return False
    job_type, job_name = (
        os.fsencode(os.path.basename(os.path.dirname(folder))),
        os.fsencode(os.path.basename(folder)),
    )
    known_type = job_type in {member.value.encode() for member in JobType}
    return known_type and {b"WEBJOBS_TYPE=" + job_type, b"WEBJOBS_NAME=" + job_name} <= marks
