"""Deployments of jobs and of packages → the JSON of both; pure.

The first fields are those of Kudu (DeployResult), which deploy clients of Azure read; from `kind` on ours.
"""

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote

import msgspec
from webjobs_events.commands import ReplyCode

from webjobs_api.backends.job_deployment import DeploymentState, JobDeployment
from webjobs_api.http.kudu_responses import instant
from webjobs_api.http.reply_statuses import REPLY_STATUSES
from webjobs_api.http.runner_errors import CommandFailed
from webjobs_api.http.urls import Urls

PATH = "/api/deployments"

_KUDU_STATUSES: Mapping[DeploymentState, int] = {
    DeploymentState.QUEUED: 0,
    DeploymentState.PREPARING: 1,
    DeploymentState.FAILED: 3,
    DeploymentState.DEPLOYED: 4,
}


class DeployedJobJson(msgspec.Struct, frozen=True, kw_only=True):
    """The job that is deployed; `page` is its page for people."""

    type: str
    name: str
    url: str
    page: str


class DeployedVersionJson(msgspec.Struct, frozen=True, kw_only=True):
    """What was deployed; `version` is the digest of its package."""

    version: str
    script: str
    warnings: list[str]


class DeployErrorJson(msgspec.Struct, frozen=True, kw_only=True):
    """Why it failed: the status and the text with which a request that waits is answered."""

    status: int
    detail: str


class DeploymentJson(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment.

    `status` is 0 while it is queued, 1 or 2 while it is in progress, 3 when it failed, 4 when it succeeded.
    `kind` is `job` or `package`; the fields behind it say the same in words. `job`, `stage` and `result`
    are of a job only: null or empty for a package.
    """

    id: str
    status: int
    status_text: str
    author_email: str
    author: str
    deployer: str
    message: str
    progress: str
    received_time: str
    start_time: str
    end_time: str | None
    last_success_end_time: str | None
    complete: bool
    active: bool
    is_temp: bool
    is_readonly: bool
    url: str
    log_url: str
    site_name: str
    warnings: list[str]
    kind: str
    state: str
    stage: str
    seconds: float
    requested_by: str
    job: DeployedJobJson | None
    result: DeployedVersionJson | None
    error: DeployErrorJson | None


def deployment_url(base: str, deployment_id: str) -> str:
    """Returns the address of a deployment."""
    return f"{base}{PATH}/{quote(deployment_id, safe='')}"


def job_deployment_json(
    deployment: JobDeployment, urls: Urls, site_name: str, now: datetime
) -> DeploymentJson:
    """A deployment of a job."""
    url, is_done = deployment_url(urls.base, deployment.id), deployment.state is DeploymentState.DEPLOYED
    end = instant(deployment.ended_at) if deployment.ended_at else None
    return DeploymentJson(
        id=deployment.id,
        status=_KUDU_STATUSES[deployment.state],
        status_text=deployment.text,
        author_email="N/A",
        author="N/A",
        deployer=deployment.requested_by,
        message=f"{deployment.job_type}/{deployment.job_name}",
        progress="" if deployment.is_complete else deployment.stage,
        received_time=instant(deployment.requested_at),
        start_time=instant(deployment.requested_at),
        end_time=end,
        last_success_end_time=end if is_done else None,
        complete=deployment.is_complete,
        active=False,
        is_temp=False,
        is_readonly=True,
        url=url,
        log_url=f"{url}/log",
        site_name=site_name,
        warnings=list(deployment.warnings),
        kind="job",
        state=deployment.state.value,
        stage=deployment.stage,
        seconds=round(deployment.seconds(now), 3),
        requested_by=deployment.requested_by,
        job=DeployedJobJson(
            type=deployment.job_type.value,
            name=deployment.job_name,
            url=urls.job(deployment.job_type, deployment.job_name),
            page=urls.page(deployment.job_type, deployment.job_name),
        ),
        result=DeployedVersionJson(
            version=deployment.digest, script=deployment.script, warnings=list(deployment.warnings)
        )
        if is_done
        else None,
        error=_error(deployment.code, deployment.text),
    )


def _error(code: ReplyCode | None, text: str) -> DeployErrorJson | None:
    if code is None or code is ReplyCode.DONE:
        return None
    return DeployErrorJson(status=REPLY_STATUSES.get(code, 500), detail=str(CommandFailed(code, text)))
