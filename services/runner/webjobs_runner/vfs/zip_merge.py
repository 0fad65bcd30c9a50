"""Lays an uploaded archive over a folder of the site; removes what it does not hold when asked to."""

import os
import shutil
import stat
from pathlib import Path

from webjobs_events.files import Condition, Kind
from webjobs_rules.archive_entries import UploadLimits
from webjobs_rules.left_out import left_out_warnings

from webjobs_runner.domain.site_path import SitePath, is_kept, job_of
from webjobs_runner.files.archive_writer import unpack_upload
from webjobs_runner.files.folder_walk import Entry, walk_folder
from webjobs_runner.vfs.errors import FolderInTheWay
from webjobs_runner.vfs.sessions import Placed
from webjobs_runner.vfs.site_files import SiteFiles

_DISABLE_FILE = "disable.job"


def merge_archive(
    files: SiteFiles, archive: Path, folder: SitePath, limits: UploadLimits, *, clean: bool = False
) -> Placed:
    """Unpack an archive into a folder, which is created when it is missing.

    It is unpacked beside first, and every place looked at: an archive that is refused has changed nothing.
    Links are put in place last.

    Args:
        files: Of the site.
        archive: In the scratch folder.
        folder: Target.
        limits: For the archive.
        clean: Whether everything else in the folder is removed afterwards; see `_remove_others`.

    Raises:
        BadUpload: The archive is damaged, hostile or too large.
        WebJobsError: Something in the site folder is in the way of what it holds.
    """
    unpacked = archive.with_suffix(".unpacked")
    try:
        left_out = unpack_upload(archive, unpacked, limits, may_be_empty=True)
        entries = sorted(walk_folder(unpacked), key=_is_link)
        files.may_make_folder(folder)
        for entry in entries:
            path = (*folder, *entry.path.split("/"))
            if entry.is_folder:
                files.may_make_folder(path)
            elif _is_link(entry):
                files.may_link(path)
            else:
                files.may_write(path, None)
        _make(files, folder)
        placed, on_disk = [], set[str]()
        for entry in entries:
            source, path = unpacked / entry.path, (*folder, *entry.path.split("/"))
            if entry.is_folder:
                _make(files, path)
                on_disk.add(files.stat(path).path)
                continue
            if _is_link(entry):
                files.link(os.readlink(source), path)
            else:
                _bring_to_disk(source)
                _, info = files.place(source, path, None, stat.S_IMODE(entry.status.st_mode))
                on_disk.add(info.path)
            placed.append(path)
        removed = _remove_others(files, folder, on_disk) if clean else []
        return Placed(
            paths=tuple(placed), removed=tuple(removed), warnings=tuple(left_out_warnings(left_out))
        )
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)


def _is_link(entry: Entry) -> bool:
    return stat.S_ISLNK(entry.status.st_mode)


def _remove_others(files: SiteFiles, folder: SitePath, on_disk: set[str]) -> list[SitePath]:
    """Remove what is in a folder, but for these paths and the folders above them; returns what is gone.

    Folders that webjobs works in stay, and so do links: what they lead to is not part of the site. A job
    that was stopped stays stopped: `disable.job` is no part of a package.
    """
    above = {str(parent) for path in on_disk for parent in Path(path).parents}
    removed: list[SitePath] = []

    def clear(folder: SitePath) -> None:
        for info in files.entries(folder):
            path = (*folder, info.name)
            if os.path.islink(Path(files.stat(folder).path) / info.name):
                continue
            if info.kind is Kind.FOLDER and (is_kept(path) or info.path in above):
                clear(path)
            elif info.path not in on_disk and not (info.name == _DISABLE_FILE and job_of(path)):
                files.remove(path, True, Condition(match=("*",)))
                removed.append(path)

    clear(folder)
    return removed


def _make(files: SiteFiles, path: SitePath) -> None:
    try:
        files.make_folder(path)
    except FolderInTheWay:
        return


def _bring_to_disk(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
