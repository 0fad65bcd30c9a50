"""Changes of a job's definition, and those that were refused."""

from typing import Any

import msgspec
from webjobs_rules.dependencies.vocabulary import PreparationStage
from webjobs_rules.job import JobName, JobType

from webjobs_events.events.event import Event
from webjobs_events.subjects import Subjects, token_of


class JobEvent(Event, frozen=True, kw_only=True):
    """A change of a job's definition.

    Attributes:
        job_type: Of the job.
        job_name: Of the job.
        revision: Of the definition after the change, in the bucket of definitions.
        cause: Id of the command that asked for it, or `file-drop/<digest>`.
    """

    job_type: JobType
    job_name: JobName
    revision: int
    cause: str

    @property
    def kind(self) -> str:
        return self.job_type.value

    @property
    def event_id(self) -> str:
        return f"{self.job_type.value}/{token_of(self.job_name)}/{self.name}/{self.revision}"

    @property
    def about(self) -> str:
        return f"{self.job_type.value}/{token_of(self.job_name)}"

    def subject(self, subjects: Subjects) -> str:
        return subjects.job_event(self.job_type, self.job_name, self.name)


class JobChanged(JobEvent, frozen=True, kw_only=True):
    """A definition was written: what it says now.

    Attributes:
        digest: Names the package.
        script: The chosen script.
        settings: The content of `settings.job` without `env`.
        disabled: Whether `disable.job` lies in the folder.
        env_names: Names of the variables in `env` of the settings, sorted. Their values are in no event.
        env_digest: HMAC-SHA-256 of names and values of `env`; only the definition holds the key. Equal in
            two events of a job when its variables are the same. None without variables.
        warnings: Sentences about the files and the settings: what was left out, cleaned or doubtful.
        is_abridged: Whether `settings` and `env_names` are only a part, as all of it would be too large.
    """

    digest: str
    script: str
    settings: dict[str, Any]
    disabled: bool
    env_names: list[str] = msgspec.field(default_factory=list)
    env_digest: str | None = None
    warnings: list[str] = msgspec.field(default_factory=list)
    is_abridged: bool = False


class Deployed(JobChanged, frozen=True, kw_only=True, tag="Deployed"):
    """The job has a new version of its files, or is new.

    Attributes:
        requested_by: Who asked for it, such as `API (curl)`; empty for a dropped folder.
    """

    requested_by: str = ""


class SettingsChanged(JobChanged, frozen=True, kw_only=True, tag="SettingsChanged"):
    """The content of `settings.job` changed."""


class Enabled(JobChanged, frozen=True, kw_only=True, tag="Enabled"):
    """`disable.job` was removed: the job may run."""


class Disabled(JobChanged, frozen=True, kw_only=True, tag="Disabled"):
    """`disable.job` was written: the job is stopped."""


class RestartRequested(JobChanged, frozen=True, kw_only=True, tag="RestartRequested"):
    """A restart of the continuous job was requested: every instance that runs it stops and starts it."""


class Removed(JobEvent, frozen=True, kw_only=True, tag="Removed"):
    """The job's folder or its script was taken away; its history is kept."""


class Deleted(JobEvent, frozen=True, kw_only=True, tag="Deleted"):
    """The job was deleted with its logs and its history."""


class Refused(JobEvent, frozen=True, kw_only=True):
    """Something about a job was refused; what was before stays.

    Attributes:
        reason: A sentence that says what to fix.
    """

    reason: str

    @property
    def event_id(self) -> str:
        return f"{self.job_type.value}/{token_of(self.job_name)}/{self.name}/{self.cause}"


class DeployFailed(Refused, frozen=True, kw_only=True, tag="DeployFailed"):
    """An upload or a dropped folder was refused; the version before, if any, stays.

    Attributes:
        code: How the command was answered, one of `ReplyCode`; empty for a dropped folder.
        requested_by: As in `Deployed`.
    """

    code: str = ""
    requested_by: str = ""


class SettingsRefused(Refused, frozen=True, kw_only=True, tag="SettingsRefused"):
    """Settings sent to the api, or a `settings.job` in the job's folder, have faults; the old ones stay."""


class DependencyEvent(JobEvent, frozen=True, kw_only=True):
    """What became of a preparation of a job's dependencies on one runner."""

    @property
    def event_id(self) -> str:
        place = f"{self.job_type.value}/{token_of(self.job_name)}"
        return f"{place}/{self.name}/{self.cause}/{self.instance}"


class DependenciesPrepared(DependencyEvent, frozen=True, kw_only=True, tag="DependenciesPrepared"):
    """A runner has the packages of a job installed.

    Attributes:
        key: Names the environment: hex SHA-256 of the lock and the interpreter.
        packages: How many packages are installed in it.
        seconds: That the preparation took.
        reused: Whether the environment was there already.
        lock_digest: Hex SHA-256 of the lock; empty from runners of earlier releases.
        interpreter: That runs its scripts, such as `cpython 3.12.1`; empty from earlier releases.
        bytes: Of all files in it; None from earlier releases.
    """

    key: str
    packages: int
    seconds: float
    reused: bool
    lock_digest: str = ""
    interpreter: str = ""
    bytes: int | None = None


class DependenciesFailed(DependencyEvent, frozen=True, kw_only=True, tag="DependenciesFailed"):
    """A runner could not install the packages of a job.

    Attributes:
        stage: In which it failed.
        reason: Sentences that say what to fix.
    """

    stage: PreparationStage
    reason: str


AnyJobEvent = (
    Deployed
    | SettingsChanged
    | Enabled
    | Disabled
    | RestartRequested
    | Removed
    | Deleted
    | DeployFailed
    | SettingsRefused
    | DependenciesPrepared
    | DependenciesFailed
)
