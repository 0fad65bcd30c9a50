"""Copies of job folders in the temporary folder, so that a deploy never touches a running script."""

import contextlib
import os
import secrets
import shutil
import stat
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from webjobs_rules.job import JobName, JobType

from webjobs_runner.deploy_errors import TemporaryFolderTaken, WrongVersion
from webjobs_runner.files.folder_walk import walk_folder
from webjobs_runner.files.job_lock import job_lock
from webjobs_runner.files.manifest import Manifest
from webjobs_runner.files.package import copy_version, unpack_package
from webjobs_runner.files.script_file import clean_script
from webjobs_runner.files.site import Site

_Key = tuple[JobType, str]


@dataclass(slots=True)
class _Copy:
    """One copy: its files as they were when it was made, and how many runs are using it."""

    path: Path
    digest: str
    files: tuple[tuple[str, int, int], ...]
    folders: tuple[str, ...]
    script: str
    cleaning: str
    users: int = 0
    superseded: bool = False

    def is_unchanged(self) -> bool:
        """Whether every file is as it was made; files that a script added do not count.

        Source: Kudu, BaseJobRunner.cs and BaseJobRunnerFacts.cs.
        """
        try:
            for path, size, mtime_ns in self.files:
                status = os.lstat(path)
                if status.st_size != size or status.st_mtime_ns != mtime_ns:
                    return False
            return all(stat.S_ISDIR(os.lstat(path).st_mode) for path in self.folders)
        except OSError:
            return False


class WorkingCopies:
    """Working copies of one runner, under `<temp root>/jobs/<type>/<job>/<random>`.

    A copy holds one complete version, is shared by the runs of that version, and is deleted once a newer
    one has taken its place and its last run has released it. Usable from several threads.
    """

    def __init__(self, site: Site, temp_root: Path) -> None:
        self._site = site
        self._root = temp_root
        self._current: dict[_Key, _Copy] = {}
        self._by_path: dict[Path, _Copy] = {}
        self._guard = threading.Lock()
        self._sweeper = ThreadPoolExecutor(1, thread_name_prefix="working-copies")

    def open(self) -> None:
        """Take the temporary folder into use, and delete what an earlier process left in it.

        Raises:
            TemporaryFolderTaken: Another user made it.
        """
        self._root.parent.mkdir(parents=True, exist_ok=True)
        self._root.mkdir(mode=0o700, exist_ok=True)
        status = os.lstat(self._root)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise TemporaryFolderTaken(self._root)
        self._root.chmod(0o700)
        for left_over in self._root.iterdir():
            if left_over.name == "jobs":
                left_over = left_over.rename(self._root / f".left-over-{secrets.token_hex(4)}")
            elif not left_over.name.startswith(".left-over-"):
                continue
            self._sweeper.submit(shutil.rmtree, left_over, ignore_errors=True)

    def close(self) -> None:
        """Delete every copy, and the temporary folder; no run may be using one any more."""
        with self._guard:
            self._current.clear()
            self._by_path.clear()
        self._sweeper.shutdown(wait=True)
        shutil.rmtree(self._root, ignore_errors=True)

    def cleaning(self, path: Path) -> str:
        """What was cleaned in the script of a copy that is in use; empty when nothing was."""
        copy = self._by_path.get(path)
        return copy.cleaning if copy else ""

    def reuse(self, job_type: JobType, job_name: JobName, digest: str, script: str = "") -> Path | None:
        """The current copy for one more run, if it is of this version and unchanged; else None.

        Quick enough (a stat for each file) to be called without leaving the event loop.
        """
        with self._guard:
            copy = self._current.get((job_type, job_name))
            if copy is None or (copy.digest, copy.script) != (digest, script) or not copy.is_unchanged():
                return None
            copy.users += 1
            return copy.path

    def acquire(
        self, job_type: JobType, job_name: JobName, digest: str, source: Path, script: str = ""
    ) -> Path:
        """A copy of this version for one run, made again if need be; `release` gives it back.

        Args:
            job_type: Of the job.
            job_name: Of the job.
            digest: The version wanted.
            source: The job's installed folder, or the version's package when the folder holds another.
            script: The version's script, which is cleaned in the copy if it needs that; empty: none is.

        Raises:
            WrongVersion: The source holds another version, or is being written to.
            FolderRefused, FolderChangedMeanwhile, PackageDamaged: The source cannot be read whole.
        """
        path = self.reuse(job_type, job_name, digest, script)
        if path is not None:
            return path
        with job_lock(self._site, job_type, job_name):
            # Perhaps made by another run while this one waited.
            path = self.reuse(job_type, job_name, digest, script)
            return path or self._make(job_type, job_name, digest, source, script)

    def release(self, path: Path) -> None:
        """End one run's use of a copy; an unused superseded copy is deleted in the background."""
        with self._guard:
            copy = self._by_path.get(path)
            if copy is None:
                return
            copy.users -= 1
            self._sweep(copy)

    def discard(self, job_type: JobType, job_name: JobName) -> None:
        """Let go of a job that was removed; its copy is deleted once no run uses it."""
        with self._guard:
            self._supersede((job_type, job_name))

    def _make(self, job_type: JobType, job_name: JobName, digest: str, source: Path, script: str) -> Path:
        home = self._root / "jobs" / job_type.value / job_name
        with self._guard:
            home.mkdir(parents=True, exist_ok=True)
            path = Path(tempfile.mkdtemp(prefix="", dir=home))
        try:
            fill: Callable[[Path, Path], Manifest] = unpack_package if source.is_file() else copy_version
            found = fill(source, path).digest
            if found != digest:
                raise WrongVersion(job_name, digest, found)
            cleaning = clean_script(path, script) if script else ""
            copy = _Copy(path, digest, *_facts(path), script, cleaning, users=1)
        except BaseException:
            self._delete(path)
            raise
        with self._guard:
            self._supersede((job_type, job_name))
            self._current[(job_type, job_name)] = copy
            self._by_path[path] = copy
        return path

    def _supersede(self, key: _Key) -> None:
        old = self._current.pop(key, None)
        if old is not None:
            old.superseded = True
            self._sweep(old)

    def _sweep(self, copy: _Copy) -> None:
        if copy.superseded and copy.users <= 0 and self._by_path.pop(copy.path, None) is not None:
            self._sweeper.submit(self._delete, copy.path)

    def _delete(self, path: Path) -> None:
        """Delete a copy, and the folder of its job when that is empty then."""
        shutil.rmtree(path, ignore_errors=True)
        with self._guard, contextlib.suppress(OSError):
            path.parent.rmdir()


def _facts(path: Path) -> tuple[tuple[tuple[str, int, int], ...], tuple[str, ...]]:
    entries = list(walk_folder(path))
    files = (entry for entry in entries if not entry.is_folder)
    return (
        tuple((str(path / e.path), e.status.st_size, e.status.st_mtime_ns) for e in files),
        tuple(str(path / entry.path) for entry in entries if entry.is_folder),
    )
