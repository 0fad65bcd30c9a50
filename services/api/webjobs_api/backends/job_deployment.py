"""A deployment of a job as every reader sees it; pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from webjobs_events.commands import CommandReply, ReplyCode
from webjobs_rules.job import JobName, JobType

_LOST_AFTER = timedelta(seconds=60)
_LOST = (
    "The runner that performed the deployment ended before it had said what became of it. "
    "Look at the job, then deploy again."
)


class DeploymentState(StrEnum):
    """How far a deployment is."""

    QUEUED = "queued"
    """No runner has taken it."""
    PREPARING = "preparing"
    """A runner performs it."""
    DEPLOYED = "deployed"
    """The job has this version."""
    FAILED = "failed"
    """The job is as it was before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDeployment:
    """A deployment of a job.

    Attributes:
        id: Names it; ids sort by the time of the request.
        job_type: Of the job.
        job_name: Of the job.
        requested_at: When it was requested, UTC.
        requested_by: Who asked for it, as far as known.
        state: How far it is.
        stage: What its runner does, or did when it failed: `unpack`, a stage of `PreparationStage`, `done`;
            empty when not known.
        ended_at: When it had ended; None before.
        code: How it ended; None before.
        text: Why it failed.
        digest: Names the version; empty before it is deployed.
        script: Of this version.
        warnings: About its files and settings.
    """

    id: str
    job_type: JobType
    job_name: JobName
    requested_at: datetime
    requested_by: str
    state: DeploymentState
    stage: str = ""
    ended_at: datetime | None = None
    code: ReplyCode | None = None
    text: str = ""
    digest: str = ""
    script: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether it has ended."""
        return self.ended_at is not None

    def seconds(self, now: datetime) -> float:
        """How long it takes or took, from its request on."""
        return max(0.0, ((self.ended_at or now) - self.requested_at).total_seconds())


@dataclass(frozen=True, slots=True)
class EndInLog:
    """What a log says of a deployment that is in neither queue nor history; fields as in `JobDeployment`."""

    state: DeploymentState
    code: ReplyCode | None = None
    text: str = ""


def end_in_log(reply: CommandReply | None, age: timedelta) -> EndInLog:
    """Returns how a deployment ended of which there is only a log, or that its end is on its way.

    Args:
        reply: In the newest chunk of the log; None when the runner did not write the end of the log.
        age: Of this chunk.
    """
    if reply is not None and reply.code is not ReplyCode.DONE:
        return EndInLog(DeploymentState.FAILED, reply.code, reply.message)
    if age <= _LOST_AFTER:  # of what was deployed, history is about to have the rest
        return EndInLog(DeploymentState.PREPARING)
    if reply is not None:
        return EndInLog(DeploymentState.DEPLOYED, reply.code)
    return EndInLog(DeploymentState.FAILED, ReplyCode.FAILED, _LOST)
