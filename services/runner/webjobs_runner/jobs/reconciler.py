"""Brings this runner's job folders, and its continuous jobs, to what the definitions say, and back."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from webjobs_events.errors import BusUnavailable, RevisionConflict
from webjobs_events.jetstream import Bus, Definitions, JobKey, Listener, ObjectNotFound
from webjobs_events.job import JobDefinition
from webjobs_events.subjects import Subjects
from webjobs_rules.errors import DependenciesUnavailable, FolderRefused, WebJobsError
from webjobs_rules.job import JobName
from webjobs_rules.trace import Trace
from webjobs_service.lifetime import cancel_all

from webjobs_runner.deploy_errors import FolderChangedMeanwhile, JobsFolderMissing, OutsideSite
from webjobs_runner.domain.folder_diff import DropAction, KnownContent, decide_drop, decide_drop_of_unreadable
from webjobs_runner.files.drop_reports import NameRefused
from webjobs_runner.files.file_drop import FileDropWatcher
from webjobs_runner.files.folder_walk import Snapshot, snapshot_folder
from webjobs_runner.files.in_place import InPlaceFiles, runs_in_place
from webjobs_runner.files.installed_folders import InstalledFolders
from webjobs_runner.files.job_files import (
    InspectedFolder,
    apply_settings,
    forget_version,
    inspect_folder,
    note_definition,
    remove_job,
)
from webjobs_runner.files.site import Site
from webjobs_runner.files.versions import Versions
from webjobs_runner.jobs.folder_drops import FolderDrops
from webjobs_runner.jobs.refusals import Refusals
from webjobs_runner.log import logger

_SLOTS = 8  # jobs worked at at the same time: each may hold a package's piece in memory
_RETRY_DELAY = 1.0  # seconds; it doubles while a package is missing, of which few come back
_MOST_DOUBLINGS = 8
_MISSES_TO_WARN = 5
_FAILURE_DELAY = 30.0  # seconds
_DROPPED_HERE = frozenset(
    {DropAction.DEPLOY, DropAction.CHANGE_SETTINGS, DropAction.ENABLE_OR_DISABLE, DropAction.REMOVE}
)

_CONVERGENCE_PATIENCE = 5.0  # seconds that a reply waits for the files of this runner


class Reconciler:
    """One job at a time is brought in line, whichever side has changed.

    What a person does in a folder counts only once the folder is at rest, as the watcher reports;
    what a definition says is applied at once.
    """

    def __init__(
        self,
        bus: Bus,
        site: Site,
        definitions: Definitions,
        drops: FolderDrops,
        versions: Versions,
        watcher: FileDropWatcher,
        in_place: InPlaceFiles,
        installed: InstalledFolders,
        refusals: Refusals,
    ) -> None:
        self._bus = bus
        self._site = site
        self._definitions = definitions
        self._drops = drops
        self._versions = versions
        self._watcher = watcher
        self._in_place = in_place
        self._installed = installed
        self._refusals = refusals
        self._listeners: list[Listener] = []
        self._due: dict[JobKey, bool] = {}  # job → whether its folder is at rest
        self._refused: dict[JobKey, str] = {}  # why the folder as it was last seen at rest was refused
        self._untaken: dict[JobKey, bool] = {}  # jobs whose edit could not be taken → whether it is older
        self._traces: dict[JobKey, Trace] = {}  # of requests that wait for a job's folder to be taken
        self._working: dict[JobKey, asyncio.Task[None]] = {}
        self._pauses: dict[JobKey, asyncio.Event] = {}  # ended by `_wake`
        self._is_open = True
        self._slots = asyncio.Semaphore(_SLOTS)
        definitions.on_change(lambda key, _: self._definition_changed(key))

    def on_definition(self, listener: Listener) -> None:
        """Call this with each definition once its files are here, and with None once they are gone."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Follow the folders until cancelled; what is half done then is completed at the next start.

        Definitions are followed from the moment they are received.
        """
        for key in self._refusals.own():  # of an earlier start: the folder may be gone since then
            self._wake((key[0], JobName(key[1])), at_rest=False)
        try:
            while True:
                report = await self._watcher.reports.get()
                if isinstance(report, NameRefused):
                    await self._refuse_name(report)
                else:
                    self._folder_changed((report.job_type, report.job_name))
        finally:
            self._is_open = False
            await cancel_all(*self._working.values())

    async def reconcile_now(self, key: JobKey, trace: Trace | None = None) -> None:
        """Take what a job's folder holds now for the person's last word, and wait until that is done.

        Events about it belong to `trace`, that of the request that changed the files.
        """
        if trace is not None:
            self._traces[key] = trace
        try:
            self._folder_changed(key)
            await self.settled(key)
        finally:
            if self._traces.get(key) is trace:
                self._traces.pop(key, None)

    def refusal_of(self, key: JobKey) -> str:
        """Why a job's folder was refused when it was last reconciled; empty when it was not."""
        return self._refused.get(key, "")

    async def settled(self, key: JobKey) -> None:
        """Wait until nothing is due for a job."""
        while (task := self._working.get(key)) is not None:
            await asyncio.wait({task})

    async def follow(self, key: JobKey, revision: int) -> None:
        """Wait until this runner's files of a job are those of a revision, if they are so soon."""
        try:
            async with asyncio.timeout(_CONVERGENCE_PATIENCE):
                await self._definitions.reached(revision)
                await self.settled(key)
        except TimeoutError:
            logger.debug("answer sent before the files followed", job=key[1])

    def _definition_changed(self, key: JobKey) -> None:
        if key in self._untaken:
            self._untaken[key] = True
        self._wake(key, at_rest=False)

    def _folder_changed(self, key: JobKey) -> None:
        self._untaken.pop(key, None)
        self._wake(key, at_rest=True)

    def _wake(self, key: JobKey, *, at_rest: bool) -> None:
        if not self._is_open:
            return
        self._due[key] = self._due.get(key, False) or at_rest
        if (pause := self._pauses.get(key)) is not None:
            pause.set()
        if key not in self._working:
            self._working[key] = asyncio.create_task(self._work(key), name=f"reconcile {key}")

    async def _work(self, key: JobKey) -> None:
        misses = 0
        try:
            while (at_rest := self._due.pop(key, None)) is not None:
                try:
                    async with self._slots:
                        await self._reconcile(key, at_rest)
                    if at_rest or self._untaken.get(key):
                        self._untaken.pop(key, None)
                except (BusUnavailable, RevisionConflict, ObjectNotFound, FolderChangedMeanwhile) as error:
                    misses = misses + 1 if isinstance(error, ObjectNotFound) else 0
                    self._due[key] = at_rest or self._due.get(key, False)
                    await self._pause(key, misses, error)
                except Exception as error:
                    self._fail(key, at_rest, error)
        finally:
            del self._working[key]  # here and at once: `_wake` must find either this task or none

    async def _pause(self, key: JobKey, misses: int, error: WebJobsError) -> None:
        """Wait, at most until `_wake`: a thousand missing packages may cost next to nothing."""
        delay = _RETRY_DELAY * 2 ** min(_MOST_DOUBLINGS, max(0, misses - 1))
        report = logger.warning if misses == _MISSES_TO_WARN else logger.debug
        report("job is reconciled later", job=key[1], error=str(error), seconds=delay)
        if misses == _MISSES_TO_WARN:
            with suppress(BusUnavailable):
                await self._refusals.put(*key, f"{error} Deploy the job again.")
        pause = self._pauses[key] = asyncio.Event()
        try:
            async with asyncio.timeout(delay):
                await pause.wait()
        except TimeoutError:
            pass
        finally:
            del self._pauses[key]

    def _fail(self, key: JobKey, at_rest: bool, error: Exception) -> None:
        """Go on with the files as they are, and try again later."""
        if isinstance(error, WebJobsError | OSError):
            logger.error("job cannot be brought in line", job=key[1], error=str(error))
        else:
            logger.error("job cannot be brought in line", job=key[1], exc_info=error)
        self._publish(key, self._definitions.get(*key))
        if at_rest:
            self._untaken.setdefault(key, False)
        loop = asyncio.get_running_loop()
        loop.call_later(_FAILURE_DELAY, lambda: self._wake(key, at_rest=at_rest))

    def _publish(self, key: JobKey, definition: JobDefinition | None) -> None:
        if definition is None:
            if self._definitions.fault_of(key) is not None:
                return  # it is not gone: what runs of it goes on
            self._installed.forget(key)
        for listener in self._listeners:
            listener(key, definition)

    async def _refuse_name(self, report: NameRefused) -> None:
        if report.reason:
            logger.error("a folder is no job", folder=report.folder_name, reason=report.reason)
        reason = f"No job can be named {report.folder_name!r}: {report.reason}." if report.reason else ""
        try:
            await self._refusals.put(report.job_type, report.folder_name, reason)
        except BusUnavailable as error:
            logger.warning("refused folder not published", folder=report.folder_name, error=str(error))

    async def _reconcile(self, key: JobKey, at_rest: bool) -> None:
        try:
            refused = await self._reconcile_job(key, at_rest)
        except DependenciesUnavailable as error:
            await self._refusals.put(*key, str(error))
            raise
        if refused is not None:
            self._refused.pop(key, None)
            if refused:
                self._refused[key] = refused
            await self._refusals.put(*key, refused)

    async def _reconcile_job(self, key: JobKey, at_rest: bool) -> str | None:
        """Returns why the folder was refused, empty when it was not; None while that is not known."""
        job_type, job_name = key
        definition = self._definitions.get(job_type, job_name)
        try:
            inspected = await asyncio.to_thread(inspect_folder, self._site, job_type, job_name)
        except JobsFolderMissing:
            return None  # a share may be away for a moment: that takes no job away
        except (FolderRefused, OutsideSite) as error:
            if at_rest:
                self._drops.refuse(key, "unreadable", str(error), self._traces.get(key))
                await self._record_refusal(key)
            self._publish(key, definition)
            return str(error) if at_rest else None
        was_deleted = definition is None and await self._bus.jobs.was_removed(
            Subjects.definition_key(job_type, job_name)
        )
        known = inspected.note.known if inspected.note else None
        inspected = await self._without_additions(key, definition, known, inspected)
        is_edit_older = self._untaken.get(key, False)
        drop = decide_drop(inspected.content, known, definition, was_deleted, is_edit_older)
        if definition is None and self._definitions.fault_of(key) is not None:
            drop = decide_drop_of_unreadable(inspected.content, known)
        settings_fault = str(inspected.settings_fault or "")
        if at_rest and settings_fault:
            await self._drops.refuse_settings(key, inspected.settings_version, settings_fault)
        if drop.action in _DROPPED_HERE:
            if was_deleted:
                self._publish(key, None)
            if not at_rest:
                return None
            refused = await self._drops.take(key, inspected, drop, self._traces.get(key))
            if refused and self._definitions.get(*key) is not None:
                self._installed.record_refusal(key, inspected.snapshot)
                self._publish(key, self._definitions.get(*key))  # the version before goes on
            return refused or settings_fault
        folder, snapshot = inspected.folder, inspected.snapshot
        if drop.action is DropAction.CONVERGE:
            folder, snapshot = await self._converge(key, inspected, definition)
        elif definition is not None and (known is None or not known.agrees_with(definition)):
            await asyncio.to_thread(note_definition, self._site, definition, inspected)
        if definition is not None and runs_in_place(definition):
            await asyncio.to_thread(self._in_place.remember, definition, folder)
        if definition is not None and snapshot is not None:
            await self._installed.record(definition, folder, snapshot)
        self._publish(key, definition)
        return settings_fault if at_rest or not settings_fault else None

    async def _record_refusal(self, key: JobKey) -> None:
        try:
            folder = await asyncio.to_thread(self._site.job_folder, *key)
        except OutsideSite:
            return
        self._installed.record_refusal(key, await asyncio.to_thread(snapshot_folder, folder))

    async def _without_additions(
        self,
        key: JobKey,
        definition: JobDefinition | None,
        known: KnownContent | None,
        inspected: InspectedFolder,
    ) -> InspectedFolder:
        """The folder without what its own job, running in it, has put beside the version's files."""
        content = inspected.content
        if known is None or content is None or content.digest in known.digests:
            return inspected
        if definition is not None and not runs_in_place(definition):
            return inspected
        beneath = await asyncio.to_thread(
            self._in_place.version_beneath, key, inspected.folder, known.digests
        )
        return replace(inspected, content=replace(content, digest=beneath)) if beneath else inspected

    async def _converge(
        self, key: JobKey, inspected: InspectedFolder, definition: JobDefinition | None
    ) -> tuple[Path, Snapshot | None]:
        """Make the folder say what the definition says; returns it, and how it looks then."""
        job_type, job_name = key
        if definition is None:
            self._publish(key, None)
            if inspected.content is None and inspected.folder.is_dir():  # a person has emptied it
                await asyncio.to_thread(forget_version, self._site, job_type, job_name)
            else:
                await asyncio.to_thread(remove_job, self._site, job_type, job_name, False)
            return inspected.folder, None
        if inspected.content is None or inspected.content.digest != definition.digest:
            installation = await self._versions.install(definition, inspected)
            return installation.folder, installation.snapshot
        snapshot = await asyncio.to_thread(
            apply_settings,
            self._site,
            job_type,
            job_name,
            definition.settings,
            definition.disabled,
            cause=definition.cause,
        )
        return inspected.folder, snapshot
