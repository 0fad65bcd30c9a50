"""The free space of a disk, and the part of it that is kept in reserve."""

import os
from dataclasses import dataclass
from pathlib import Path

MEGABYTE = 1024 * 1024
_DEFAULT_SHARE = 20  # one part in so many of the disk
_DEFAULT_LIMIT = 500 * MEGABYTE


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """Bytes of the disk that a folder lies on.

    Attributes:
        free: What an ordinary user can still write.
        total: Its size.
    """

    free: int
    total: int


def space_of(folder: Path) -> DiskSpace:
    """The space of the disk below a folder, which exists.

    Raises:
        OSError: The folder cannot be read.
    """
    found = os.statvfs(folder)
    return DiskSpace(free=found.f_bavail * found.f_frsize, total=found.f_blocks * found.f_frsize)


def reserve_of(total: int, reserve_mb: int | None) -> int:
    """Bytes to keep free on a disk of this size: as set, or 5 % of the disk, but at most 500 MB."""
    if reserve_mb is not None:
        return reserve_mb * MEGABYTE
    return min(total // _DEFAULT_SHARE, _DEFAULT_LIMIT)
