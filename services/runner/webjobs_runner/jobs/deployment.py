"""Makes a folder of files a job's new version."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from webjobs_events.jetstream import Definitions
from webjobs_events.job import JobDefinition
from webjobs_events.redaction import new_digest_key
from webjobs_rules.dependencies.vocabulary import ReportProgress, report_nothing
from webjobs_rules.job import JobName, JobType
from webjobs_rules.job_warnings import bounded_warnings
from webjobs_rules.settings_check import warnings_of
from webjobs_rules.settings_text import readable_settings
from webjobs_rules.trace import Trace

from webjobs_runner.domain.schedule_start import scheduled_since
from webjobs_runner.environments.preparation import Preparations
from webjobs_runner.instance import Instance
from webjobs_runner.job_events import JobEvents
from webjobs_runner.jobs.new_version import read_version
from webjobs_runner.jobs.package_store import PackageStore
from webjobs_runner.jobs.refusals import Refusals
from webjobs_runner.processes.script_start import ScriptStarter


class Deployment:
    """Stores the files of a folder, and writes the definition that names them."""

    def __init__(
        self,
        instance: Instance,
        definitions: Definitions,
        starter: ScriptStarter,
        packages: PackageStore,
        refusals: Refusals,
        preparations: Preparations,
        events: JobEvents,
    ) -> None:
        self._instance = instance
        self._definitions = definitions
        self._starter = starter
        self._packages = packages
        self._refusals = refusals
        self._preparations = preparations
        self._events = events

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
        version = await read_version(folder, self._starter, warnings)
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
                    version.deployed(
                        effective,
                        digest_key,
                        prepared.dependencies,
                        at=written_at,
                        by=deployed_by,
                        instance_id=self._instance.id,
                    ),
                ),
                dependencies=prepared.dependencies,
            )
            if now is None:
                return wanted
            is_repeat = now.cause == cause and now.digest == version.digest
            return None if is_repeat or (unless_same and _is_alike(now, wanted)) else wanted

        written = await self._definitions.change(job_type, job_name, decide)
        assert written is not None
        definition, revision, is_written = written
        if is_written or definition.cause == cause:
            self._events.deployed(definition, revision, trace, requested_by=deployed_by)
        if before and is_written:
            self._packages.supersede(before[0], definition)
        # The removal of superseded packages may have run before this one was wanted again.
        await self._packages.store(folder, version.manifest)
        await self._preparations.store(prepared)
        await self._refusals.resolved(job_type, job_name)
        return definition, revision


def _is_alike(one: JobDefinition, other: JobDefinition) -> bool:
    return (one.digest, one.script, one.settings, one.disabled, one.dependencies) == (
        other.digest,
        other.script,
        other.settings,
        other.disabled,
        other.dependencies,
    )
