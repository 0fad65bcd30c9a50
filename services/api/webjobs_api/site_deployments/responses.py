"""Deployments of packages → the JSON that clients of Kudu read; pure.

Source: Kudu: DeployResult, LogEntry.
"""

from collections.abc import Iterable, Sequence

import msgspec

from webjobs_api.http.deployment_json import DeployErrorJson, DeploymentJson, deployment_url
from webjobs_api.http.kudu_responses import instant
from webjobs_api.site_deployments.record import Deployment, LogEntry, Status, active_id

_STATES = {Status.PENDING: "queued", Status.FAILED: "failed", Status.SUCCESS: "deployed"}


class SystemJson(msgspec.Struct, frozen=True):
    """The system on which scripts run."""

    os_name: str


class RuntimeJson(msgspec.Struct, frozen=True):
    """What deploy clients want to know of where they deploy to."""

    system: SystemJson


class LogEntryJson(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the log; `type` is 0 for a message, 1 for a warning, 2 for an error."""

    log_time: str
    id: str
    message: str
    type: int
    details_url: str | None


def deployment_json(
    deployment: Deployment, known: Sequence[Deployment], base: str, site_name: str
) -> DeploymentJson:
    """One deployment among all that are known."""
    url = deployment_url(base, deployment.id)
    end = instant(deployment.ended_at) if deployment.ended_at else None
    is_success = deployment.status is Status.SUCCESS
    return DeploymentJson(
        id=deployment.id,
        status=deployment.status,
        status_text=deployment.status_text,
        author_email=deployment.author_email,
        author=deployment.author,
        deployer=deployment.deployer,
        message=deployment.message,
        progress="" if deployment.is_complete else deployment.status_text,
        received_time=instant(deployment.received_at),
        start_time=instant(deployment.received_at),
        end_time=end,
        last_success_end_time=end if is_success else None,
        complete=deployment.is_complete,
        active=deployment.id == active_id(known),
        is_temp=False,
        is_readonly=True,
        url=url,
        log_url=f"{url}/log",
        site_name=site_name,
        warnings=deployment.warnings,
        kind="package",
        state=_STATES.get(deployment.status, "preparing"),
        stage="",
        seconds=round(
            max(
                0.0,
                ((deployment.ended_at or deployment.renewed_at) - deployment.received_at).total_seconds(),
            ),
            3,
        ),
        requested_by=deployment.deployer,
        job=None,
        result=None,
        error=DeployErrorJson(status=500, detail=deployment.status_text)
        if deployment.status is Status.FAILED
        else None,
    )


class PostDeploymentJson(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The payload of `PostDeployment` hooks. Source: Kudu: DeploymentManager."""

    id: str
    status: str
    status_text: str
    author_email: str
    author: str
    message: str
    progress: str
    deployer: str
    received_time: str
    start_time: str
    end_time: str | None
    last_success_end_time: str | None
    complete: bool
    site_name: str


def post_deployment_json(deployment: Deployment, site_name: str) -> PostDeploymentJson:
    """A complete deployment as hooks get it."""
    shown = deployment_json(deployment, [], "", site_name)
    same = {name: getattr(shown, name) for name in PostDeploymentJson.__struct_fields__}
    return PostDeploymentJson(**same | {"status": "success" if shown.status == Status.SUCCESS else "failed"})


def log_json(entries: Iterable[LogEntry]) -> list[LogEntryJson]:
    """The log, oldest entry first."""
    return [
        LogEntryJson(
            log_time=instant(each.at), id=str(number), message=each.message, type=each.type, details_url=None
        )
        for number, each in enumerate(entries, 1)
    ]
