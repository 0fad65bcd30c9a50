"""The stored packages: put there before a definition names them, removed a while after the last one did."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus, Definitions, LiveSettings
from webjobs_events.job import JobDefinition, JobVersion
from webjobs_rules.app_settings import MAX_KEPT_VERSIONS
from webjobs_rules.errors import WebJobsError

from webjobs_runner.domain.version_list import with_version
from webjobs_runner.files.manifest import Manifest
from webjobs_runner.files.package import scan_folder, write_package
from webjobs_runner.files.site import Site
from webjobs_runner.files.versions import Versions
from webjobs_runner.log import logger

KEEP_SECONDS = 60.0  # that a package outlives its last definition, for runners that lag behind

KEPT_VERSIONS = "WEBJOBS_KEPT_VERSIONS"

_DEFAULT_KEPT = 10  # of a job, the present one included

SWEEP_SECONDS = 3600.0  # between sweeps, and the age of what they take


class PackageStore:
    """Packages in the object store, by digest."""

    def __init__(
        self, bus: Bus, definitions: Definitions, versions: Versions, settings: LiveSettings
    ) -> None:
        self._bus = bus
        self._definitions = definitions
        self._versions = versions
        self._settings = settings
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

    def versions_of(self, now: JobDefinition | None, new: JobVersion) -> list[JobVersion]:
        """The versions of a job after a deployment, as many with their packages as the setting says."""
        most = self._settings.integer(KEPT_VERSIONS, _DEFAULT_KEPT, least=1)
        return with_version(now.known_versions if now else [], new, min(most, MAX_KEPT_VERSIONS))

    def supersede(self, before: JobDefinition, after: JobDefinition | None = None) -> None:
        """A definition was replaced, or removed: it stopped using some packages."""
        unused = before.kept_objects - (after.kept_objects if after else frozenset())
        self._superseded |= dict.fromkeys(unused, time.monotonic())

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
            stored = await self._bus.packages.listed()
            used = self._used()
            for name, stored_at in stored.items():
                if name not in used and datetime.now(UTC) - stored_at > timedelta(seconds=SWEEP_SECONDS):
                    await self._forget(name)
        except BusUnavailable as error:
            logger.debug("packages not swept", error=str(error))

    async def _forget(self, name: str) -> None:
        """Remove an object unless a definition uses it (again); a failure leaves it until the next sweep."""
        if name in self._used():
            return
        try:
            await self._bus.packages.delete(name)
        except BusUnavailable as error:
            logger.debug("object left behind", name=name, error=str(error))

    def _used(self) -> frozenset[str]:
        """The digests of all packages and locks that a definition uses."""
        return frozenset[str]().union(*(each.kept_objects for _, each in self._definitions.all()))
