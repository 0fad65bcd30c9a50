"""Where environments lie on disk, and the marker that says that one is whole."""

import contextlib
import os
import secrets
import shutil
from pathlib import Path

import msgspec
from webjobs_rules.dependencies.environment_key import Interpreter

from webjobs_environments.file_locks import try_lock

_WRITABLE = 0o200
_TEMPORARY, _TRASH = ".tmp-", ".trash-"


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What is in an environment, as far as a look at every file without reading it shows.

    Attributes:
        files: How many files and links.
        bytes: Of all files.
        fingerprint: Hex SHA-256 of path, size, time of change and permissions of each.
    """

    files: int
    bytes: int
    fingerprint: str


class Marker(msgspec.Struct, frozen=True, kw_only=True):
    """Says that an environment is whole; written when nothing of it is missing.

    Attributes:
        lock_digest: Of the lock from which it was built.
        interpreter: Which runs its scripts.
        packages: How many are installed.
        contents: As they were then.
        seconds: That the build took.
    """

    lock_digest: str
    interpreter: Interpreter
    packages: int
    contents: Contents
    seconds: float


class EnvironmentFolders:
    """The folder of all environments of one language; processes that are given one root share it.

    Args:
        root: The folder.
        program: What is in each environment without which it is of no use: a program, or a folder.
    """

    def __init__(self, root: Path, program: str) -> None:
        self.root = root
        self.program = program

    def folder(self, key: str) -> Path:
        """The environment."""
        return self.root / key

    def marker(self, key: str) -> Path:
        """The marker beside it."""
        return self.root / f"{key}.json"

    def use_lock(self, key: str) -> Path:
        """Locked shared by each process that uses the environment; its time is that of the last use."""
        return self.root / f"{key}.lock"

    def build_lock(self, key: str) -> Path:
        """Locked by the process that builds or deletes the environment."""
        return self.root / f"{key}.build"

    def new_temporary(self, key: str) -> Path:
        """An unused path beside the environment, where it is built."""
        return self.root / f"{self.temporary_prefix(key)}{os.getpid()}-{secrets.token_hex(3)}"

    def temporary_prefix(self, key: str) -> str:
        """How the names of such paths begin."""
        return f"{_TEMPORARY}{key[:16]}-"

    @property
    def cache(self) -> Path:
        """What was downloaded, for all languages."""
        return self.root.parent / "cache"

    @property
    def cache_lock(self) -> Path:
        """Locked shared by builds, and by the process that removes the cache."""
        return self.root.parent / "cache.lock"

    def read_marker(self, key: str) -> Marker | None:
        """The marker; None when there is none that can be read."""
        try:
            return msgspec.json.decode(self.marker(key).read_bytes(), type=Marker)
        except (OSError, msgspec.MsgspecError):
            return None

    def write_marker(self, key: str, marker: Marker) -> None:
        """Write the marker at one stroke, onto the disk."""
        path = self.marker(key)
        temporary = self.new_temporary(key)  # a build that was killed here is cleared up by the next one
        with open(temporary, "xb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(marker)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)

    def discard(self, path: Path) -> None:
        """Move a folder out of the way at one stroke, and delete it; harmless when it is not there."""
        trash = self.root / f"{_TRASH}{secrets.token_hex(6)}"
        try:
            make_writable(path, deep=False)
            path.rename(trash)
        except FileNotFoundError:
            return
        delete(trash)

    def remove(self, key: str) -> bool:
        """Delete an environment that no process uses; False when one does, or builds it."""
        with contextlib.ExitStack() as held:
            for path in (self.build_lock(key), self.use_lock(key)):
                descriptor = try_lock(path)
                if descriptor is None:
                    return False
                held.callback(os.close, descriptor)
            self.marker(key).unlink(missing_ok=True)  # first: what is half deleted is no environment
            self.discard(self.folder(key))
            self.use_lock(key).unlink(missing_ok=True)
            self.build_lock(key).unlink(missing_ok=True)
        return True

    def used_at(self, key: str) -> float:
        """When an environment was used, or built, for the last time: seconds of the clock; 0 if never."""
        paths = (self.use_lock(key), self.marker(key), self.build_lock(key))
        times = []
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                times.append(path.stat().st_mtime)
        return max(times, default=0.0)

    def keys(self) -> set[str]:
        """The keys of everything that is here."""
        names = [entry.name for entry in os.scandir(self.root)] if self.root.is_dir() else []
        return {name.partition(".")[0] for name in names if not name.startswith(".")}

    def leftovers(self, older_than: float) -> list[Path]:
        """What killed builds and deletions left behind, last changed before a time of the clock."""
        if not self.root.is_dir():
            return []
        found = [entry for entry in os.scandir(self.root) if entry.name.startswith((_TEMPORARY, _TRASH))]
        return [Path(entry.path) for entry in found if _changed_at(entry) < older_than]


def make_writable(path: Path, *, deep: bool = True) -> None:
    """Let a folder, and with `deep` all in it, be moved and deleted."""
    for folder, _, _ in os.walk(path) if deep else [(str(path), [], [])]:
        try:
            status = os.lstat(folder)
            if not status.st_mode & _WRITABLE:
                os.chmod(folder, status.st_mode | 0o700)
        except FileNotFoundError:
            pass


def delete(path: Path) -> None:
    """Delete a folder or a file, also one that is write-protected."""
    if path.is_dir() and not path.is_symlink():
        make_writable(path)
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _changed_at(entry: "os.DirEntry[str]") -> float:
    try:
        return entry.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return float("inf")
