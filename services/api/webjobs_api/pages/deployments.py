"""The page of the deployments of jobs: `GET /pages/deployments`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from aiohttp import web
from webjobs_rules.errors import WebJobsError
from webjobs_rules.job import JobType

from webjobs_api.backends.job_deployment import DeploymentState, JobDeployment
from webjobs_api.backends.job_deployments import JOB_DEPLOYMENTS
from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.http.legacy_responses import in_name_order
from webjobs_api.http.urls import Urls
from webjobs_api.pages import terminal
from webjobs_api.pages.deployment import PATH, STATE_WORDS, STATUSES, deployment_page, stage_words
from webjobs_api.pages.frame import live, page_urls, show, show_fault
from webjobs_api.pages.page import Page
from webjobs_api.site_deployments.request import list_filter

_FILTERS = ("job", "before", "limit")

_PAGE = Page(
    template="deployments",
    title="Deployments",
    section="overview",
    regions=("list",),
    events="event=Deployed&event=DeployFailed&event=Deleted",
    is_remembered=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRow:
    """A deployment in a list.

    Attributes:
        id: Of the deployment.
        page: Its page.
        job: Name of the job.
        job_page: Page of the job.
        status: As of a run: gives the icon and the colour.
        evidence: What it does now, or why it failed; empty when it is deployed.
        requested_at: When it was requested.
        requested_by: Who asked for it, as far as known.
        took: In words; empty while it goes on.
    """

    id: str
    page: str
    job: str
    job_page: str
    status: str
    evidence: str
    requested_at: datetime
    requested_by: str
    took: str


@live
async def show_deployments(request: web.Request) -> web.Response:
    """`GET /pages/deployments`: newest first, of all jobs or of one."""
    given = {name: request.query[name] for name in _FILTERS if request.query.get(name)}
    try:
        wanted = list_filter(given)
        known = await request.app[DEFINITIONS].find(*wanted.job) if wanted.job else None
        job = (known.job_type, known.job_name) if known else wanted.job
        found, has_more = await request.app[JOB_DEPLOYMENTS].page(
            job, before=wanted.before, limit=wanted.limit
        )
    except WebJobsError as error:
        return show_fault(request, error)
    urls = page_urls(request)
    path = f"{urls.base}{PATH}"
    jobs = [
        f"{job_type}/{each.job_name}"
        for job_type in JobType
        for each in in_name_order(request.app[DEFINITIONS].all_of(job_type))
    ]
    view = {
        "rows": [deployment_row(each, urls) for each in found],
        "state_words": STATE_WORDS,
        "goes_on": not all(each.is_complete for each in found),
        "jobs": jobs,
        "chosen": given,
        "older": _address(path, {**given, "before": found[-1].id}) if has_more and found else "",
        "newest": _address(path, {**given, "before": ""}) if wanted.before else "",
        "twin": _address(f"{urls.base}/api/deployments", given),
        "in_terminal": lambda shell: terminal.of_deployments(shell, given),
    }
    return show(request, _PAGE, view)


def deployment_row(deployment: JobDeployment, urls: Urls) -> DeploymentRow:
    """A deployment as the list shows it."""
    evidence = ""
    if deployment.state is DeploymentState.PREPARING:
        evidence = stage_words(deployment.stage)
    elif deployment.state is DeploymentState.FAILED:
        evidence = deployment.text.strip().partition("\n")[0].rstrip(":")
    took = ""
    if deployment.ended_at is not None:
        took = f"{deployment.seconds(deployment.ended_at):.1f} s"
    return DeploymentRow(
        id=deployment.id,
        page=deployment_page(urls, deployment.id),
        job=deployment.job_name,
        job_page=urls.page(deployment.job_type, deployment.job_name),
        status=STATUSES[deployment.state],
        evidence=evidence,
        requested_at=deployment.requested_at.astimezone(UTC),
        requested_by=deployment.requested_by,
        took=took,
    )


def _address(path: str, given: Mapping[str, str]) -> str:
    query = urlencode({name: value for name, value in given.items() if value})
    return f"{path}?{query}" if query else path
