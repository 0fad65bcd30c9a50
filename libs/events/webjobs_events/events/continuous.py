"""The life of a continuous job on one instance."""

from typing import ClassVar

from webjobs_rules.job import JobName, JobType
from webjobs_rules.status import Reason, Status

from webjobs_events.events.event import Event
from webjobs_events.subjects import Subjects, token_of


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


AnyContinuousEvent = (
    ContinuousInitializing
    | ContinuousStarting
    | ContinuousRunning
    | ContinuousPendingRestart
    | ContinuousStopping
    | ContinuousStopped
    | ContinuousInactiveInstance
)
