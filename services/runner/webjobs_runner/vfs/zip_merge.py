"""Lays an uploaded archive over a folder of the site: it adds and replaces, and removes nothing."""

import os
import shutil
import stat
from pathlib import Path

from webjobs_runner.domain.site_path import SitePath
from webjobs_runner.files.archive_guard import UploadLimits, unpack_upload
from webjobs_runner.files.folder_walk import walk_folder
from webjobs_runner.vfs.errors import FolderInTheWay
from webjobs_runner.vfs.site_files import SiteFiles


def merge_archive(files: SiteFiles, archive: Path, folder: SitePath, limits: UploadLimits) -> None:
    """Unpack an archive into a folder, which is created when it is missing.

    It is unpacked beside first, and every place looked at: an archive that is refused has changed nothing.

    Raises:
        BadUpload: The archive is damaged, hostile or too large.
        WebJobsError: Something in the site folder is in the way of what it holds.
    """
    unpacked = archive.with_suffix(".unpacked")
    try:
        unpack_upload(archive, unpacked, limits)
        entries = [
            ((*folder, *entry.path.split("/")), unpacked / entry.path, entry.is_folder)
            for entry in walk_folder(unpacked)
        ]
        files.may_make_folder(folder)
        for path, _, is_folder in entries:
            if is_folder:
                files.may_make_folder(path)
            else:
                files.may_write(path, None)
        _make(files, folder)
        for path, source, is_folder in entries:
            if is_folder:
                _make(files, path)
            else:
                _bring_to_disk(source)
                mode = stat.S_IMODE(source.stat().st_mode)
                files.place(source, path, None, mode)
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)


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
