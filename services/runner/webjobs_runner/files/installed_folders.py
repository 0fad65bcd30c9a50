"""Remembers how each job's folder looked when it was last deployed or installed, to find edits by `stat`."""

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path

from webjobs_events.job import JobDefinition
from webjobs_rules.job import JobName, JobType
from webjobs_rules.job_folder import DISABLE_FILE, SETTINGS_FILE

from webjobs_runner.files.file_drop import FileDropWatcher
from webjobs_runner.files.folder_walk import Entry, Snapshot, snapshot_folder
from webjobs_runner.files.in_place import InPlaceFiles, runs_in_place
from webjobs_runner.files.mounts import is_shared_file_system
from webjobs_runner.files.site import Site
from webjobs_runner.files.stat_check import StatCheck

FEW_ENTRIES = 64  # looked at by `stat` without leaving the event loop: about 1 ms at most

_Key = tuple[JobType, JobName]
_Facts = tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class _Installed:
    """A folder as it looked when it held a version.

    Attributes:
        folder: Where it is.
        digest: The version.
        snapshot: Of the whole folder.
        own_files: Facts of the version's files when the job runs in place, so that other files may come
            and go; None when every change counts.
    """

    folder: Path
    digest: str
    snapshot: Snapshot
    own_files: dict[str, _Facts] | None


class InstalledFolders:
    """Snapshots of the folders of jobs, as they were deployed or installed.

    Names, kinds, sizes, inodes, mtimes and ctimes are compared, contents are not read. Folders of many
    entries are not walked while the kernel has reported no change in them, and those of triggered jobs with
    few entries are not listed while nothing in them has changed.
    """

    def __init__(self, site: Site, in_place: InPlaceFiles, watcher: FileDropWatcher) -> None:
        self._site = site
        self._in_place = in_place
        self._watcher = watcher
        self._installed: dict[_Key, _Installed] = {}
        self._refused: dict[_Key, str] = {}
        self._unedited: dict[_Key, StatCheck] = {}
        self._shared: dict[int, bool] = {}  # by device

    async def record(self, definition: JobDefinition, folder: Path, snapshot: Snapshot) -> None:
        """Remember how the folder looked while it held the definition's version."""
        key = definition.job_type, definition.job_name
        own_files = None
        if runs_in_place(definition):
            own_files = await asyncio.to_thread(self._own_files, definition, folder)
        self._installed[key] = _Installed(folder, definition.digest, snapshot, own_files)
        self._refused.pop(key, None)
        self._unedited.pop(key, None)

    def record_refusal(self, key: _Key, snapshot: Snapshot | None) -> None:
        """Remember how a folder looked whose content was refused: it need not be tried at each run."""
        self._unedited.pop(key, None)
        if snapshot is not None:
            self._refused[key] = snapshot.fingerprint

    def forget(self, key: _Key) -> None:
        """Forget a job."""
        self._installed.pop(key, None)
        self._refused.pop(key, None)
        self._unedited.pop(key, None)

    async def has_edit(self, key: _Key) -> bool:
        """Whether the job's folder has changed since it was last deployed, installed or refused."""
        installed = self._installed.get(key)
        if installed is None:  # as before the first comparison; a folder to come holds no edit
            return bool(self._site.job_folders(*key))
        unedited = self._unedited.get(key)
        if unedited is not None and unedited.is_unchanged():
            return False
        if installed.own_files is not None and not _have_changed(installed.folder, installed.own_files):
            return False
        known = {installed.snapshot.fingerprint, self._refused.get(key, installed.snapshot.fingerprint)}
        if installed.snapshot.entries <= FEW_ENTRIES:
            return not self._is_one_of(key, installed.folder, known)
        if self._watcher.settled_state(key) in known:
            return False
        snapshot = await asyncio.to_thread(snapshot_folder, installed.folder)
        return snapshot is None or snapshot.fingerprint not in known

    def _is_one_of(self, key: _Key, folder: Path, known: set[str]) -> bool:
        """Whether a folder of few entries looks like one of these; if so, the next look is a quick one."""
        entries: list[Entry] = []
        looked_at_ns = time.time_ns()
        snapshot = snapshot_folder(folder, entries)
        if snapshot is None or snapshot.fingerprint not in known:
            return False
        if entries and key[0] is JobType.TRIGGERED and not self._is_shared(folder, entries[0].status.st_dev):
            unedited = StatCheck(folder, entries)
            if unedited.is_older_than(looked_at_ns):
                self._unedited[key] = unedited
        return True

    def _is_shared(self, folder: Path, device: int) -> bool:
        if device not in self._shared:
            self._shared[device] = is_shared_file_system(folder)
        return self._shared[device]

    def newest_change(self, key: _Key) -> float | None:
        """Instant of the latest change in the folder, in seconds of the clock of files; blocks.

        None when the folder is missing or not known. What a job that runs in place adds does not count.
        """
        installed = self._installed.get(key)
        if installed is None:
            return None
        if installed.own_files is not None:
            found = (_facts(installed.folder / path) for path in installed.own_files)
            return max((facts[-1] for facts in found if facts is not None), default=0) / 1e9
        snapshot = snapshot_folder(installed.folder)
        return None if snapshot is None else snapshot.newest_change_ns / 1e9

    def folder_of(self, key: _Key) -> Path | None:
        """The job's folder; None when it is not known."""
        installed = self._installed.get(key)
        return installed.folder if installed else None

    def holds(self, definition: JobDefinition) -> bool:
        """Whether the job's folder holds this version now, beside what the job itself has added."""
        installed = self._installed.get((definition.job_type, definition.job_name))
        if installed is None or installed.digest != definition.digest:
            return False
        if installed.own_files is not None:
            return not _have_changed(installed.folder, installed.own_files)
        snapshot = snapshot_folder(installed.folder)
        return snapshot is not None and snapshot.fingerprint == installed.snapshot.fingerprint

    def _own_files(self, definition: JobDefinition, folder: Path) -> dict[str, _Facts]:
        own = self._in_place.files_of(definition)
        inner = os.path.dirname(definition.script)
        marks = (os.path.join(at, name) for at in {"", inner} for name in (SETTINGS_FILE, DISABLE_FILE))
        return {path: _facts(folder / path) for path in (*own, *marks)}


def _have_changed(folder: Path, files: dict[str, _Facts]) -> bool:
    return any(_facts(folder / path) != facts for path, facts in files.items())


def _facts(path: Path) -> _Facts:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
