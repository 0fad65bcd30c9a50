"""Builds environments: beside their place, put there at one stroke, each once on a host."""

import asyncio
import logging
import time
from pathlib import Path
from typing import Protocol

from webjobs_rules.dependencies.environment_key import Interpreter
from webjobs_rules.dependencies.vocabulary import PreparationStage, ReportProgress
from webjobs_rules.errors import DependenciesRefused

from webjobs_environments.contents import contents_of, protect
from webjobs_environments.file_locks import locked
from webjobs_environments.folder_swap import flush_disk, swap_folders
from webjobs_environments.folders import EnvironmentFolders, Marker, delete

_MEGABYTE = 1024 * 1024
_log = logging.getLogger("webjobs.environments")


class Installer(Protocol):
    """Installs the packages of a lock."""

    async def install(
        self, lock: str, source: str, interpreter: Interpreter, folder: Path, report: ReportProgress
    ) -> int:
        """Fill a folder that does not exist; returns how many packages are in it."""
        ...


class Builder:
    """Builds environments from locks.

    Args:
        folders: Where they lie.
        installer: Installs packages.
        largest_bytes: That one environment may have.
    """

    def __init__(self, folders: EnvironmentFolders, installer: Installer, largest_bytes: int) -> None:
        self._folders = folders
        self._installer = installer
        self._largest_bytes = largest_bytes

    async def build(
        self,
        key: str,
        lock: str,
        lock_digest: str,
        source: str,
        interpreter: Interpreter,
        report: ReportProgress,
    ) -> tuple[Marker, bool]:
        """Build an environment unless it is there and whole; returns its marker, and whether it was there.

        Raises:
            DependenciesRefused, DependenciesUnavailable: It cannot be built; nothing of it is left.
            OSError: The disk is full, or does not work.
        """
        folders = self._folders
        await asyncio.to_thread(folders.root.mkdir, parents=True, exist_ok=True)
        async with locked(folders.build_lock(key)), locked(folders.cache_lock, shared=True):
            marker = await asyncio.to_thread(self.whole, key)
            if marker is not None:
                folders.use_lock(key).touch()
                return marker, True
            for leftover in folders.root.glob(f"{folders.temporary_prefix(key)}*"):  # of a killed build
                await asyncio.to_thread(delete, leftover)
            started = time.monotonic()
            temporary = folders.new_temporary(key)
            try:
                packages = await self._installer.install(lock, source, interpreter, temporary, report)
                await asyncio.to_thread(protect, temporary)
                contents = await asyncio.to_thread(contents_of, temporary)
                if contents.bytes > self._largest_bytes:
                    size, limit = contents.bytes // _MEGABYTE, self._largest_bytes // _MEGABYTE
                    raise DependenciesRefused(
                        PreparationStage.INSTALL,
                        f"The packages of {source} have {size:,} MB; the limit is {limit:,} MB "
                        "(WEBJOBS_ENVIRONMENT_LIMIT_MB). Declare fewer packages.",
                    )
                marker = Marker(
                    lock_digest=lock_digest,
                    interpreter=interpreter,
                    packages=packages,
                    contents=contents,
                    seconds=round(time.monotonic() - started, 3),
                )
                await asyncio.to_thread(self._put_in_place, key, temporary, marker)
            finally:
                await asyncio.to_thread(delete, temporary)
            installed = "1 package is" if packages == 1 else f"{packages} packages are"
            report(PreparationStage.CHECK, f"{installed} installed")
            return marker, False

    def whole(self, key: str) -> Marker | None:
        """The marker of an environment that is as it was built; None when it is missing or damaged."""
        marker = self._folders.read_marker(key)
        folder = self._folders.folder(key)
        if marker is None or not (folder / self._folders.program).exists():
            return None
        try:
            now = contents_of(folder)
        except OSError as error:
            _log.error("environment %s cannot be read; it is built again: %s", key, error)
            return None
        if now != marker.contents:
            _log.error(
                "environment %s was changed since it was built (%+d files, %+d bytes); it is built again",
                key,
                now.files - marker.contents.files,
                now.bytes - marker.contents.bytes,
            )
            return None
        return marker

    def _put_in_place(self, key: str, temporary: Path, marker: Marker) -> None:
        """Make a finished folder the environment; what a crash or a script has left there goes."""
        flush_disk(temporary)
        folder = self._folders.folder(key)
        temporary.chmod(0o755)  # a folder that is moved must be writable
        if folder.exists():
            # Scripts that use the damaged one find the same files in the new one, at every moment.
            folder.chmod(0o755)
            if not swap_folders(temporary, folder):
                self._folders.discard(folder)
                temporary.rename(folder)
        else:
            temporary.rename(folder)
        folder.chmod(0o555)
        self._folders.write_marker(key, marker)
