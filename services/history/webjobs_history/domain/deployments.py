"""Which events end deployments; pure."""

import msgspec
from msgspec.structs import replace
from webjobs_events.commands import ReplyCode
from webjobs_events.deployment_id import deployment_id_of, requested_at_of
from webjobs_events.events import Deleted, Deployed, DeployFailed, Event
from webjobs_events.queries import DeploymentView
from webjobs_rules.job import JobType


class PutDeployment(msgspec.Struct, frozen=True):
    """This deployment has ended."""

    row: DeploymentView


class DropDeployments(msgspec.Struct, frozen=True):
    """All deployments of this job are removed."""

    job_type: JobType
    job_name: str


DeploymentChange = PutDeployment | DropDeployments


def deployment_changes(event: Event) -> list[DeploymentChange]:
    """What an event means for deployments; a repeat says the same again."""
    if isinstance(event, Deleted):
        return [DropDeployments(event.job_type, event.job_name)]
    if not isinstance(event, Deployed | DeployFailed):
        return []
    deployment_id = deployment_id_of(event.cause)
    if deployment_id is None:  # a dropped folder, or a command of an earlier release
        return []
    requested_at = requested_at_of(deployment_id)
    row = DeploymentView(
        id=deployment_id,
        job_type=event.job_type,
        job_name=event.job_name,
        requested_at=requested_at,
        requested_by=event.requested_by,
        ended_at=max(event.at, requested_at),
        instance=event.instance,
        code=ReplyCode.DONE,
    )
    if isinstance(event, DeployFailed):
        return [PutDeployment(replace(row, code=event.code or ReplyCode.FAILED, text=event.reason))]
    done = replace(row, digest=event.digest, script=event.script, warnings=event.warnings)
    return [PutDeployment(done)]
