"""Reads what of a job's folder makes up the job."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from webjobs_rules.errors import FolderRefused
from webjobs_rules.job_folder import FolderEntry, folder_content
from webjobs_rules.left_out import LeftOut

from webjobs_runner.deploy_errors import FolderChangedMeanwhile
from webjobs_runner.files.folder_walk import Entry, walk_folder
from webjobs_runner.files.manifest import PackagedLink


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """The content of a job's folder, without what speaks for the job and what is left out.

    Attributes:
        files: In the order of the walk.
        empty_folders: Paths of the folders that hold nothing of the job.
        links: In the order of their paths.
        left_out: What no package carries.
    """

    files: tuple[Entry, ...]
    empty_folders: tuple[str, ...]
    links: tuple[PackagedLink, ...]
    left_out: tuple[LeftOut, ...]


def list_files(folder: Path) -> FolderFiles:
    """Returns the content of a job's folder; files are not opened.

    Raises:
        FolderRefused: It is a link, or holds a name that is not UTF-8, or something that may not be read.
        FolderChangedMeanwhile: Something in it vanished while it was read.
        FileNotFoundError: There is no such folder.
    """
    entries = {entry.path: entry for entry in _entries(folder)}
    found = folder_content(
        folder.name,
        [FolderEntry(entry.path, entry.status.st_mode, _target(folder, entry)) for entry in entries.values()],
    )
    return FolderFiles(
        files=tuple(entries[path] for path in found.files),
        empty_folders=found.empty_folders,
        links=tuple(PackagedLink(path, target) for path, target in found.links),
        left_out=found.left_out,
    )


def _entries(folder: Path) -> list[Entry]:
    if folder.is_symlink():
        raise FolderRefused(folder.name, "", "it is a link; copy the files into a folder of the job's name")
    try:
        return list(walk_folder(folder))
    except FileNotFoundError as fault:
        if not folder.exists():
            raise
        raise FolderChangedMeanwhile(folder, str(fault.filename)) from fault
    except PermissionError as fault:
        path = os.path.relpath(str(fault.filename), folder)
        raise FolderRefused(folder.name, path, "it may not be read; change its permissions") from fault


def _target(folder: Path, entry: Entry) -> str:
    if not stat.S_ISLNK(entry.status.st_mode):
        return ""
    try:
        return os.readlink(folder / entry.path)
    except OSError as fault:
        raise FolderChangedMeanwhile(folder, entry.path) from fault
