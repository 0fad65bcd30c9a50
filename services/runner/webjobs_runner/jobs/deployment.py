"""Makes a folder of files a job's new version, and changes definitions: each change is one event."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from webjobs_events.envelope import Cause, cause_in
from webjobs_events.event_settings import shown_settings
from webjobs_events.events import (
    Deleted,
    Deployed,
    DeployFailed,
    Disabled,
    Enabled,
    JobChanged,
    Removed,
    RestartRequested,
    SettingsChanged,
    SettingsRefused,
)
from webjobs_events.jetstream import Bus, Definitions
from webjobs_events.job import JobDefinition, JobDependencies, JobVersion
from webjobs_events.redaction import env_digest, new_digest_key, sealed, without_env
from webjobs_rules.dependencies.vocabulary import ReportProgress, report_nothing
from webjobs_rules.job import JobName, JobType
from webjobs_rules.job_folder import choose_in_folder
from webjobs_rules.job_warnings import bounded_warnings
from webjobs_rules.left_out import left_out_warnings
from webjobs_rules.script import ChosenScript, doubt
from webjobs_rules.settings_check import warnings_of
from webjobs_rules.settings_text import readable_settings
from webjobs_rules.trace import Trace, derived_trace

from webjobs_runner.domain.schedule_start import scheduled_since
from webjobs_runner.environments.preparation import Preparations
from webjobs_runner.files.manifest import Manifest
from webjobs_runner.files.package import scan_folder
from webjobs_runner.files.readme import readme_of
from webjobs_runner.files.script_file import cleaning_of, is_program, shebang_of
from webjobs_runner.files.text_search import mentions_shutdown_file
from webjobs_runner.instance import Instance
from webjobs_runner.jobs.package_store import PackageStore
from webjobs_runner.jobs.refusals import Refusals
from webjobs_runner.log import logger
from webjobs_runner.outbox import Outbox
from webjobs_runner.processes.script_start import ScriptStarter

_LONGEST_REASON = 2000  # characters


@dataclass(frozen=True, slots=True)
class _Version:
    """A folder that is ready to become a version."""

    manifest: Manifest
    script: str
    host: str
    watches_shutdown_file: bool
    readme: str
    warnings: Sequence[str]

    @property
    def digest(self) -> str:
        return self.manifest.digest


class Deployment:
    """Changes definitions; every change that is written is one event."""

    def __init__(
        self,
        bus: Bus,
        instance: Instance,
        definitions: Definitions,
        outbox: Outbox,
        starter: ScriptStarter,
        packages: PackageStore,
        refusals: Refusals,
        preparations: Preparations,
    ) -> None:
        self._preparations = preparations
        self._bus = bus
        self._instance = instance
        self._definitions = definitions
        self._outbox = outbox
        self._starter = starter
        self._packages = packages
        self._refusals = refusals

    async def deploy(
        self,
        job_type: JobType,
        job_name: JobName,
        folder: Path,
        *,
        cause: str,
        deployed_by: str,
        trace: Trace | None = None,
        settings: Mapping[str, Any] | None,
        disabled: bool | None,
        unless_same: bool = False,
        warnings: Sequence[str] = (),
        settings_warnings: Sequence[str] = (),
        report: ReportProgress = report_nothing,
        upgrade: bool = False,
    ) -> tuple[JobDefinition, int]:
        """Make a folder the job's version; a repeat with the same cause changes nothing.

        Args:
            job_type: Of the job.
            job_name: Of the job.
            folder: Its new files.
            cause: Id of the command, or of the drop.
            deployed_by: Who asked for it, in words.
            trace: To which the event belongs; None: one is derived from `cause`, as everywhere here.
            settings: New content of `settings.job`; None keeps what the definition says, without faults.
            disabled: Whether it is disabled; None keeps what the definition says.
            unless_same: Leave a definition alone that says all of this already: another runner of the
                same site folder was faster.
            warnings: About the files: what was left out or changed on their way into the folder.
            settings_warnings: About how `settings` were read; those that the settings themselves cause
                are added here.
            report: Takes each line about the preparation of dependencies, as it comes.
            upgrade: Whether the versions of its packages are chosen again.

        Returns:
            The definition as it is now, and its revision.

        Raises:
            NoRunnableScript, MissingInterpreter: It has no script this runner could run.
            FolderRefused, FolderChangedMeanwhile: It cannot be read whole.
            DependenciesRefused, DependenciesUnavailable: Its packages cannot be installed.
            BusUnavailable: NATS does not answer.
        """
        version = await self._read(folder, warnings)
        await self._packages.store(folder, version.manifest)
        known = await self._definitions.readable(job_type, job_name)
        prepared = await self._preparations.prepare(
            job_type,
            job_name,
            folder,
            version.manifest,
            version.script,
            (known[0].settings if known else {}) if settings is None else settings,
            now=known[0] if known else None,
            cause=cause,
            trace=trace,
            report=report,
            upgrade=upgrade,
        )
        before: list[JobDefinition] = []

        def decide(now: JobDefinition | None) -> JobDefinition | None:
            before[:] = [now] if now else []
            kept = readable_settings(now.settings) if now else {}
            written_at = datetime.now(UTC)
            effective = dict(kept if settings is None else settings)
            if settings is None:
                doubts = now.settings_warnings if now else []
            else:
                doubts = bounded_warnings([*settings_warnings, *warnings_of(effective)])
            digest_key = (now.digest_key if now else "") or new_digest_key()
            wanted = JobDefinition(
                job_type=job_type,
                job_name=job_name,
                digest=version.digest,
                script=version.script,
                script_host=version.host,
                settings=effective,
                disabled=(now.disabled if now else False) if disabled is None else disabled,
                changed_at=written_at,
                changed_by=self._instance.id,
                cause=cause,
                scheduled_since=scheduled_since(now, job_type, effective, written_at),
                watches_shutdown_file=version.watches_shutdown_file,
                readme=version.readme,
                digest_key=digest_key,
                warnings=bounded_warnings([*warnings, *version.warnings, *prepared.warnings]),
                settings_warnings=doubts,
                restarted_by=now.restarted_by if now else "",
                versions=self._packages.versions_of(
                    now,
                    self._job_version(
                        version, effective, digest_key, written_at, deployed_by, prepared.dependencies
                    ),
                ),
                dependencies=prepared.dependencies,
            )
            if now is None:
                return wanted
            is_repeat = now.cause == cause and now.digest == version.digest
            return None if is_repeat or (unless_same and _publish_same(now, wanted)) else wanted

        written = await self._definitions.change(job_type, job_name, decide)
        assert written is not None
        definition, revision, is_written = written
        if is_written or definition.cause == cause:
            self._publish(Deployed, definition, revision, trace, requested_by=deployed_by)
        if before and is_written:
            self._packages.supersede(before[0], definition)
        # The removal of superseded packages may have run before this one was wanted again.
        await self._packages.store(folder, version.manifest)
        await self._preparations.store(prepared)
        await self._refusals.resolved(job_type, job_name)
        return definition, revision

    async def _read(self, folder: Path, warnings: Sequence[str]) -> _Version:
        manifest = await asyncio.to_thread(scan_folder, folder)
        left_out = left_out_warnings(manifest.left_out)
        script, chosen = await asyncio.to_thread(self._choose, manifest, folder, warnings)
        paths = [file.path for file in manifest.files]
        watches = await asyncio.to_thread(mentions_shutdown_file, folder, paths)
        cleaning = await asyncio.to_thread(cleaning_of, folder, script)
        doubts = [each for each in (doubt(chosen), cleaning, *left_out) if each]
        readme = await asyncio.to_thread(readme_of, folder, paths)
        return _Version(manifest, script, chosen.host.name, watches, readme, doubts)

    def _job_version(
        self,
        version: _Version,
        settings: Mapping[str, Any],
        digest_key: str,
        at: datetime,
        deployed_by: str,
        dependencies: JobDependencies | None,
    ) -> JobVersion:
        shown, names, is_abridged = shown_settings(settings)
        files = version.manifest.files
        return JobVersion(
            digest=version.digest,
            script=version.script,
            deployed_at=at,
            deployed_by=deployed_by,
            instance=self._instance.id,
            files=len(files) + len(version.manifest.links),
            size=sum(file.size for file in files),
            settings=shown,
            env_names=names,
            env_digest=env_digest(settings, digest_key),
            is_abridged=is_abridged,
            dependencies=dependencies,
        )

    def _choose(self, manifest: Manifest, folder: Path, warnings: Sequence[str]) -> tuple[str, ChosenScript]:
        return choose_in_folder(
            manifest.all_paths,
            manifest.readable_paths,
            manifest.left_out,
            self._starter.hosts,
            self._starter.is_available,
            lambda path: shebang_of(folder / path),
            lambda path: is_program(folder / path),
            warnings,
        )

    async def change_settings(
        self,
        job_type: JobType,
        job_name: JobName,
        settings: Mapping[str, Any],
        *,
        cause: str,
        trace: Trace | None = None,
        disabled: bool | None = None,
        warnings: Sequence[str] = (),
    ) -> int | None:
        """Replace a job's settings; returns the revision, None when there is no such job.

        `warnings` are about how they were read; those that the settings themselves cause are added here.

        Raises:
            BusUnavailable: NATS does not answer.
        """

        def decide(now: JobDefinition) -> JobDefinition:
            return replace(
                now,
                settings=dict(settings),
                disabled=now.disabled if disabled is None else disabled,
                settings_warnings=bounded_warnings([*warnings, *warnings_of(settings)]),
            )

        return await self._revise(job_type, job_name, decide, SettingsChanged, cause, trace)

    async def revise_settings(
        self,
        job_type: JobType,
        job_name: JobName,
        revise: Callable[[Mapping[str, Any]], Mapping[str, Any]],
        *,
        cause: str,
        trace: Trace | None = None,
    ) -> int | None:
        """Write what `revise` makes of a job's settings; no change of another runner is lost.

        Returns:
            The revision; None when there is no such job.

        Raises:
            WebJobsError: Whatever `revise` raises; nothing was changed.
            BusUnavailable: NATS does not answer.
        """

        def decide(now: JobDefinition) -> JobDefinition:
            settings = dict(revise(now.settings))
            return replace(now, settings=settings, settings_warnings=bounded_warnings(warnings_of(settings)))

        return await self._revise(job_type, job_name, decide, SettingsChanged, cause, trace)

    async def set_disabled(
        self,
        job_type: JobType,
        job_name: JobName,
        disabled: bool,
        *,
        cause: str,
        trace: Trace | None = None,
    ) -> int | None:
        """Disable or enable a job; answers the revision, None when there is no such job.

        Raises:
            BusUnavailable: NATS does not answer.
        """

        def decide(now: JobDefinition) -> JobDefinition:
            return replace(now, disabled=disabled)

        event_type = Disabled if disabled else Enabled
        return await self._revise(job_type, job_name, decide, event_type, cause, trace)

    async def request_restart(
        self, job_type: JobType, job_name: JobName, *, cause: str, trace: Trace | None = None
    ) -> int | None:
        """Have every runner restart a continuous job, once for each `cause`.

        Returns:
            The revision; None when there is no such job.

        Raises:
            BusUnavailable: NATS does not answer.
        """

        def decide(now: JobDefinition) -> JobDefinition:
            return replace(now, restarted_by=cause)

        return await self._revise(job_type, job_name, decide, RestartRequested, cause, trace)

    async def _revise(
        self,
        job_type: JobType,
        job_name: JobName,
        decide: Callable[[JobDefinition], JobDefinition],
        event_type: type[JobChanged],
        cause: str,
        trace: Trace | None,
    ) -> int | None:
        def changed(now: JobDefinition | None) -> JobDefinition | None:
            if now is None or now.cause == cause:
                return None
            decided, written_at = decide(now), datetime.now(UTC)
            if decided == now:
                return None
            return replace(
                decided,
                changed_at=written_at,
                changed_by=self._instance.id,
                cause=cause,
                scheduled_since=scheduled_since(now, job_type, decided.settings, written_at),
                digest_key=now.digest_key or new_digest_key(),
            )

        written = await self._definitions.change(job_type, job_name, changed)
        if written is None:
            return None
        definition, revision, is_new = written
        if is_new or definition.cause == cause:
            self._publish(event_type, definition, revision, trace)
        return revision

    async def remove(
        self,
        job_type: JobType,
        job_name: JobName,
        event_type: type[Removed] | type[Deleted],
        *,
        cause: str,
        trace: Trace | None = None,
    ) -> int | None:
        """Remove a job's definition; answers the revision of the removal, None when there was none.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        known = await self._definitions.readable(job_type, job_name)
        revision = await self._definitions.remove(job_type, job_name)
        if revision is None:
            revision = await self._untold_removal(job_type, job_name, event_type)
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
            ),
            _caused(cause, trace),
        )
        if known is not None:
            self._packages.supersede(known[0])
        await self._refusals.resolved(job_type, job_name)
        return revision

    async def _untold_removal(
        self, job_type: JobType, job_name: JobName, event_type: type[Removed] | type[Deleted]
    ) -> int | None:
        """The revision of a removal whose author died before publishing it; None when there is none."""
        revision = await self._definitions.removed_at(job_type, job_name)
        if revision is None:
            return None
        for published_as in (Removed, Deleted):
            subject = self._bus.subjects.job_event(
                job_type, job_name, str(published_as.__struct_config__.tag)
            )
            newest = await self._bus.last_message(self._bus.subjects.events_stream, subject)
            is_published = newest is not None and newest.headers.get("ce-id", "").endswith(f"/{revision}")
            # A job that was only taken from its folder can still be deleted, with its history.
            if is_published and (published_as is Deleted or event_type is Removed):
                return None
        return revision

    def publish_deployed(
        self, definition: JobDefinition, revision: int, trace: Trace | None = None, *, requested_by: str = ""
    ) -> None:
        """Publish a deployment again, whose author may have died before: a repeat does no harm."""
        self._publish(Deployed, definition, revision, trace, requested_by=requested_by)

    def publish_failure(
        self,
        job_type: JobType,
        job_name: JobName,
        cause: str,
        reason: str,
        trace: Trace | None = None,
        *,
        code: str = "",
        requested_by: str = "",
    ) -> None:
        """Publish that an upload or a dropped folder was refused."""
        self._outbox.add(
            DeployFailed(
                at=datetime.now(UTC),
                instance=self._instance.id,
                job_type=job_type,
                job_name=job_name,
                revision=0,
                cause=cause,
                reason=reason[:_LONGEST_REASON],
                code=code,
                requested_by=requested_by,
            ),
            _caused(cause, trace),
        )

    def publish_sent_settings_refused(
        self, job_type: JobType, job_name: JobName, cause: str, reason: str, trace: Trace | None
    ) -> None:
        """Publish that settings which were sent to the api were refused; `cause` is the command's id."""
        event = self._settings_refused(job_type, job_name, cause, reason)
        self._outbox.add(event, _caused(cause, trace))

    async def publish_settings_refused(
        self, job_type: JobType, job_name: JobName, content: str, reason: str
    ) -> None:
        """Publish that the `settings.job` in a folder has faults, once for each content.

        Args:
            job_type: Of the job.
            job_name: Of the job.
            content: Names the saved file, without a digest of what it holds.
            reason: A sentence saying what is wrong.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        # The same file is published again once other settings were good in between. The cause is public: a
        # plain digest of what the file holds would let a reader test guesses of short secrets in it.
        definition = self._definitions.get(job_type, job_name)
        kept = json.dumps(_without_values(definition) if definition else {}, sort_keys=True)
        cause = f"file-drop/settings/{hashlib.sha256(f'{content} {kept}'.encode()).hexdigest()[:16]}"
        event = self._settings_refused(job_type, job_name, cause, reason)
        newest = await self._bus.last_message(
            self._bus.subjects.events_stream, event.subject(self._bus.subjects)
        )
        if newest is None or newest.headers.get("ce-id") != event.event_id:
            logger.error("settings.job refused", type=job_type.value, job=job_name, reason=reason)
            self._outbox.add(event, _caused(cause, None))

    def _settings_refused(
        self, job_type: JobType, job_name: JobName, cause: str, reason: str
    ) -> SettingsRefused:
        return SettingsRefused(
            at=datetime.now(UTC),
            instance=self._instance.id,
            job_type=job_type,
            job_name=job_name,
            revision=0,
            cause=cause,
            reason=reason[:_LONGEST_REASON],
        )

    def _publish(
        self,
        event_type: type[JobChanged],
        definition: JobDefinition,
        revision: int,
        trace: Trace | None,
        **facts: str,
    ) -> None:
        settings, names, is_abridged = shown_settings(definition.settings)
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
                settings=settings,
                disabled=definition.disabled,
                env_names=names,
                env_digest=env_digest(definition.settings, definition.digest_key),
                warnings=definition.all_warnings,
                is_abridged=is_abridged,
                **facts,
            ),
            _caused(definition.cause, trace),
        )


def _caused(cause: str, trace: Trace | None) -> Cause:
    """The cause of an event about a definition: in a trace of its own when no request led to it."""
    return cause_in(trace or derived_trace(cause))


def _without_values(definition: JobDefinition) -> dict[str, Any]:
    """The settings with a keyed digest instead of the values of `env`."""
    key = definition.digest_key
    return sealed(definition.settings, key) if key else without_env(definition.settings)


def _publish_same(one: JobDefinition, other: JobDefinition) -> bool:
    return (one.digest, one.script, one.settings, one.disabled, one.dependencies) == (
        other.digest,
        other.script,
        other.settings,
        other.disabled,
        other.dependencies,
    )
