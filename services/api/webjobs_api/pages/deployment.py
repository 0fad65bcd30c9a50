"""The page of a deployment of a job: its stages, how it ended, its log."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from aiohttp import web
from webjobs_rules.dependencies.vocabulary import PreparationStage
from webjobs_rules.errors import InvalidRunId, WebJobsError
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunId, parse_run_id

from webjobs_api.backends.job_deployment import DeploymentState, JobDeployment
from webjobs_api.backends.job_deployments import JOB_DEPLOYMENTS
from webjobs_api.http.job_errors import DeploymentNotFound
from webjobs_api.http.urls import Urls
from webjobs_api.logs.deployment_log import stored_log
from webjobs_api.pages import terminal
from webjobs_api.pages.frame import page_urls, show, show_fault
from webjobs_api.pages.page import Page

PATH = "/pages/deployments"

WAIT_SECONDS = 3.0
"""How long a form waits for its deployment before it leads to this page."""

STATUSES = {
    DeploymentState.QUEUED: "Initializing",
    DeploymentState.PREPARING: "Running",
    DeploymentState.DEPLOYED: "Success",
    DeploymentState.FAILED: "Failed",
}
"""The status of a run that looks like each state."""

STATE_WORDS = {"Initializing": "Queued", "Running": "Preparing", "Success": "Deployed", "Failed": "Failed"}
"""What pages call each of these."""

_WORDS = {
    "unpack": "Unpack the files",
    PreparationStage.READ.value: "Read what is declared",
    PreparationStage.RESOLVE.value: "Choose versions",
    PreparationStage.INSTALL.value: "Install packages",
    PreparationStage.CHECK.value: "Check them",
    "done": "Put the version in its place",
}
_LONGEST_LOG = 200_000  # characters that the page shows, of its end


@dataclass(frozen=True, slots=True)
class StageLine:
    """A stage in words, and whether it is reached, in progress, or the one that failed."""

    words: str
    is_reached: bool
    is_current: bool
    is_failed: bool


async def show_deployment(request: web.Request) -> web.Response:
    """`GET /pages/deployments/{deployment}`."""
    deployment_id = request.match_info["deployment"]
    try:
        deployment = await request.app[JOB_DEPLOYMENTS].find(deployment_id)
        if deployment is None:
            raise DeploymentNotFound(deployment_id)
        log = (await stored_log(request, deployment)).decode("utf-8", "replace")
    except WebJobsError as error:
        return show_fault(request, error)
    urls, run_id = page_urls(request), _run_id(request)
    view = {
        "deployment": deployment,
        "state_words": STATE_WORDS,
        "status": STATUSES[deployment.state],
        "stages": list(stage_lines(deployment)),
        "took": f"{deployment.seconds(datetime.now(UTC)):.1f} s",
        "log": log[-_LONGEST_LOG:],
        "job_page": urls.page(deployment.job_type, deployment.job_name),
        "run_id": run_id,
        "run_page": urls.run_page(deployment.job_name, run_id) if run_id else "",
        "all_of_job": deployments_page(urls, deployment.job_type, deployment.job_name),
        "in_terminal": lambda shell: terminal.of_deployment(shell, deployment_id),
    }
    page = Page(
        template="deployment",
        title=f"Deployment of {deployment.job_name}",
        section="overview",
        regions=("head", "log"),
        path=f"{PATH}/{deployment_id}",
    )
    return show(request, page, view)


def stage_lines(deployment: JobDeployment) -> Iterator[StageLine]:
    """The stages of a deployment, in their order."""
    names = list(_WORDS)
    place = names.index(deployment.stage) if deployment.stage in names else -1
    is_done = deployment.state is DeploymentState.DEPLOYED
    for number, name in enumerate(names):
        is_here = number == place
        yield StageLine(
            _WORDS[name],
            is_reached=is_done or number <= place,
            is_current=is_here and not deployment.is_complete,
            is_failed=is_here and deployment.state is DeploymentState.FAILED,
        )


def stage_words(stage: str) -> str:
    """A stage in words; empty when it is not known."""
    return _WORDS.get(stage, "")


def deployments_page(urls: Urls, job_type: JobType, job_name: JobName) -> str:
    """Address of the list of a job's deployments."""
    return f"{urls.base}{PATH}?{urlencode({'job': f'{job_type}/{job_name}'})}"


def deployment_page(urls: Urls, deployment_id: str, *, run_id: RunId | None = None) -> str:
    """Address of the page; `run_id`: of the run that is to follow the deployment."""
    address = f"{urls.base}{PATH}/{deployment_id}"
    return f"{address}?run={run_id}" if run_id else address


def _run_id(request: web.Request) -> RunId | None:
    """The run that is to follow, as the address of the page says."""
    try:
        return parse_run_id(request.query.get("run", ""))
    except InvalidRunId:
        return None
