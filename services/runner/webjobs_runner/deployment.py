"""Makes a folder of files a job's new version, and changes definitions: each change is one event."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from webjobs_events.errors import BusUnavailable
from webjobs_events.events import (
    Deleted,
    Deployed,
    DeployFailed,
    Disabled,
    Enabled,
    JobChanged,
    Removed,
    SettingsChanged,
)
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobDefinition, JobName, JobType

from webjobs_runner.definitions import Definitions
from webjobs_runner.domain.script import ChosenScript, choose_script, script_folder
from webjobs_runner.instance import Instance
from webjobs_runner.log import logger
from webjobs_runner.outbox import Outbox
from webjobs_runner.package import Manifest, scan_folder, write_package
from webjobs_runner.script_start import ScriptStarter
from webjobs_runner.versions import Versions

_SUPERSEDED_SECONDS = 60.0  # that a package outlives its last definition, for runners that lag behind


@dataclass(frozen=True, slots=True)
class Packaged:
    """A folder that is ready to become a version: its package is stored."""

    digest: str
    script: str
    host: str


class Deployment:
    """Changes definitions; every change that is written is one event."""

    def __init__(
        self,
        bus: Bus,
        instance: Instance,
        definitions: Definitions,
        outbox: Outbox,
        starter: ScriptStarter,
        versions: Versions,
    ) -> None:
        self._bus = bus
        self._instance = instance
        self._definitions = definitions
        self._outbox = outbox
        self._starter = starter
        self._versions = versions
        self._superseded: dict[str, float] = {}  # digest → monotonic instant

    async def package(self, folder: Path) -> Packaged:
        """Choose the folder's script and store its package.

        Raises:
            NoRunnableScript, MissingInterpreter: It has no script this runner could run.
            FolderRefused, FolderChangedMeanwhile: It cannot be read whole.
            BusUnavailable: NATS does not answer.
        """
        manifest = await asyncio.to_thread(scan_folder, folder)
        chosen, prefix = self._choose(manifest)
        digest = manifest.digest
        if not await self._bus.packages.exists(digest):
            path = self._versions.new_path()
            try:
                await asyncio.to_thread(write_package, folder, manifest, path)
                with path.open("rb") as file:
                    await self._bus.packages.put(digest, file)
            finally:
                path.unlink(missing_ok=True)
        return Packaged(digest, prefix + chosen.file_name, chosen.host.name)

    def _choose(self, manifest: Manifest) -> tuple[ChosenScript, str]:
        paths = [file.path for file in manifest.files]
        folder = script_folder([*paths, *(f"{path}/" for path in manifest.empty_folders)])
        prefix = f"{folder}/" if folder else ""
        names = [path[len(prefix) :] for path in paths if path.startswith(prefix)]
        at_root = [name for name in names if "/" not in name]
        return choose_script(at_root, self._starter.hosts, self._starter.is_available), prefix

    async def deploy(
        self,
        job_type: JobType,
        job_name: JobName,
        packaged: Packaged,
        *,
        cause: str,
        settings: Mapping[str, Any] | None,
        disabled: bool | None,
    ) -> tuple[JobDefinition, int]:
        """Make a package the job's version; a repeat with the same cause changes nothing.

        Args:
            job_type: Of the job.
            job_name: Of the job.
            packaged: Its new files.
            cause: Id of the command, or of the drop.
            settings: New content of `settings.job`; None keeps what the definition says.
            disabled: Whether it is disabled; None keeps what the definition says.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        before: list[JobDefinition] = []

        def decide(now: JobDefinition | None) -> JobDefinition | None:
            before[:] = [now] if now else []
            if now is not None and now.cause == cause and now.digest == packaged.digest:
                return None
            kept = now.settings if now else {}
            return JobDefinition(
                job_type=job_type,
                job_name=job_name,
                digest=packaged.digest,
                script=packaged.script,
                script_host=packaged.host,
                settings=dict(kept if settings is None else settings),
                disabled=(now.disabled if now else False) if disabled is None else disabled,
                changed_at=datetime.now(UTC),
                changed_by=self._instance.id,
                cause=cause,
            )

        written = await self._definitions.change(job_type, job_name, decide)
        assert written is not None
        definition, revision, _ = written
        self._tell(Deployed, definition, revision)
        if before and before[0].digest != packaged.digest:
            self._superseded[before[0].digest] = time.monotonic()
        return definition, revision

    async def change_settings(
        self,
        job_type: JobType,
        job_name: JobName,
        settings: Mapping[str, Any],
        *,
        cause: str,
        disabled: bool | None = None,
    ) -> int | None:
        """Replace a job's settings; answers the revision, None when there is no such job.

        Raises:
            BusUnavailable: NATS does not answer.
        """

        def decide(now: JobDefinition) -> JobDefinition:
            return replace(
                now, settings=dict(settings), disabled=now.disabled if disabled is None else disabled
            )

        return await self._revise(job_type, job_name, decide, SettingsChanged, cause)

    async def set_disabled(
        self, job_type: JobType, job_name: JobName, disabled: bool, *, cause: str
    ) -> int | None:
        """Disable or enable a job; answers the revision, None when there is no such job.

        Raises:
            BusUnavailable: NATS does not answer.
        """

        def decide(now: JobDefinition) -> JobDefinition:
            return replace(now, disabled=disabled)

        return await self._revise(job_type, job_name, decide, Disabled if disabled else Enabled, cause)

    async def _revise(
        self,
        job_type: JobType,
        job_name: JobName,
        decide: Callable[[JobDefinition], JobDefinition],
        event_type: type[JobChanged],
        cause: str,
    ) -> int | None:
        def changed(now: JobDefinition | None) -> JobDefinition | None:
            if now is None or decide(now) == now or now.cause == cause:
                return None
            return replace(
                decide(now), changed_at=datetime.now(UTC), changed_by=self._instance.id, cause=cause
            )

        written = await self._definitions.change(job_type, job_name, changed)
        if written is None:
            return None
        definition, revision, is_new = written
        if is_new or definition.cause == cause:
            self._tell(event_type, definition, revision)
        return revision

    async def remove(
        self, job_type: JobType, job_name: JobName, event_type: type[Removed] | type[Deleted], *, cause: str
    ) -> int | None:
        """Remove a job's definition; answers the revision of the removal, None when there was none.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        known = await self._definitions.current(job_type, job_name)
        revision = await self._definitions.remove(job_type, job_name)
        if revision is None:
            return None
        self._outbox.add(
            event_type(
                at=datetime.now(UTC),
                instance=self._instance.id,
                job_type=job_type,
                job_name=job_name,
                revision=revision,
                cause=cause,
            )
        )
        if known is not None:
            self._superseded[known[0].digest] = time.monotonic()
        return revision

    def tell_failure(self, job_type: JobType, job_name: JobName, cause: str, reason: str) -> None:
        """Tell that an upload or a dropped folder was refused."""
        self._outbox.add(
            DeployFailed(
                at=datetime.now(UTC),
                instance=self._instance.id,
                job_type=job_type,
                job_name=job_name,
                revision=0,
                cause=cause,
                reason=reason[:2000],
            )
        )

    def _tell(self, event_type: type[JobChanged], definition: JobDefinition, revision: int) -> None:
        self._outbox.add(
            event_type(
                at=definition.changed_at,
                instance=self._instance.id,
                job_type=definition.job_type,
                job_name=definition.job_name,
                revision=revision,
                cause=definition.cause,
                digest=definition.digest,
                script=definition.script,
                settings=definition.settings,
                disabled=definition.disabled,
            )
        )

    async def run(self) -> None:
        """Remove packages that no definition has used for a while, until cancelled."""
        while True:
            await asyncio.sleep(_SUPERSEDED_SECONDS)
            for digest, since in list(self._superseded.items()):
                if time.monotonic() - since >= _SUPERSEDED_SECONDS:
                    del self._superseded[digest]
                    await self._forget_package(digest)

    async def _forget_package(self, digest: str) -> None:
        """Remove a package unless a definition uses it (again); a failure leaves a harmless object behind."""
        if any(definition.digest == digest for _, definition in self._definitions.all()):
            return
        try:
            await self._bus.packages.delete(digest)
        except BusUnavailable as error:
            logger.debug("package left behind", digest=digest, error=str(error))
