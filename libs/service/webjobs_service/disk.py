"""The free space of a disk."""

import os
from pathlib import Path

from webjobs_rules.disk_reserve import DiskSpace


def space_of(folder: Path) -> DiskSpace:
    """The space of the disk below a folder, which exists.

    Raises:
        OSError: The folder cannot be read.
    """
    found = os.statvfs(folder)
    return DiskSpace(free=found.f_bavail * found.f_frsize, total=found.f_blocks * found.f_frsize)
