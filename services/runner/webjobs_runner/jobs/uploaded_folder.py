"""Makes a folder of files of what was uploaded."""

import asyncio
import shutil
from pathlib import Path

from webjobs_events.commands import DeployJob, UploadKind
from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Definitions, ObjectNotFound
from webjobs_rules.archive_entries import UploadLimits
from webjobs_rules.left_out import LeftOut

from webjobs_runner.files.package import unpack_package
from webjobs_runner.files.upload import place_archive, place_merged, place_script
from webjobs_runner.files.versions import Versions


class UploadedFolders:
    """Unpacks uploads, each in a folder of its own."""

    def __init__(self, definitions: Definitions, versions: Versions, limits: UploadLimits) -> None:
        self._definitions = definitions
        self._versions = versions
        self._limits = limits

    def new_paths(self) -> tuple[Path, Path]:
        """Returns the paths of an upload and of its folder, neither of which exists."""
        work = self._versions.new_path()
        return work.with_suffix(".upload"), work.with_suffix(".folder")

    async def place(self, command: DeployJob, upload: Path, folder: Path) -> list[LeftOut]:
        """Make the upload a folder of files; returns what was left out.

        Raises:
            BadUpload: With what to fix.
            FolderRefused: The present version cannot be laid under it.
            BusUnavailable: NATS does not answer, or the package of that version is being replaced.
        """
        if command.kind is UploadKind.SCRIPT:
            await asyncio.to_thread(place_script, upload, command.file_name or "", folder)
            return []
        if command.kind is UploadKind.PACKAGE:
            await asyncio.to_thread(unpack_package, upload, folder)
            return []
        if command.kind is UploadKind.ZIP:
            return await asyncio.to_thread(place_archive, upload, folder, self._limits)
        return await self._place_merged(command, upload, folder)

    async def _place_merged(self, command: DeployJob, upload: Path, folder: Path) -> list[LeftOut]:
        """Lay the upload over the present version; returns what was left out.

        Raises:
            BusUnavailable: The version's package is being replaced; try again.
        """
        found = await self._definitions.current(command.job_type, command.job_name)
        if found is None:
            return await asyncio.to_thread(place_merged, upload, None, folder, self._limits)
        current = folder.with_suffix(".current")
        try:
            async with self._versions.package(found[0].digest) as package:
                await asyncio.to_thread(unpack_package, package, current)
            return await asyncio.to_thread(place_merged, upload, current, folder, self._limits)
        except ObjectNotFound as error:
            raise BusUnavailable("fetching the present version", str(error)) from error
        finally:
            await asyncio.to_thread(shutil.rmtree, current, True)
