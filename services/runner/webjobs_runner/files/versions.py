"""The files of a version on this runner: fetched, installed, and copied for those who run them."""

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from webjobs_events.jetstream import Bus
from webjobs_events.job import JobDefinition
from webjobs_rules.errors import FolderRefused
from webjobs_rules.job import JobName, JobType
from webjobs_rules.script_text import may_need_cleaning

from webjobs_runner.deploy_errors import FolderChangedMeanwhile, WrongVersion
from webjobs_runner.files.installed_folders import InstalledFolders
from webjobs_runner.files.job_files import InspectedFolder, Installation, install_version
from webjobs_runner.files.script_file import cleaning_of
from webjobs_runner.files.site import Site
from webjobs_runner.files.working_copy import WorkingCopies

_NOT_IN_PLACE = (
    "The job's folder does not hold the deployed version, so a copy of that version runs instead; "
    "the job's error says what was refused."
)
_CLEANED_COPY = (
    "The script has Windows line ends or a byte order mark, and files in the job's folder are never changed: "
    "a cleaned copy runs instead of the folder. Save the script with Unix line ends to run it in place."
)


@dataclass(frozen=True, slots=True)
class Version:
    """A folder with one complete version of a job's files, to be released after use."""

    folder: Path
    release: Callable[[], None]
    warning: str = ""
    """Why these are not the files in the job's own folder, where the job asks for those."""


class Versions:
    """Versions of jobs on this runner's disk.

    Args:
        installed: What the folders of jobs hold.
        downloads: A folder of the runner's own for packages on their way.
    """

    def __init__(
        self, bus: Bus, site: Site, copies: WorkingCopies, installed: InstalledFolders, downloads: Path
    ) -> None:
        self._bus = bus
        self._site = site
        self._copies = copies
        self._installed = installed
        self._downloads = downloads
        downloads.mkdir(parents=True, exist_ok=True)
        for left_over in downloads.iterdir():
            if left_over.is_dir():
                shutil.rmtree(left_over, ignore_errors=True)
            else:
                left_over.unlink(missing_ok=True)

    async def acquire(self, definition: JobDefinition, *, in_place: bool) -> Version:
        """The version's files for one process: a working copy, or the job's own folder if `in_place`.

        A job's own folder that holds something else, such as an edit that was refused, is not used: what
        runs is always the version that the definition names.

        Raises:
            ObjectNotFound: The version was replaced meanwhile.
            BusUnavailable: The version is not here, and NATS does not answer.
            FolderRefused, PackageDamaged, OutsideSite: The files cannot be had as they are.
        """
        warning = ""
        if in_place:
            if self._installed.holds(definition):
                folder = self._site.job_folder(definition.job_type, definition.job_name)
                script = definition.script
                if not may_need_cleaning(script) or not await asyncio.to_thread(cleaning_of, folder, script):
                    return Version(folder, _nothing)
                warning = _CLEANED_COPY
            else:
                warning = _NOT_IN_PLACE
        job_type, job_name, digest = definition.job_type, definition.job_name, definition.digest
        path = self._copies.reuse(job_type, job_name, digest, definition.script)
        if path is None:
            path = await self._copy(definition)
        return Version(path, partial(self._copies.release, path), warning or self._copies.cleaning(path))

    async def install(self, definition: JobDefinition, decided_on: InspectedFolder) -> Installation:
        """Make the definition's version the content of the job's folder, as it was when that was decided.

        Raises:
            FolderChangedMeanwhile: Another runner of the same site has worked on the folder since then.
            ObjectNotFound: The version was replaced meanwhile.
            BusUnavailable: NATS does not answer.
            PackageDamaged, OutsideSite: It cannot be installed.
        """
        async with self.package(definition.digest) as package:
            return await asyncio.to_thread(
                install_version,
                self._site,
                definition.job_type,
                definition.job_name,
                package,
                definition.digest,
                definition.settings,
                definition.disabled,
                cause=definition.cause,
                decided_on=decided_on,
            )

    @asynccontextmanager
    async def package(self, digest: str) -> AsyncIterator[Path]:
        """A package as a file, for the time of the body.

        Raises:
            ObjectNotFound: There is none of this digest any more.
            BusUnavailable: NATS does not answer.
        """
        path = self.new_path()
        try:
            await self._bus.packages.fetch(digest, path)
            yield path
        finally:
            path.unlink(missing_ok=True)

    def new_path(self) -> Path:
        """An unused path for a file on its way."""
        return self._downloads / secrets.token_hex(8)

    async def _copy(self, definition: JobDefinition) -> Path:
        job_type, job_name, digest = definition.job_type, definition.job_name, definition.digest
        try:
            folder = self._site.job_folder(job_type, job_name)
            return await self._acquire(job_type, job_name, digest, folder, definition.script)
        except (WrongVersion, FolderChangedMeanwhile, FolderRefused, FileNotFoundError, NotADirectoryError):
            # The folder is being edited, or is not installed yet: take the version from its package.
            async with self.package(digest) as package:
                return await self._acquire(job_type, job_name, digest, package, definition.script)

    async def _acquire(
        self, job_type: JobType, job_name: JobName, digest: str, source: Path, script: str
    ) -> Path:
        """A working copy made in a thread; when the caller is cancelled meanwhile it is given back."""
        copying = asyncio.ensure_future(
            asyncio.to_thread(self._copies.acquire, job_type, job_name, digest, source, script)
        )
        try:
            return await asyncio.shield(copying)
        except asyncio.CancelledError:
            copying.add_done_callback(self._give_back)
            raise

    def _give_back(self, copying: "asyncio.Future[Path]") -> None:
        if not copying.cancelled() and copying.exception() is None:
            self._copies.release(copying.result())


def _nothing() -> None:
    """The job's own folder needs no release."""
