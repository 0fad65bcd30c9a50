"""A disk of a few megabytes that a test fills up and frees again: a tmpfs."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

_CHUNK = bytes(1024 * 1024)


class SmallDisk:
    """A mounted disk; `path` is its root."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    @property
    def free_bytes(self) -> int:
        """What an ordinary user can still write."""
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def fill(self) -> None:
        """Take every byte that is left."""
        with self._filler.open("ab", buffering=0) as filler, contextlib.suppress(OSError):
            while True:
                filler.write(_CHUNK)

    def leave(self, free_bytes: int) -> None:
        """Take all but so many bytes."""
        self.free()
        with self._filler.open("wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, max(1, self.free_bytes - free_bytes))

    def free(self) -> None:
        """Give back what was taken."""
        self._filler.unlink(missing_ok=True)


class MountNotPermitted(Exception):
    """No disk can be mounted here."""


@contextlib.contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[SmallDisk]:
    """A tmpfs at this path while the body runs; the test is skipped where mounting is not permitted."""
    with contextlib.ExitStack() as mounted:
        try:
            disk = mounted.enter_context(mounted_disk(path, megabytes))
        except MountNotPermitted as error:
            pytest.skip(str(error))
        yield disk


@contextlib.contextmanager
def mounted_disk(path: Path, megabytes: int) -> Iterator[SmallDisk]:
    """A tmpfs at this path while the body runs.

    Raises:
        MountNotPermitted: To this user, on this machine.
    """
    path.mkdir(parents=True, exist_ok=True)
    options = f"size={megabytes}m,mode=755"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        raise MountNotPermitted(f"mounting a tmpfs is not permitted: {mounted.stderr.strip()}")
    try:
        yield SmallDisk(path)
    finally:
        # Lazily: a process that is just ending may still have files open there.
        subprocess.run(["umount", "--lazy", str(path)], check=True)
