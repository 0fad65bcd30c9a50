"""The stored definition of a job, and the versions of its files that it remembers."""

from typing import Any

import msgspec
from webjobs_rules.dependencies.vocabulary import DependencyKind
from webjobs_rules.job import JobName, JobType

from webjobs_events.instant import Instant


class JobDependencies(msgspec.Struct, frozen=True, kw_only=True):
    """The packages that a version of a job's files needs.

    Attributes:
        kind: Which file declares them.
        input_digest: Hex SHA-256 of all that the choice of packages depends on: kind, files, interpreter that
            was asked for, rules of the site. The same inputs keep their lock.
        lock_digest: Hex SHA-256 of the lock, which names each package with version and hashes. The lock is
            in the store of packages under this name.
    """

    kind: DependencyKind
    input_digest: str
    lock_digest: str


class JobVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a job's files that was deployed, as its definition remembers it.

    Attributes:
        digest: Names the package.
        script: The chosen script.
        deployed_at: When it became the job's version, for the last time.
        deployed_by: Who asked for that, such as `External - curl/8.5`, or `Files in the folder`. Empty when
            an earlier release deployed it.
        instance: Instance id of the runner that deployed it.
        files: How many there are; None when an earlier release deployed it.
        size: Bytes of all files; 0 when an earlier release deployed it.
        is_kept: Whether its package is kept.
        settings: Those of the job at that time, without `env`; of large ones a part. Empty when the package
            is not kept.
        env_names: Names of the variables in `env` of these settings.
        env_digest: As in events: it differs when the values of variables do.
        is_abridged: Whether `settings` and `env_names` are only a part.
        dependencies: The packages that it needs; None: none were installed for it.
    """

    digest: str
    script: str
    deployed_at: Instant
    deployed_by: str = ""
    instance: str = ""
    files: int | None = None
    size: int = 0
    is_kept: bool = True
    settings: dict[str, Any] = {}
    env_names: list[str] = []
    env_digest: str | None = None
    is_abridged: bool = False
    dependencies: JobDependencies | None = None


class JobDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """What every runner needs to run a job; stored in the bucket of definitions.

    Attributes:
        job_type: Triggered or continuous; the same name may exist in both, independently.
        job_name: As its owner spells it.
        digest: Names the package that holds the job's files (hex SHA-256 of its manifest).
        script: The chosen script, relative to the job's folder, `/` between parts.
        script_host: Name of the host that runs it, such as `BashScriptHost`.
        settings: The content of `settings.job`, unknown keys included.
        disabled: True while `disable.job` lies in the folder: the job is stopped.
        changed_at: When this definition was written.
        changed_by: Instance id of the runner that wrote it.
        cause: Id of the command that asked for it, or `file-drop/<digest>`.
        scheduled_since: When the schedule began to mean what it means now: no due time before that counts.
            None when there is none, or from before this was noted.
        watches_shutdown_file: Whether the package holds the text `WEBJOBS_SHUTDOWN_FILE`. None in those of
            earlier releases: each runner looks for itself.
        digest_key: Key of the digest that events carry instead of the values of `env`. Empty in those of
            earlier releases.
        warnings: About the files of this version, such as what was left out; until the next deployment.
        settings_warnings: About the settings; until they are changed.
        restarted_by: Id of the latest command that requested a restart of a continuous job. A script that
            runs under another one is stopped, and started again. Empty: there was none.
        readme: The first lines of the `README.md` in its folder; empty without one.
        versions: The versions of its files that are remembered, the present one first. Empty in those of
            earlier releases.
        dependencies: The packages that this version needs; None: its scripts run with what is installed on
            the machine.
    """

    job_type: JobType
    job_name: JobName
    digest: str
    script: str
    script_host: str
    settings: dict[str, Any] = {}
    disabled: bool = False
    changed_at: Instant
    changed_by: str
    cause: str
    scheduled_since: Instant | None = None
    watches_shutdown_file: bool | None = None
    digest_key: str = ""
    warnings: list[str] = []
    settings_warnings: list[str] = []
    restarted_by: str = ""
    readme: str = ""
    versions: list[JobVersion] = []
    dependencies: JobDependencies | None = None

    @property
    def known_versions(self) -> list[JobVersion]:
        """The versions of its files, the present one first; that one alone if no other is remembered."""
        if self.versions:
            return self.versions
        return [
            JobVersion(
                digest=self.digest, script=self.script, deployed_at=self.changed_at, instance=self.changed_by
            )
        ]

    @property
    def kept_packages(self) -> frozenset[str]:
        """Digests of the packages that the job needs: of its present version, and of those to go back to."""
        return frozenset({self.digest, *(each.digest for each in self.versions if each.is_kept)})

    @property
    def kept_objects(self) -> frozenset[str]:
        """Names of all that the job needs of the store of packages: its packages, and their locks."""
        needed = [self.dependencies, *(each.dependencies for each in self.versions if each.is_kept)]
        return self.kept_packages | {each.lock_digest for each in needed if each is not None}

    @property
    def all_warnings(self) -> list[str]:
        """Every warning about the job: about its files, then about its settings."""
        return [*self.warnings, *self.settings_warnings]

    @property
    def is_stopped(self) -> bool:
        """True when the job may not run: by its `disable.job`, or by `enabled` in its settings."""
        return self.disabled or self.settings.get("enabled") is False

    @property
    def is_singleton(self) -> bool:
        """True when only one runner at a time may run this continuous job."""
        return self.settings.get("is_singleton") is True
