"""Watches the folders of jobs, and reports a job whose files were placed, edited or removed by anyone."""

import asyncio
import os
import time
from collections.abc import Iterable
from pathlib import Path

from webjobs_events.outage import Outage
from webjobs_rules.errors import InvalidJobName
from webjobs_rules.job import JobName, JobType, parse_job_name
from webjobs_rules.litter import is_litter

from webjobs_runner.domain.debounce import Debounce
from webjobs_runner.files.drop_reports import DropReport, FolderChanged, FolderGone, NameRefused
from webjobs_runner.files.folder_note import remove_note
from webjobs_runner.files.folder_notices import FolderNotices
from webjobs_runner.files.folder_walk import Snapshot, snapshot_folder
from webjobs_runner.files.open_files import folders_being_written
from webjobs_runner.files.site import Site
from webjobs_runner.log import logger

_TICKS = 5  # looks in a quiet time, while a folder is not at rest
_HELD_SECONDS = 0.5  # between looks at who holds files open
_GONE = "gone"

_Key = tuple[JobType, JobName]
_Root = tuple[Path, int, int]  # with device and inode, which distinguish another folder of the same name
_NoteId = tuple[int, int]  # inode and mtime: another one each time that the note is written


class FileDropWatcher:
    """Puts a report into `reports` for each job whose folder differs from what was reported last.

    Every job found at start is reported once. A job is reported gone when its folder is missing and was
    reported before, or when a note says that a version was installed in it: a folder that is removed
    right after its installation was never seen at rest.

    A report says where to look, not what is there: the reconciler inspects the folder and decides. Our
    own installations are reported as well; comparing digests shows that they ask for nothing.

    While a folder of jobs is missing, nothing is reported of its type. Jobs that do not come back with
    it lose their note before they are reported gone: they were not removed, so they are to be installed
    again.
    """

    def __init__(
        self,
        site: Site,
        *,
        quiet_seconds: float = 1.0,
        rescan_seconds: float = 300.0,
        poll_seconds: float = 0.5,
    ) -> None:
        self.reports: asyncio.Queue[DropReport] = asyncio.Queue()
        self._site = site
        self._quiet_seconds = quiet_seconds
        self._rescan_seconds = rescan_seconds
        self._poll_seconds = poll_seconds
        self._notices = FolderNotices(site.root)
        self._outage = Outage(logger, "folders of jobs")
        self._parents: tuple[_Root, ...] = ()
        self._roots: dict[JobType, tuple[_Root, ...]] = {}
        self._settled: dict[_Key, str] = {}
        self._reported_gone: dict[_Key, _NoteId] = {}
        self._waiting: dict[_Key, Debounce] = {}
        self._lost_with_root: set[_Key] = set()
        self._refused: set[tuple[JobType, str]] = set()
        self._are_notices_lost = False

    @property
    def is_watching(self) -> bool:
        """Whether it runs, and the folders of jobs are there."""
        return bool(self._roots) and all(self._roots.values())

    def settled_state(self, key: _Key) -> str | None:
        """Fingerprint of a job's folder, if the kernel would have reported any change since it was taken.

        None when the folder is not at rest, or the kernel reports nothing here.
        """
        if self._notices.is_polling or not self.is_watching:
            return None
        self._disturb(self._notices.take())
        if self._are_notices_lost or key in self._waiting:
            return None
        return self._settled.get(key)

    async def run(self) -> None:
        """Watch until cancelled; folders that cannot be read for a while are looked at again."""
        self._notices.open()
        try:
            await self._outage.retry(self._watch, errors=(OSError,))
        finally:
            self._roots.clear()
            self._parents = ()
            self._notices.close()

    async def _watch(self) -> None:
        rescan_at = time.monotonic()
        while True:
            if self._check_roots() or time.monotonic() >= rescan_at:
                await self._rescan()
                seconds = self._poll_seconds if self._notices.is_polling else self._rescan_seconds
                rescan_at = time.monotonic() + seconds
            await self._check_waiting()
            self._outage.ended()
            self._disturb(await self._notices.wait(self._seconds_to_wait(rescan_at)))
            if self._are_notices_lost:
                self._are_notices_lost, rescan_at = False, time.monotonic()

    def _seconds_to_wait(self, rescan_at: float) -> float:
        seconds = rescan_at - time.monotonic()
        if self._waiting:
            seconds = min(seconds, self._quiet_seconds / _TICKS)
        if not all(self._roots.values()):
            seconds = min(seconds, self._poll_seconds)
        return seconds

    # The folders that hold the jobs of a type

    def _check_roots(self) -> bool:
        """Notice roots that came, went or are others than before; True when all jobs are to be looked at."""
        has_changes = False
        self._watch_parents()
        for job_type in JobType:
            found = tuple(_identified(self._site.present_roots(job_type)))
            before = self._roots.get(job_type)
            if found == before:
                continue
            if before is not None and (not before or set(before) - set(found)):
                self._lost_with_root.update(self._known_jobs(job_type))
            self._notices.watch(root for root, _, _ in found)
            self._roots[job_type] = found  # last: a change that could not be taken in is noticed again
            if not found:
                logger.warning(
                    "the folder of jobs is missing; its jobs stay as they are", job_type=job_type.value
                )
                self._waiting = {key: wait for key, wait in self._waiting.items() if key[0] is not job_type}
            has_changes = has_changes or bool(found)
        return has_changes

    def _watch_parents(self) -> None:
        """Watch the folders above the roots; what was put in one before it was watched is looked at too."""
        while (parents := tuple(_identified(self._site.watched_parents()))) != self._parents:
            self._notices.watch(parent for parent, _, _ in parents)
            self._parents = parents

    async def _rescan(self) -> None:
        """Check every job, to find changes without a notice."""
        for job_type, roots in self._roots.items():
            for root, _, _ in roots:
                for folder_name in await asyncio.to_thread(_folder_names, root):
                    self._consider(job_type, folder_name)
        present = [job_type for job_type, roots in self._roots.items() if roots]
        known = {key for job_type in present for key in self._known_jobs(job_type)}
        for key, snapshot in (
            await asyncio.to_thread(self._check_folder, known - self._waiting.keys())
        ).items():
            self._watch_folders(key, snapshot)
            if self._has_changed(key, _state_of(snapshot)):
                self._waiting.setdefault(key, self._new_wait())
        for key in self._reported_gone.keys() - known:
            del self._reported_gone[key]
        for job_type, folder_name in list(self._refused):
            self._check_refused(job_type, folder_name)

    def _consider(self, job_type: JobType, folder_name: str) -> None:
        key = self._key(job_type, folder_name)
        if key is not None and key not in self._settled:
            self._waiting.setdefault(key, self._new_wait())

    # Jobs that are not at rest

    def _new_wait(self) -> Debounce:
        return Debounce(self._quiet_seconds, self._quiet_seconds / _TICKS)

    def _disturb(self, changed: list[str] | None) -> None:
        """Take in what the kernel has reported; None: reports were lost."""
        if changed is None:
            self._are_notices_lost = True
        for path in changed or ():
            self._disturb_job_of(path)

    def _disturb_job_of(self, path: str) -> None:
        now = time.monotonic()
        for job_type, roots in self._roots.items():
            for root, _, _ in roots:
                if path.startswith(f"{root}/"):
                    folder_name = path[len(str(root)) + 1 :].partition("/")[0]
                    key = self._key(job_type, folder_name)
                    if key is not None:
                        self._waiting.setdefault(key, self._new_wait()).disturb(now)

    def _key(self, job_type: JobType, folder_name: str) -> _Key | None:
        if folder_name.startswith(".") or is_litter(f"{folder_name}/"):
            return None
        try:
            return job_type, parse_job_name(folder_name)
        except InvalidJobName as fault:
            self._check_refused(job_type, folder_name, fault.reason)
            return None

    def _check_refused(self, job_type: JobType, folder_name: str, reason: str = "") -> None:
        """Report a folder whose name no job can have, once, and once when it is gone."""
        is_there = any(os.path.isdir(root / folder_name) for root, _, _ in self._roots[job_type])
        was_there = (job_type, folder_name) in self._refused
        if is_there and not was_there:
            self._refused.add((job_type, folder_name))
            self.reports.put_nowait(NameRefused(job_type, folder_name, reason))
        elif was_there and not is_there:
            self._refused.remove((job_type, folder_name))
            self.reports.put_nowait(NameRefused(job_type, folder_name, ""))

    async def _check_waiting(self) -> None:
        now = time.monotonic()
        due = [key for key, wait in self._waiting.items() if wait.is_due(now)]
        if not due:
            return
        # Writers are found first: one that begins to write later changes what the snapshot contains.
        ending = [key for key in due if self._waiting[key].may_settle(now)]
        held = await asyncio.to_thread(self._being_written, ending)
        snapshots = await asyncio.to_thread(self._check_folder, due)
        if self._check_roots():
            await self._rescan()
        for key in due:
            if key not in self._waiting or not self._roots[key[0]]:
                continue
            self._watch_folders(key, snapshots[key])
            if key in held:
                self._waiting[key].postpone(now + _HELD_SECONDS)
            elif self._waiting[key].observe(_state_of(snapshots[key]), now):
                del self._waiting[key]
                self._settle(key, _state_of(snapshots[key]))

    def _settle(self, key: _Key, look: str) -> None:
        if look != _GONE:
            self._lost_with_root.discard(key)
        if not self._has_changed(key, look):
            return
        job_type, job_name = key
        if look != _GONE:
            self._settled[key] = look
            self.reports.put_nowait(FolderChanged(job_type, job_name))
            return
        if key in self._lost_with_root:
            remove_note(self._site, job_type, job_name)  # first: with its note it would count as removed
            self._lost_with_root.discard(key)
        elif (note := self._note_id(key)) is not None:
            self._reported_gone[key] = note
        self._settled.pop(key, None)
        self.reports.put_nowait(FolderGone(job_type, job_name))

    def _has_changed(self, key: _Key, look: str) -> bool:
        """Whether a job's folder is other than reported last, or gone though a version was installed."""
        if key in self._settled or look != _GONE:
            return look != self._settled.get(key)
        note = self._note_id(key)
        return note is not None and note != self._reported_gone.get(key)

    def _known_jobs(self, job_type: JobType) -> set[_Key]:
        """The jobs that were reported and are not gone, and those that have a note."""
        recorded = {(job_type, JobName(name)) for name in self._site.known_jobs(job_type)}
        return recorded | {key for key in self._settled if key[0] is job_type}

    def _note_id(self, key: _Key) -> _NoteId | None:
        try:
            status = os.stat(self._site.note(*key))
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def _folder(self, key: _Key) -> Path | None:
        places = (root / key[1] for root, _, _ in self._roots[key[0]])
        return next((place for place in places if place.is_symlink() or os.path.isdir(place)), None)

    def _check_folder(self, keys: Iterable[_Key]) -> dict[_Key, Snapshot | None]:
        folders = {key: self._folder(key) for key in keys}
        return {key: None if folder is None else snapshot_folder(folder) for key, folder in folders.items()}

    def _being_written(self, keys: Iterable[_Key]) -> frozenset[_Key]:
        folders = {folder: key for key in keys if (folder := self._folder(key)) is not None}
        written = folders_being_written(folders.keys()) if folders else ()
        return frozenset(folders[folder] for folder in written)

    def _watch_folders(self, key: _Key, snapshot: Snapshot | None) -> None:
        folder = self._folder(key)
        if snapshot is not None and folder is not None:
            self._notices.watch(folder / path for path in snapshot.folders)


def _state_of(snapshot: Snapshot | None) -> str:
    return _GONE if snapshot is None else snapshot.fingerprint


def _identified(roots: Iterable[Path]) -> Iterable[_Root]:
    for root in roots:
        try:
            status = root.stat()
        except OSError:
            continue
        yield root, status.st_dev, status.st_ino


def _folder_names(root: Path) -> list[str]:
    """Folders, and links to folders: these are refused later, with a reason."""
    try:
        with os.scandir(root) as entries:
            return [entry.name for entry in entries if entry.is_dir()]
    except OSError:
        return []
