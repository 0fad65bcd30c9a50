"""Unpacks the zip of a job as a server does, for commands that need no server."""

import os
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from webjobs_rules.archive_entries import MIB, UploadLimits
from webjobs_rules.archive_unpacking import unpack
from webjobs_rules.errors import BadUpload
from webjobs_rules.left_out import LeftOut

_UPLOAD_LIMIT, _UNPACKED_LIMIT = ("WEBJOBS_UPLOAD_LIMIT_MB", 256), ("WEBJOBS_UNPACKED_LIMIT_MB", 1024)


def unpack_archive(archive: Path, folder: Path, environ: Mapping[str, str]) -> list[LeftOut]:
    """Unpack a zip into an empty folder; returns what was left out.

    Args:
        archive: The zip.
        folder: Where its files go.
        environ: May name the limits of the server.

    Raises:
        BadUpload: A server would refuse it; part of it may be unpacked.
        OSError: It cannot be read, or the files cannot be written.
    """
    allowed = _limit(environ, _UPLOAD_LIMIT)
    if archive.stat().st_size > allowed:
        name, _ = _UPLOAD_LIMIT
        raise BadUpload(f"it is larger than the {allowed // MIB} MiB allowed, which {name} raises")
    return unpack_zip(archive, folder, UploadLimits(unpacked_bytes=_limit(environ, _UNPACKED_LIMIT)))


def unpack_zip(archive: Path, folder: Path, limits: UploadLimits) -> list[LeftOut]:
    """The same, within these limits.

    Raises: As `unpack_archive`.
    """
    with open(archive, "rb") as file:
        return unpack(
            file, _EmptyFolder(folder), limits, open_zip=zipfile.ZipFile, bad_zip=zipfile.BadZipFile
        )


class _EmptyFolder:
    """Writes into a folder that holds nothing else."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self) -> None:
        self._folder.mkdir(exist_ok=True)

    def write_folder(self, path: str) -> None:
        (self._folder / path).mkdir(parents=True, exist_ok=True)

    def write_file(self, path: str, content: Iterable[bytes], *, executable: bool) -> None:
        place = self._free_place(path)
        with open(place, "xb") as sink:
            for chunk in content:
                sink.write(chunk)
        place.chmod(0o755 if executable else 0o644)

    def write_link(self, path: str, target: str) -> None:
        os.symlink(target, self._free_place(path))

    def _free_place(self, path: str) -> Path:
        place = self._folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        return place


def _limit(environ: Mapping[str, str], setting: tuple[str, int]) -> int:
    name, default = setting
    given = environ.get(name, "")
    return (int(given) if given.isdecimal() and given.isascii() else default) * MIB
