"""Prepares the dependencies of a version that is about to be deployed."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webjobs_environments.folders import delete
from webjobs_environments.language import Languages
from webjobs_events.jetstream import Definitions
from webjobs_events.job import JobDefinition, JobDependencies
from webjobs_rules.dependencies.declaration import LARGEST_INPUT, Declaration, find_declaration, input_digest
from webjobs_rules.dependencies.environment_key import digest_of
from webjobs_rules.dependencies.policy import DependencyPolicy
from webjobs_rules.dependencies.unread import unread_declarations
from webjobs_rules.dependencies.vocabulary import PreparationStage, ReportProgress
from webjobs_rules.errors import (
    DependenciesRefused,
    DependenciesUnavailable,
    FolderRefused,
    InvalidJobSettings,
)
from webjobs_rules.job import JobName, JobType
from webjobs_rules.job_settings import DependencySwitch, read_job_settings
from webjobs_rules.trace import Trace

from webjobs_runner.environments.environments import Environments
from webjobs_runner.environments.report import EnvironmentsState
from webjobs_runner.files.manifest import Manifest
from webjobs_runner.files.package import read_file


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpreparedVersion:
    """The files of a job whose dependencies are not prepared.

    Attributes:
        job_type: Of the job.
        job_name: Of the job.
        folder: The files.
        manifest: What they are.
        script: The chosen script.
        settings: Of the job, as it is deployed.
        now: The definition that the new one replaces; None: there is none.
        cause: Id of the command, or of the drop.
        trace: To which the events belong; None: one is derived from `cause`.
        upgrade: Whether versions of packages are chosen although a lock is known.
    """

    job_type: JobType
    job_name: JobName
    folder: Path
    manifest: Manifest
    script: str
    settings: Mapping[str, Any]
    now: JobDefinition | None
    cause: str
    trace: Trace | None
    upgrade: bool = False


@dataclass(frozen=True, slots=True)
class PreparedDependencies:
    """What a definition says of its dependencies, None when it has none; warnings about them; the lock."""

    dependencies: JobDependencies | None = None
    warnings: Sequence[str] = ()
    lock: str = ""


class Preparations:
    """Prepares dependencies before a definition names them.

    Args:
        is_on: False: no job gets dependencies (WEBJOBS_DEPENDENCIES).
        scratch: A folder of the runner's own.
        state: What the heartbeat says of environments.
    """

    def __init__(
        self,
        definitions: Definitions,
        environments: Environments,
        languages: Languages,
        policy: DependencyPolicy,
        scratch: Path,
        state: EnvironmentsState,
        *,
        is_on: bool = True,
    ) -> None:
        self._definitions = definitions
        self._environments = environments
        self._languages = languages
        self._policy = policy
        self._scratch = scratch
        self._state = state
        self._is_on = is_on

    async def prepare(self, version: UnpreparedVersion, report: ReportProgress) -> PreparedDependencies:
        """Have the packages installed that the files in a folder declare; publishes what became of it.

        Raises:
            DependenciesRefused: They cannot be installed as they are declared.
            DependenciesUnavailable: They cannot be had now.
            FolderChangedMeanwhile, FolderRefused: A file cannot be read.
            BusUnavailable: NATS does not answer.
            OSError: The disk is full.
        """
        if not self._is_on or _is_off(version.settings):
            return PreparedDependencies()
        key = version.job_type, version.job_name
        try:
            declaration, warnings = await asyncio.to_thread(_find, version, self._policy)
            if declaration is None:
                return PreparedDependencies(warnings=warnings)
            report(PreparationStage.READ, f"Dependencies are declared in {declaration.source}")
            digest = input_digest(declaration, self._policy)
            with self._state.preparing(*key, is_new_version=True):
                lock = None if version.upgrade else await self._known_lock(digest, version.now)
                if lock is None:
                    lock = await self._resolve(declaration, report)
                await self._environments.store_lock(lock)
                prepared = await self._environments.prepare(
                    declaration.kind, lock, declaration.source, report
                )
        except (DependenciesRefused, DependenciesUnavailable, OSError) as error:
            self._environments.publish_failed(*key, error, version.cause, version.trace)
            raise
        self._environments.publish_prepared(*key, prepared, version.cause, version.trace)
        found = JobDependencies(kind=declaration.kind, input_digest=digest, lock_digest=digest_of(lock))
        return PreparedDependencies(found, warnings, lock)

    async def store(self, prepared: PreparedDependencies) -> None:
        """Store a lock again, which may have been removed before the definition named it.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        if prepared.dependencies is not None:
            await self._environments.store_lock(prepared.lock)

    async def _known_lock(self, digest: str, now: JobDefinition | None) -> str | None:
        """The lock that the same inputs have had, of this job first; None when there is none."""
        own = [each.dependencies for each in now.known_versions] if now else []
        others = [definition.dependencies for _, definition in self._definitions.all()]
        candidates = [now.dependencies if now else None, *own, *others]
        tried: set[str] = set()
        for each in candidates:
            if each is not None and each.input_digest == digest and each.lock_digest not in tried:
                tried.add(each.lock_digest)
                lock = await self._environments.stored_lock(each.lock_digest)
                if lock is not None:
                    return lock
        return None

    async def _resolve(self, declaration: Declaration, report: ReportProgress) -> str:
        language = self._languages.of(declaration.kind)
        interpreter = await language.choose(declaration.requires_python)
        scratch = self._scratch / f"resolve-{secrets.token_hex(6)}"
        await asyncio.to_thread(scratch.mkdir, parents=True)
        try:
            async with self._environments.cache_in_use():
                return await language.resolver.resolve(declaration, interpreter, scratch, report)
        finally:
            await asyncio.to_thread(delete, scratch)


def _is_off(settings: Mapping[str, Any]) -> bool:
    try:
        return read_job_settings(settings).dependencies is DependencySwitch.OFF
    except InvalidJobSettings:  # of an earlier release
        return settings.get("dependencies") == DependencySwitch.OFF.value


def _find(version: UnpreparedVersion, policy: DependencyPolicy) -> tuple[Declaration | None, Sequence[str]]:
    folder, script = version.folder, version.script
    sizes = {file.path: file.size for file in version.manifest.files}

    def read(path: str) -> bytes:
        if sizes[path] > LARGEST_INPUT:
            raise FolderRefused(version.job_name, path, f"it is larger than {LARGEST_INPUT:,} bytes")
        return read_file(folder, path)

    def read_if_small(path: str) -> bytes:
        return read(path) if sizes[path] <= LARGEST_INPUT else b""

    in_place = version.settings.get("is_in_place") is True
    declaration = find_declaration(script, sizes.keys(), read, policy, is_in_place=in_place)
    warnings = list(declaration.warnings) if declaration else []
    return declaration, [*warnings, *unread_declarations(script, sizes.keys(), read_if_small, declaration)]
