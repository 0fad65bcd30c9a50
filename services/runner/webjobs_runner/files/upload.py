"""Makes an upload the files of a new version: a single script, a whole archive, or one laid over the old."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from webjobs_rules.archive_entries import UploadLimits
from webjobs_rules.left_out import LeftOut
from webjobs_rules.uploaded_script import checked_script

from webjobs_runner.files.archive_writer import unpack_upload
from webjobs_runner.files.package import copy_version, make_folder, new_file


def place_script(upload: Path, file_name: str, target: Path) -> None:
    """Make the upload the only file of a new folder.

    Raises:
        BadUpload: It is empty, or the name is none that a file can have; no folder is left.
    """
    name = checked_script(file_name, upload.stat().st_size)
    with _new_folder(target), open(upload, "rb") as source, new_file(target / name, executable=True) as sink:
        shutil.copyfileobj(source, sink)


def place_archive(upload: Path, target: Path, limits: UploadLimits) -> list[LeftOut]:
    """Make the archive's content a new folder; returns what of it was left out.

    Raises:
        BadUpload: With what to fix; no folder is left.
    """
    with _new_folder(target):
        return unpack_upload(upload, target, limits)


def place_merged(upload: Path, current: Path | None, target: Path, limits: UploadLimits) -> list[LeftOut]:
    """Make a new folder of the current version (None: there is none) with the archive laid over it.

    Returns what of the archive was left out.

    Files of the archive replace those of the same name; nothing is removed. `settings.job` of the
    current version is not copied: it stays in the definition unless the archive brings another.

    Raises:
        BadUpload: With what to fix; no folder is left.
        FolderRefused, FolderChangedMeanwhile: The current version could not be copied.
    """
    with _new_folder(target):
        if current is not None:
            copy_version(current, target)
        return unpack_upload(upload, target, limits)


@contextmanager
def _new_folder(target: Path) -> Iterator[None]:
    make_folder(target)
    try:
        yield
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
