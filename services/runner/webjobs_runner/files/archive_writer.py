"""Unpacks an uploaded archive over the files of a folder."""

import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

from webjobs_rules.archive_entries import UploadLimits, shown
from webjobs_rules.archive_unpacking import unpack
from webjobs_rules.errors import BadUpload
from webjobs_rules.left_out import LeftOut

from webjobs_runner.files.package import make_folder, new_file


def unpack_upload(
    archive: Path, target: Path, limits: UploadLimits, *, may_be_empty: bool = False
) -> list[LeftOut]:
    """Unpack a zip into a folder, over the files that it holds already; returns what was left out.

    What was written before a fault is left to the caller.

    Args:
        archive: The upload.
        target: The folder; it is created when it is missing.
        limits: How far it may go.
        may_be_empty: Whether an archive without a file will do.

    Raises:
        BadUpload: With what to fix.
    """
    with open(archive, "rb") as file:
        return unpack(
            file,
            _Overlay(target),
            limits,
            open_zip=zipfile.ZipFile,
            bad_zip=zipfile.BadZipFile,
            may_be_empty=may_be_empty,
        )


class _Overlay:
    """Writes over the files of a folder; where a folder is in the way of a file, the upload is refused."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def begin(self) -> None:
        make_folder(self._target)

    def write_folder(self, path: str) -> None:
        self._check_above(f"{path}/")
        make_folder(self._target / path)

    def write_file(self, path: str, content: Iterable[bytes], *, executable: bool) -> None:
        self._free_place(path)
        with new_file(self._target / path, executable) as sink:
            for chunk in content:
                sink.write(chunk)

    def write_link(self, path: str, target: str) -> None:
        self._free_place(path)
        os.symlink(target, self._target / path)

    def _free_place(self, path: str) -> None:
        """Make the folders above a path, and remove a file or link that is in its place.

        Raises:
            BadUpload: A folder is in its place, or a file or link where a folder is needed.
        """
        self._check_above(path)
        place = self._target / path
        make_folder(place.parent)
        if place.is_dir() and not place.is_symlink():
            raise BadUpload(f"{shown(path)} is a folder in the job; remove it first")
        place.unlink(missing_ok=True)

    def _check_above(self, path: str) -> None:
        above = path.rpartition("/")[0]
        while above:
            place = self._target / above
            if place.is_symlink() or place.is_file():
                found = "link" if place.is_symlink() else "file"
                raise BadUpload(f"{shown(path.removesuffix('/'))} needs a folder where the job has a {found}")
            above = above.rpartition("/")[0]
