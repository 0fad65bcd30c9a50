"""Walks a job's folder without following links or opening files, and compares two walks."""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CLOCK_GRAIN_NS = 1_000_000_000
"""Two changes nearer than this may bear the same ctime, on the coarsest file system in use."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something in a folder: its path relative to the folder, `/` between parts, and its inode's facts."""

    path: str
    status: os.stat_result

    @property
    def is_folder(self) -> bool:
        """True for a real folder, not for a link to one."""
        return stat.S_ISDIR(self.status.st_mode)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a walk saw, short enough to keep for thousands of jobs.

    Attributes:
        fingerprint: Equal when names, kinds, sizes, inodes, mtimes and ctimes are; contents are not read.
        folders: Every folder, relative, the job's folder itself as "".
        newest_change_ns: The latest ctime, for judging whether a later change could have the same one.
        entries: How many files and folders there are.
    """

    fingerprint: str
    folders: tuple[str, ...]
    newest_change_ns: int
    entries: int = 0


def walk_folder(folder: Path) -> Iterator[Entry]:
    """Everything below a folder, folders before what they hold, names in order.

    Raises:
        OSError: The folder is missing, or something in it vanished or may not be read.
    """
    yield from _walk(str(folder), "")


def _walk(folder: str, prefix: str) -> Iterator[Entry]:
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        item = Entry(prefix + entry.name, entry.stat(follow_symlinks=False))
        yield item
        if item.is_folder:
            yield from _walk(entry.path, f"{item.path}/")


def snapshot_folder(folder: Path, found: list[Entry] | None = None) -> Snapshot | None:
    """What the folder looks like now; None when there is none.

    A link in the folder's place is seen as what it is. Something that vanishes during the walk makes a
    snapshot that equals no other; what may not be read makes one that stays the same.

    Args:
        folder: The folder.
        found: Gets all that the snapshot is made of, the folder itself as "".
    """
    try:
        status = os.lstat(folder)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as fault:
        return Snapshot(f"unreadable {fault.errno}", (), 0)
    seen = hashlib.blake2b(_facts("", status), digest_size=16)
    newest, folders, entries = status.st_ctime_ns, [""], 0
    if found is not None:
        found.append(Entry("", status))
    try:
        for entry in walk_folder(folder) if stat.S_ISDIR(status.st_mode) else ():
            seen.update(_facts(entry.path, entry.status))
            if found is not None:
                found.append(entry)
            newest, entries = max(newest, entry.status.st_ctime_ns), entries + 1
            if entry.is_folder:
                folders.append(entry.path)
    except FileNotFoundError:
        seen.update(os.urandom(8))
    except OSError as fault:
        seen.update(f"{fault.errno} {fault.filename}".encode("utf-8", "surrogateescape"))
    return Snapshot(seen.hexdigest(), tuple(folders), newest, entries)


def _facts(path: str, status: os.stat_result) -> bytes:
    if stat.S_ISDIR(status.st_mode):  # its times change with every file in it, which is seen itself
        facts: tuple[int, ...] = (status.st_mode, status.st_ino)
    else:
        facts = (status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return os.fsencode(path) + b"\0" + repr(facts).encode() + b"\0"
