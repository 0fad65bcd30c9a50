"""Looks at every file of an environment: to protect it, and to see later whether something has changed it."""

import hashlib
import os
import stat
from pathlib import Path

from webjobs_environments.folders import Contents

_WRITE_BITS = 0o222


def protect(folder: Path) -> None:
    """Take the permission to write from every file and folder.

    That keeps accidents of processes that are not root away. Scripts run as the user of the runner: one that
    means to write can give itself the permission, and root needs none; `contents_of` shows both.
    """
    for place, _, files in os.walk(folder, topdown=False):
        for name in files:
            path = f"{place}/{name}"
            if not os.path.islink(path):
                os.chmod(path, os.lstat(path).st_mode & ~_WRITE_BITS & 0o7777)
        os.chmod(place, os.lstat(place).st_mode & ~_WRITE_BITS & 0o7777)


def contents_of(folder: Path) -> Contents:
    """What is in a folder now; costs a `stat` for each file.

    Raises:
        FileNotFoundError: Something vanished meanwhile.
    """
    seen, count, size = hashlib.sha256(), 0, 0
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted([*files, *(each for each in folders if os.path.islink(f"{place}/{each}"))]):
            path = f"{place}/{name}"
            status = os.lstat(path)
            is_link = stat.S_ISLNK(status.st_mode)
            facts = (
                os.readlink(path) if is_link else f"{status.st_size} {status.st_mtime_ns} {status.st_mode:o}"
            )
            seen.update(f"{os.path.relpath(path, folder)}\0{facts}\0".encode("utf-8", "surrogateescape"))
            count += 1
            size += 0 if is_link else status.st_size
    return Contents(files=count, bytes=size, fingerprint=seen.hexdigest())
