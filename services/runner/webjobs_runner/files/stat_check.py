"""Finds out with one `lstat` for each entry whether a folder is still as it was, without listing it."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from webjobs_runner.files.folder_walk import CLOCK_GRAIN_NS, Entry

_Facts = tuple[int, ...]


class StatCheck:
    """The results of `lstat` for a folder and everything in it.

    A name that is added, removed or renamed changes the times of its folder, so names are not listed again.
    That holds on file systems of this machine only; some that are shared keep no times of folders.

    Args:
        folder: The folder.
        entries: All of it, as `snapshot_folder` finds them.
    """

    __slots__ = ("_facts", "_newest_change_ns")

    def __init__(self, folder: Path, entries: Sequence[Entry]) -> None:
        # A separator at the end would follow a link in the folder's place.
        paths = (f"{folder}/{entry.path}" if entry.path else str(folder) for entry in entries)
        self._facts = [(path, _facts(entry.status)) for path, entry in zip(paths, entries, strict=True)]
        self._newest_change_ns = max(entry.status.st_ctime_ns for entry in entries)

    def is_older_than(self, instant_ns: int) -> bool:
        """Whether a change after this instant of the clock of files surely changes the times of an entry."""
        return self._newest_change_ns + CLOCK_GRAIN_NS < instant_ns

    def is_unchanged(self) -> bool:
        """Whether everything is as it was."""
        try:
            return all(_facts(os.lstat(path)) == facts for path, facts in self._facts)
        except OSError:
            return False


def _facts(status: os.stat_result) -> _Facts:
    size = 0 if stat.S_ISDIR(status.st_mode) else status.st_size
    return status.st_mode, status.st_dev, status.st_ino, size, status.st_mtime_ns, status.st_ctime_ns
