"""Makes a folder of files a job's new version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from webjobs_events.jetstream import Definitions
from webjobs_events.job import JobDefinition
from webjobs_events.redaction import new_digest_key
from webjobs_rules.dependencies.vocabulary import ReportProgress, report_nothing
from webjobs_rules.job import JobName, JobType
from webjobs_rules.job_warnings import bounded_warnings
from webjobs_rules.settings_check import check_settings, warnings_of
from webjobs_rules.settings_patch import merged
from webjobs_rules.settings_text import readable_settings
from webjobs_rules.trace import Trace

from webjobs_runner.domain.schedule_start import scheduled_since
from webjobs_runner.environments.preparation import Preparations, PreparedDependencies, UnpreparedVersion
from webjobs_runner.instance import Instance
from webjobs_runner.job_events import JobEvents
from webjobs_runner.jobs.new_version import NewVersion, read_version
from webjobs_runner.jobs.package_store import PackageStore
from webjobs_runner.jobs.refusals import Refusals
from webjobs_runner.processes.script_programs import ScriptPrograms


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFiles:
    """A folder that is to become the version of a job.

    Attributes:
        job_type: Of the job.
        job_name: Of the job.
        folder: Its new files.
        cause: Id of the command, or of the drop.
        deployed_by: Who asked for it, in words.
        trace: To which the event belongs; None: one is derived from `cause`.
        settings: New content of `settings.job`; None keeps what the definition says, without faults.
        patch: What changes in these settings, as a JSON merge patch (RFC 7396).
        disabled: Whether it is disabled; None keeps what the definition says.
        unless_same: Leave a definition alone that says all of this already: another runner of the same site
            folder was faster.
        warnings: About the files: what was left out or changed on their way into the folder.
        settings_warnings: About how `settings` were read; those that the settings themselves cause are added.
        upgrade: Whether the versions of its packages are chosen again.
    """

    job_type: JobType
    job_name: JobName
    folder: Path
    cause: str
    deployed_by: str
    trace: Trace | None = None
    settings: Mapping[str, Any] | None
    patch: Mapping[str, Any] = field(default_factory=dict)
    disabled: bool | None
    unless_same: bool = False
    warnings: Sequence[str] = ()
    settings_warnings: Sequence[str] = ()
    upgrade: bool = False


class Deployment:
    """Stores the files of a folder, and writes the definition that names them."""

    def __init__(
        self,
        instance: Instance,
        definitions: Definitions,
        programs: ScriptPrograms,
        packages: PackageStore,
        refusals: Refusals,
        preparations: Preparations,
        events: JobEvents,
    ) -> None:
        self._instance = instance
        self._definitions = definitions
        self._programs = programs
        self._packages = packages
        self._refusals = refusals
        self._preparations = preparations
        self._events = events

    async def deploy(
        self, wanted: NewFiles, report: ReportProgress = report_nothing
    ) -> tuple[JobDefinition, int]:
        """Make a folder the job's version; a repeat with the same cause changes nothing.

        Args:
            wanted: The folder, and what is to become of the job.
            report: Takes each line about the preparation of dependencies, as it comes.

        Returns:
            The definition as it is now, and its revision.

        Raises:
            NoRunnableScript, MissingInterpreter: It has no script this runner could run.
            FolderRefused, FolderChangedMeanwhile: It cannot be read whole.
            InvalidJobSettings: What the patch makes of the settings has faults.
            DependenciesRefused, DependenciesUnavailable: Its packages cannot be installed.
            BusUnavailable: NATS does not answer.
        """
        version = await read_version(wanted.folder, self._programs, wanted.warnings)
        await self._packages.store(wanted.folder, version.manifest)
        prepared = await self._prepare(wanted, version, report)
        before: list[JobDefinition] = []

        def decide(now: JobDefinition | None) -> JobDefinition | None:
            before[:] = [now] if now else []
            definition = self._definition(wanted, version, prepared, now, datetime.now(UTC))
            if now is None:
                return definition
            is_repeat = now.cause == wanted.cause and now.digest == version.digest
            return None if is_repeat or (wanted.unless_same and _is_alike(now, definition)) else definition

        written = await self._definitions.change(wanted.job_type, wanted.job_name, decide)
        assert written is not None
        definition, revision, is_written = written
        if is_written or definition.cause == wanted.cause:
            self._events.deployed(definition, revision, wanted.trace, requested_by=wanted.deployed_by)
        if before and is_written:
            self._packages.supersede(before[0], definition)
        # The removal of superseded packages may have run before this one was wanted again.
        await self._packages.store(wanted.folder, version.manifest)
        await self._preparations.store(prepared)
        await self._refusals.resolved(wanted.job_type, wanted.job_name)
        return definition, revision

    async def _prepare(
        self, wanted: NewFiles, version: NewVersion, report: ReportProgress
    ) -> PreparedDependencies:
        known = await self._definitions.readable(wanted.job_type, wanted.job_name)
        now = known[0] if known else None
        unprepared = UnpreparedVersion(
            job_type=wanted.job_type,
            job_name=wanted.job_name,
            folder=wanted.folder,
            manifest=version.manifest,
            script=version.script,
            settings=_settings(wanted, now.settings if now else {}),
            now=now,
            cause=wanted.cause,
            trace=wanted.trace,
            upgrade=wanted.upgrade,
        )
        return await self._preparations.prepare(unprepared, report)

    def _definition(
        self,
        wanted: NewFiles,
        version: NewVersion,
        prepared: PreparedDependencies,
        now: JobDefinition | None,
        written_at: datetime,
    ) -> JobDefinition:
        """The definition that names the new files; it keeps of the present one what is not given."""
        settings = _settings(wanted, readable_settings(now.settings) if now else {})
        if wanted.patch:
            check_settings(settings, wanted.job_type)
        if wanted.settings is None and not wanted.patch:
            doubts = now.settings_warnings if now else []
        else:
            doubts = bounded_warnings([*wanted.settings_warnings, *warnings_of(settings)])
        digest_key = (now.digest_key if now else "") or new_digest_key()
        remembered = version.deployed(
            settings,
            digest_key,
            prepared.dependencies,
            at=written_at,
            by=wanted.deployed_by,
            instance_id=self._instance.id,
        )
        return JobDefinition(
            job_type=wanted.job_type,
            job_name=wanted.job_name,
            digest=version.digest,
            script=version.script,
            script_host=version.host,
            settings=settings,
            disabled=(now.disabled if now else False) if wanted.disabled is None else wanted.disabled,
            changed_at=written_at,
            changed_by=self._instance.id,
            cause=wanted.cause,
            scheduled_since=scheduled_since(now, wanted.job_type, settings, written_at),
            watches_shutdown_file=version.watches_shutdown_file,
            readme=version.readme,
            digest_key=digest_key,
            warnings=bounded_warnings([*wanted.warnings, *version.warnings, *prepared.warnings]),
            settings_warnings=doubts,
            restarted_by=now.restarted_by if now else "",
            versions=self._packages.versions_of(now, remembered),
            dependencies=prepared.dependencies,
        )


def _settings(wanted: NewFiles, kept: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the new version; `kept` are those that the job has."""
    return merged(kept if wanted.settings is None else wanted.settings, wanted.patch)


def _is_alike(one: JobDefinition, other: JobDefinition) -> bool:
    return (one.digest, one.script, one.settings, one.disabled, one.dependencies) == (
        other.digest,
        other.script,
        other.settings,
        other.disabled,
        other.dependencies,
    )
