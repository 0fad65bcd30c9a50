"""What of a job's folder makes up the job: files, links that stay inside, empty folders."""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from webjobs_rules.left_out import LeftOut, Why
from webjobs_rules.litter import is_litter
from webjobs_rules.package_links import fault_of_link

from webjobs_runner.deploy_errors import FolderChangedMeanwhile, FolderRefused
from webjobs_runner.files.definition_files import definition_files
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
    entries = _entries(folder)
    for entry in entries:
        _refuse_name(folder, entry)
    wanted = [entry for entry in entries if not is_litter(_with_slash(entry))]
    links = {entry.path: _target(folder, entry) for entry in wanted if stat.S_ISLNK(entry.status.st_mode)}
    left_out = {item.path: item for item in _left_out(entries, links)}
    kept = [entry for entry in wanted if entry.path not in left_out]
    speaking = definition_files(map(_with_slash, kept))
    kept = [entry for entry in kept if entry.path not in speaking]
    filled = {entry.path.rpartition("/")[0] for entry in kept}
    return FolderFiles(
        files=tuple(entry for entry in kept if stat.S_ISREG(entry.status.st_mode)),
        empty_folders=tuple(
            sorted(entry.path for entry in kept if entry.is_folder and entry.path not in filled)
        ),
        links=tuple(PackagedLink(e.path, links[e.path]) for e in sorted(kept, key=_path) if e.path in links),
        left_out=tuple(left_out.values()),
    )


def _entries(folder: Path) -> list[Entry]:
    if folder.is_symlink():
        raise FolderRefused(folder, "", "it is a link; copy the files into a folder of the job's name")
    try:
        return list(walk_folder(folder))
    except FileNotFoundError as fault:
        if not folder.exists():
            raise
        raise FolderChangedMeanwhile(folder, str(fault.filename)) from fault
    except PermissionError as fault:
        path = os.path.relpath(str(fault.filename), folder)
        raise FolderRefused(folder, path, "it may not be read; change its permissions") from fault


def _left_out(entries: Sequence[Entry], links: dict[str, str]) -> list[LeftOut]:
    found = []
    for entry in entries:
        mode = entry.status.st_mode
        if is_litter(_with_slash(entry)):
            if not entry.is_folder:
                found.append(LeftOut(entry.path, Why.LITTER))
        elif entry.path in links:
            if why := fault_of_link(entry.path, links):
                found.append(LeftOut(entry.path, why))
        elif not stat.S_ISREG(mode) and not entry.is_folder:
            found.append(LeftOut(entry.path, Why.SPECIAL))
    return found


def _target(folder: Path, entry: Entry) -> str:
    try:
        return os.readlink(folder / entry.path)
    except OSError as fault:
        raise FolderChangedMeanwhile(folder, entry.path) from fault


def _refuse_name(folder: Path, entry: Entry) -> None:
    try:
        entry.path.encode()
    except UnicodeEncodeError as fault:
        raise FolderRefused(folder, entry.path, "its name is not UTF-8; rename it") from fault


def _with_slash(entry: Entry) -> str:
    return f"{entry.path}/" if entry.is_folder else entry.path


def _path(entry: Entry) -> str:
    return entry.path
