"""The stored packages: put there before a definition names them, removed a while after the last one did."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from webjobs_events.errors import BusUnavailable, WebJobsError
from webjobs_events.jetstream import Bus, Definitions

from webjobs_runner.files.manifest import Manifest
from webjobs_runner.files.package import scan_folder, write_package
from webjobs_runner.files.site import Site
from webjobs_runner.files.versions import Versions
from webjobs_runner.log import logger

KEEP_SECONDS = 60.0  # that a package outlives its last definition, for runners that lag behind

SWEEP_SECONDS = 3600.0  # between sweeps, and the age of what they take


class PackageStore:
    """Packages in the object store, by digest."""

    def __init__(self, bus: Bus, definitions: Definitions, versions: Versions) -> None:
        self._bus = bus
        self._definitions = definitions
        self._versions = versions
        self._superseded: dict[str, float] = {}  # digest → monotonic instant

    async def store(self, folder: Path, manifest: Manifest) -> None:
        """Store the package of a folder, unless it is stored.

        Raises:
            FolderChangedMeanwhile: The folder is not what the manifest says any more.
            BusUnavailable: NATS does not answer.
        """
        if await self._bus.packages.exists(manifest.digest):
            return
        path = self._versions.new_path()
        try:
            await asyncio.to_thread(write_package, folder, manifest, path)
            with path.open("rb") as file:
                await self._bus.packages.put(manifest.digest, file)
        finally:
            path.unlink(missing_ok=True)

    async def store_missing(self, site: Site) -> None:
        """Store the packages that definitions name and the store lacks, from the folders of their jobs.

        The store may have been deleted and created again. A folder that differs from its definition is left
        alone: its edit becomes a version of its own.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        stored = await self._bus.packages.listed()
        for (job_type, job_name), definition in self._definitions.all():
            if definition.digest in stored:
                continue
            try:
                folder = site.job_folder(job_type, job_name)
                manifest = await asyncio.to_thread(scan_folder, folder)
                if manifest.digest != definition.digest:
                    logger.warning("package is missing; the job's folder differs from it", job=job_name)
                    continue
                await self.store(folder, manifest)
                logger.warning("missing package stored again", job=job_name, digest=definition.digest)
            except (WebJobsError, OSError) as error:
                if isinstance(error, BusUnavailable):
                    raise
                logger.warning("package is missing and was not stored again", job=job_name, error=str(error))

    def supersede(self, digest: str) -> None:
        """A definition stopped using a package."""
        self._superseded[digest] = time.monotonic()

    async def run(self) -> None:
        """Remove packages that no definition has used for a while, until cancelled.

        What was left behind, by a runner that was killed or an upload whose sender gave up, goes at start
        and every hour.
        """
        sweep_at = time.monotonic()
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            now = time.monotonic()
            for digest, since in list(self._superseded.items()):
                if now - since >= KEEP_SECONDS:
                    del self._superseded[digest]
                    await self._forget(digest)
            if now >= sweep_at:
                sweep_at = now + SWEEP_SECONDS
                await self._sweep()

    async def _sweep(self) -> None:
        """Remove what is old and unused: packages and uploads alike."""
        try:
            for name, stored_at in (await self._bus.packages.listed()).items():
                if datetime.now(UTC) - stored_at > timedelta(seconds=SWEEP_SECONDS):
                    await self._forget(name)
        except BusUnavailable as error:
            logger.debug("packages not swept", error=str(error))

    async def _forget(self, name: str) -> None:
        """Remove an object unless a definition uses it (again); a failure leaves it until the next sweep."""
        if any(definition.digest == name for _, definition in self._definitions.all()):
            return
        try:
            await self._bus.packages.delete(name)
        except BusUnavailable as error:
            logger.debug("object left behind", name=name, error=str(error))
