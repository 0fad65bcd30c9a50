"""A disk of a few megabytes that a test fills up and frees again: a tmpfs."""

import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

_CHUNK = bytes(1024 * 1024)
_LOOK_SECONDS = 0.005


class SmallDisk:
    """A mounted disk; `path` is its root.

    A disk that was filled stays full until it is freed: what servers free meanwhile is taken too.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"
        self._keeper: threading.Thread | None = None
        self._is_freed = threading.Event()
        self._level = 0  # bytes that are left free

    @property
    def free_bytes(self) -> int:
        """What an ordinary user can still write."""
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def fill(self) -> None:
        """Take every byte that is left, and every one that becomes free, until `free` is called."""
        self._keep(0)

    def leave(self, free_bytes: int) -> None:
        """Take all but so many bytes; what becomes free afterwards is left."""
        self.free()
        self._take_all_but(free_bytes)

    def keep_at(self, free_bytes: int) -> None:
        """Take all but so many bytes, and what becomes free beyond them, until `free` is called."""
        self.free()
        self._keep(free_bytes)

    def free(self) -> None:
        """Give back what was taken."""
        self._is_freed.set()
        if self._keeper is not None:
            self._keeper.join()
            self._keeper = None
        self._filler.unlink(missing_ok=True)

    def _keep(self, free_bytes: int) -> None:
        self._level = free_bytes
        self._take_all_but(free_bytes)
        if self._keeper is None:
            self._is_freed.clear()
            self._keeper = threading.Thread(target=self._keep_on, name="keep the disk full")
            self._keeper.start()

    def _keep_on(self) -> None:
        while not self._is_freed.wait(_LOOK_SECONDS):
            self._take_all_but(self._level)

    def _take_all_but(self, free_bytes: int) -> None:
        with self._filler.open("ab", buffering=0) as filler, contextlib.suppress(OSError):
            while (excess := self.free_bytes - free_bytes) > 0:
                filler.write(_CHUNK[:excess])


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
    disk = SmallDisk(path)
    try:
        yield disk
    finally:
        disk.free()
        # Lazily: a process that is just ending may still have files open there.
        subprocess.run(["umount", "--lazy", str(path)], check=True)
