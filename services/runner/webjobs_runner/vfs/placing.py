"""Puts a complete upload in the place of a file, also where the two are on different file systems."""

import errno
import os
import secrets
import shutil
import stat
from pathlib import Path

from webjobs_runner.vfs.confined import Place

_COPY_BYTES = 1024 * 1024


def status_of(place: Place) -> os.stat_result:
    """What is at a place now."""
    return os.stat(place.name, dir_fd=place.folder, follow_symlinks=False)


def move_into(upload: Path, place: Place) -> None:
    """Make a complete upload the file at a place, at one stroke; the upload is gone then."""
    try:
        os.rename(upload, place.name, dst_dir_fd=place.folder)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_over(upload, place)


def link_into(target: str, place: Place) -> None:
    """Make a link at a place at one stroke, instead of the file or link that is there."""
    beside = f".{secrets.token_hex(8)}.upload"
    os.symlink(target, beside, dir_fd=place.folder)
    try:
        os.rename(beside, place.name, src_dir_fd=place.folder, dst_dir_fd=place.folder)
    except BaseException:
        _forget(beside, place.folder)
        raise
    os.fsync(place.folder)


def _copy_over(upload: Path, place: Place) -> None:
    """Where the scratch folder is on another file system: a copy beside the place, then the one stroke."""
    beside = f".{secrets.token_hex(8)}.upload"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    status = os.stat(upload)
    try:
        with (
            open(upload, "rb") as source,
            open(os.open(beside, flags, stat.S_IMODE(status.st_mode), dir_fd=place.folder), "wb") as target,
        ):
            shutil.copyfileobj(source, target, _COPY_BYTES)
            target.flush()
            os.fchmod(target.fileno(), stat.S_IMODE(status.st_mode))
            os.utime(target.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
            os.fsync(target.fileno())
        os.rename(beside, place.name, src_dir_fd=place.folder, dst_dir_fd=place.folder)
    except BaseException:
        _forget(beside, place.folder)
        raise
    upload.unlink()


def _forget(name: str, folder: int) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return
