"""What has happened: one frozen message for each lifecycle event, and ids that make a repeat harmless.

An event's name is the status entered, or a word in the past tense. Bodies are self-sufficient and small.
Within version 1 fields are only added; readers ignore what they do not know.
"""

from enum import StrEnum
from typing import Any, ClassVar

import msgspec

from webjobs_events.instant import Instant
from webjobs_events.job import JobName, JobType
from webjobs_events.run_id import RunId, run_id_at
from webjobs_events.status import Reason, Status
from webjobs_events.subjects import Subjects, token_of


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """What every event tells: when, and which runner wrote it.

    Attributes:
        at: When it happened, UTC.
        instance: Id of the runner that wrote it.
    """

    at: Instant
    instance: str

    @property
    def name(self) -> str:
        """The event's name, a stable string: the last token of its subject."""
        return str(type(self).__struct_config__.tag)

    @property
    def kind(self) -> str:
        """`triggered`, `continuous` or `instance`."""
        raise NotImplementedError

    @property
    def event_id(self) -> str:
        """Derived from what happened, so that a repeat has the same id."""
        raise NotImplementedError

    @property
    def about(self) -> str:
        """`<type>/<job>[/<run id>]` or `instance/<id>`, names encoded as tokens."""
        raise NotImplementedError

    def subject(self, subjects: Subjects) -> str:
        """The subject it is published on."""
        raise NotImplementedError


# Runs of triggered jobs


class RunEvent(Event, frozen=True, kw_only=True):
    """A step in the life of one run of a triggered job.

    Attributes:
        run_id: Of the run.
        attempt: 1, or more when the run is tried again.
        trigger: Who or what asked for it, such as `External - curl/8.5`.
        arguments: As given, before splitting; None when there were none.
        digest: Version of the package it runs.
        requested_at: When it was asked for.
        scheduled_for: The due time that asked for it; None when no schedule did.
        retry_of: The attempt before this one, by its run id; None for a first attempt.
        rerun_of: The run whose inputs it took again; None when they were its own.
    """

    status: ClassVar[Status]

    job_name: JobName
    run_id: RunId
    attempt: int = 1
    trigger: str
    arguments: str | None = None
    digest: str
    requested_at: Instant
    scheduled_for: Instant | None = None
    retry_of: RunId | None = None
    rerun_of: RunId | None = None

    @property
    def kind(self) -> str:
        return JobType.TRIGGERED.value

    @property
    def event_id(self) -> str:
        return f"triggered/{token_of(self.job_name)}/{self.run_id}/{self.attempt}/{self.name}"

    @property
    def about(self) -> str:
        return f"triggered/{token_of(self.job_name)}/{self.run_id}"

    def subject(self, subjects: Subjects) -> str:
        return subjects.job_event(JobType.TRIGGERED, self.job_name, self.name)


class RunInitializing(RunEvent, frozen=True, kw_only=True, tag="Initializing"):
    """A runner has taken the run."""

    status: ClassVar[Status] = Status.INITIALIZING


class RunRunning(RunEvent, frozen=True, kw_only=True, tag="Running"):
    """The script's process was started at `at`."""

    status: ClassVar[Status] = Status.RUNNING

    script: str


class RunEnded(RunEvent, frozen=True, kw_only=True):
    """The run is over, and none of its processes is left.

    Attributes:
        started_at: When its process started; None when it never did.
        reason: Why it ended.
        exit_code: Of the script; None when it did not exit by itself.
        signal: That ended the script; None when none did.
        evidence: A sentence with the facts: limit, measured value, how to change it, processes left over.
        has_error_log: Whether the script wrote to its standard error.
        next_run_id: Run id of the next attempt; None when there is none.
        next_attempt_at: When that is begun at the earliest.
    """

    started_at: Instant | None
    reason: Reason
    exit_code: int | None = None
    signal: int | None = None
    evidence: str = ""
    has_error_log: bool = False
    next_run_id: RunId | None = None
    next_attempt_at: Instant | None = None


class RunSuccess(RunEnded, frozen=True, kw_only=True, tag="Success"):
    """The script exited with code 0."""

    status: ClassVar[Status] = Status.SUCCESS


class RunFailed(RunEnded, frozen=True, kw_only=True, tag="Failed"):
    """The script exited with another code, was killed by a limit, or could not be started."""

    status: ClassVar[Status] = Status.FAILED


class RunAborted(RunEnded, frozen=True, kw_only=True, tag="Aborted"):
    """The run was ended from outside: its runner was lost or stopped, or somebody stopped the job."""

    status: ClassVar[Status] = Status.ABORTED


# Instances of continuous jobs


class ContinuousEvent(Event, frozen=True, kw_only=True):
    """A step in the life of a continuous job on one instance.

    Attributes:
        boot: When the runner started, in the form of a run id; with `sequence` it names the event.
        sequence: Counts this job's events of this boot from 1.
        digest: Version of the package it runs.
    """

    status: ClassVar[Status]

    job_name: JobName
    boot: str
    sequence: int
    digest: str

    @property
    def kind(self) -> str:
        return JobType.CONTINUOUS.value

    @property
    def event_id(self) -> str:
        return f"continuous/{token_of(self.job_name)}/{self.instance}/{self.boot}/{self.sequence}"

    @property
    def about(self) -> str:
        return f"continuous/{token_of(self.job_name)}"

    def subject(self, subjects: Subjects) -> str:
        return subjects.job_event(JobType.CONTINUOUS, self.job_name, self.name)


class ContinuousInitializing(ContinuousEvent, frozen=True, kw_only=True, tag="Initializing"):
    """The runner has taken the job up, after its own start or the job's first deployment."""

    status: ClassVar[Status] = Status.INITIALIZING


class ContinuousStarting(ContinuousEvent, frozen=True, kw_only=True, tag="Starting"):
    """The runner prepares the files and starts the script."""

    status: ClassVar[Status] = Status.STARTING


class ContinuousRunning(ContinuousEvent, frozen=True, kw_only=True, tag="Running"):
    """The script's process was started."""

    status: ClassVar[Status] = Status.RUNNING

    script: str


class ProcessEnded(ContinuousEvent, frozen=True, kw_only=True):
    """A continuous job's process has ended, or could not be started.

    Attributes:
        reason: Why.
        exit_code: Of the script; None when it did not exit by itself.
        signal: That ended the script; None when none did.
        evidence: A sentence with the facts.
    """

    reason: Reason
    exit_code: int | None = None
    signal: int | None = None
    evidence: str = ""


class ContinuousPendingRestart(ProcessEnded, frozen=True, kw_only=True, tag="PendingRestart"):
    """The process ended by itself and is started again after `restart_delay_seconds`."""

    status: ClassVar[Status] = Status.PENDING_RESTART

    restart_delay_seconds: float


class ContinuousStopping(ContinuousEvent, frozen=True, kw_only=True, tag="Stopping"):
    """The script was asked to end; it is killed after the grace."""

    status: ClassVar[Status] = Status.STOPPING

    reason: Reason
    grace_seconds: float


class ContinuousStopped(ProcessEnded, frozen=True, kw_only=True, tag="Stopped"):
    """The job does not run on this instance, and none of its processes is left."""

    status: ClassVar[Status] = Status.STOPPED


class ContinuousInactiveInstance(ContinuousEvent, frozen=True, kw_only=True, tag="InactiveInstance"):
    """Another instance holds the singleton; this one stands by."""

    status: ClassVar[Status] = Status.INACTIVE_INSTANCE

    held_by: str


# Definitions of jobs


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
    """A definition was written: what it says now."""

    digest: str
    script: str
    settings: dict[str, Any]
    disabled: bool


class Deployed(JobChanged, frozen=True, kw_only=True, tag="Deployed"):
    """The job has a new version of its files, or is new."""


class SettingsChanged(JobChanged, frozen=True, kw_only=True, tag="SettingsChanged"):
    """The content of `settings.job` changed."""


class Enabled(JobChanged, frozen=True, kw_only=True, tag="Enabled"):
    """`disable.job` was removed: the job may run."""


class Disabled(JobChanged, frozen=True, kw_only=True, tag="Disabled"):
    """`disable.job` was written: the job is stopped."""


class Removed(JobEvent, frozen=True, kw_only=True, tag="Removed"):
    """The job's folder or its script was taken away; its history is kept."""


class Deleted(JobEvent, frozen=True, kw_only=True, tag="Deleted"):
    """The job was deleted with its logs and its history."""


class DeployFailed(JobEvent, frozen=True, kw_only=True, tag="DeployFailed"):
    """An upload or a dropped folder was refused; the version before, if any, stays.

    Attributes:
        reason: A sentence saying what to mend.
    """

    reason: str

    @property
    def event_id(self) -> str:
        return f"{self.job_type.value}/{token_of(self.job_name)}/{self.name}/{self.cause}"


class SettingsRefused(JobEvent, frozen=True, kw_only=True, tag="SettingsRefused"):
    """A `settings.job` in the job's folder has faults; the settings before stay.

    Attributes:
        reason: A sentence saying what to mend.
    """

    reason: str

    @property
    def event_id(self) -> str:
        return f"{self.job_type.value}/{token_of(self.job_name)}/{self.name}/{self.cause}"


class TickOutcome(StrEnum):
    """What became of a due time."""

    RAN = "ran"
    """A run was asked for."""
    SKIPPED = "skipped"
    """No run was asked for: the job may not run now, or it runs already."""
    MISSED = "missed"
    """It had passed unseen too long ago, and no run stands for it."""
    MERGED = "merged"
    """It had passed unseen, and one run stands for it and later ones."""


class ScheduleTicked(Event, frozen=True, kw_only=True, tag="ScheduleTicked"):
    """A due time of a triggered job's schedule has come, or many that nobody saw.

    Attributes:
        due: The due time, UTC; the first one when there are many.
        until: The last one when there are many; else None.
        count: How many due times it tells of.
        outcome: What became of it.
        run_id: The run that was asked for, or stands for it; None when there is none.
        reason: A sentence saying why, when no run was asked for.
        schedule: The cron expression.
        time_zone: The zone that it is meant in.
    """

    job_name: JobName
    due: Instant
    until: Instant | None = None
    count: int = 1
    outcome: TickOutcome
    run_id: RunId | None = None
    reason: str = ""
    schedule: str
    time_zone: str

    @property
    def kind(self) -> str:
        return JobType.TRIGGERED.value

    @property
    def event_id(self) -> str:
        until = f"-{run_id_at(self.until)}" if self.until else ""
        return f"triggered/{token_of(self.job_name)}/ScheduleTicked/{run_id_at(self.due)}{until}"

    @property
    def about(self) -> str:
        return f"triggered/{token_of(self.job_name)}"

    def subject(self, subjects: Subjects) -> str:
        return subjects.job_event(JobType.TRIGGERED, self.job_name, self.name)


class Purged(Event, frozen=True, kw_only=True, tag="Purged"):
    """Old runs were removed by retention: rows, logs and run folders go together.

    Attributes:
        run_ids: Of the runs removed, oldest first; all of them had ended.
        limit: WEBJOBS_HISTORY_SIZE when it was decided.
    """

    job_name: JobName
    run_ids: list[RunId]
    limit: int

    @property
    def kind(self) -> str:
        return JobType.TRIGGERED.value

    @property
    def event_id(self) -> str:
        return f"triggered/{token_of(self.job_name)}/Purged/{self.run_ids[-1]}"

    @property
    def about(self) -> str:
        return f"triggered/{token_of(self.job_name)}"

    def subject(self, subjects: Subjects) -> str:
        return subjects.job_event(JobType.TRIGGERED, self.job_name, self.name)


# Runners


class InstanceEvent(Event, frozen=True, kw_only=True):
    """A step in the life of the runner `about_instance`.

    Attributes:
        about_instance: The runner it is about.
        boot: When that runner started, in the form of a run id.
    """

    about_instance: str
    boot: str

    @property
    def kind(self) -> str:
        return "instance"

    @property
    def event_id(self) -> str:
        return f"instance/{self.about_instance}/{self.boot}/{self.name}"

    @property
    def about(self) -> str:
        return f"instance/{self.about_instance}"

    def subject(self, subjects: Subjects) -> str:
        return subjects.instance_event(self.about_instance, self.name)


class InstanceStarted(InstanceEvent, frozen=True, kw_only=True, tag="InstanceStarted"):
    """A runner has started; whatever an earlier boot of it ran is gone."""


class InstanceStopped(InstanceEvent, frozen=True, kw_only=True, tag="InstanceStopped"):
    """A runner has stopped in good order; nothing of it runs any more."""


class InstanceLost(InstanceEvent, frozen=True, kw_only=True, tag="InstanceLost"):
    """A runner's heartbeat ended without a farewell; another runner noticed."""


AnyRunEvent = RunInitializing | RunRunning | RunSuccess | RunFailed | RunAborted
AnyContinuousEvent = (
    ContinuousInitializing
    | ContinuousStarting
    | ContinuousRunning
    | ContinuousPendingRestart
    | ContinuousStopping
    | ContinuousStopped
    | ContinuousInactiveInstance
)
AnyJobEvent = (
    Deployed | SettingsChanged | Enabled | Disabled | Removed | Deleted | DeployFailed | SettingsRefused
)
AnyInstanceEvent = InstanceStarted | InstanceStopped | InstanceLost
AnyEvent = AnyRunEvent | AnyContinuousEvent | AnyJobEvent | ScheduleTicked | Purged | AnyInstanceEvent

_RUN: tuple[type[Event], ...] = (
    RunInitializing,
    RunRunning,
    RunSuccess,
    RunFailed,
    RunAborted,
    ScheduleTicked,
    Purged,
)
_CONTINUOUS: tuple[type[Event], ...] = (
    ContinuousInitializing,
    ContinuousStarting,
    ContinuousRunning,
    ContinuousPendingRestart,
    ContinuousStopping,
    ContinuousStopped,
    ContinuousInactiveInstance,
)
_JOB: tuple[type[Event], ...] = (
    Deployed,
    SettingsChanged,
    Enabled,
    Disabled,
    Removed,
    Deleted,
    DeployFailed,
    SettingsRefused,
)
_INSTANCE: tuple[type[Event], ...] = (InstanceStarted, InstanceStopped, InstanceLost)


def _by_name(kind: str, classes: tuple[type[Event], ...]) -> dict[tuple[str, str], type[Event]]:
    return {(kind, str(event.__struct_config__.tag)): event for event in classes}


EVENT_TYPES: dict[tuple[str, str], type[Event]] = {
    **_by_name("triggered", _RUN + _JOB),
    **_by_name("continuous", _CONTINUOUS + _JOB),
    **_by_name("instance", _INSTANCE),
}
"""The whole vocabulary: (kind, event name) → the message's type."""


def schema_file(kind: str, name: str) -> str:
    """The file with the JSON Schema of an event's body, to which its `ce-dataschema` points."""
    return f"{kind}.{name}.v1.json"
