"""Handlers of what the clients of Azure call to deploy a package: `az webapp deploy`, GitHub's action."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlencode

import structlog
from aiohttp import web
from webjobs_events.errors import BusUnavailable
from webjobs_rules.job import JobName, JobType
from webjobs_rules.job_warnings import HEADER, header_values

from webjobs_api.backends.job_deployments import JOB_DEPLOYMENTS
from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.runners import RUNNERS
from webjobs_api.http import request_context
from webjobs_api.http.deployment_json import PATH, job_deployment_json
from webjobs_api.http.dialects import KUDU
from webjobs_api.http.keys import LIVE_SETTINGS
from webjobs_api.http.tracing import trace_of
from webjobs_api.http.upload_body import check_length, receive_upload
from webjobs_api.http.upload_errors import EmptyUpload
from webjobs_api.site_deployments.deployer import SITE_DEPLOYMENTS
from webjobs_api.site_deployments.record import Deployment
from webjobs_api.site_deployments.request import (
    DeploymentRequest,
    list_filter,
    place_of,
    publish_request,
    recorded_deployment,
    refuse_package_uri,
    zip_deploy_request,
)
from webjobs_api.site_deployments.responses import RuntimeJson, SystemJson, deployment_json, log_json
from webjobs_api.site_deployments.store import LATEST

log = structlog.stdlib.get_logger(__name__)

_ID_HEADER = "SCM-DEPLOYMENT-ID"
_POLL_SECONDS = "2"
_MOST_RECORD_BYTES = 64 * 1024


async def zip_deploy(request: web.Request) -> web.StreamResponse:
    """`POST /api/zipdeploy`: the archive in the body is laid over `site/wwwroot`."""
    refuse_package_uri(request.content_type)
    return await _deploy(request, zip_deploy_request(request.query))


async def publish(request: web.Request) -> web.StreamResponse:
    """`POST /api/publish?type=zip`: the same at any path; `type=static` writes one file."""
    asked = publish_request(request.query)
    refuse_package_uri(request.content_type)
    return await _deploy(request, asked)


async def list_deployments(request: web.Request) -> web.StreamResponse:
    """`GET /api/deployments`: those of jobs and of packages that are kept, newest first, by pages."""
    wanted = list_filter(request.query)
    job = await _job(request, wanted.job) if wanted.job else None
    page, has_more = await request.app[JOB_DEPLOYMENTS].page(job, before=wanted.before, limit=wanted.limit)
    known = [] if job else await request.app[SITE_DEPLOYMENTS].store.all()
    base, site = request_context.base(request), _site_name(request)
    urls, now = KUDU.urls(base), datetime.now(UTC)
    shown = {each.id: job_deployment_json(each, urls, site, now) for each in page}
    for each in known:
        key = place_of(each)
        is_of_page = (wanted.before is None or key < wanted.before) and not (has_more and key < page[-1].id)
        if is_of_page:
            shown[key] = deployment_json(each, known, base, site)
    places = sorted(shown, reverse=True)
    response = request_context.json([shown[place] for place in places[: wanted.limit]])
    if has_more or len(places) > wanted.limit:
        following = request.rel_url.update_query(before=places[: wanted.limit][-1]).raw_query_string
        response.headers["Link"] = f'<{base}{PATH}?{following}>; rel="next"'
    return response


async def get_deployment(request: web.Request) -> web.StreamResponse:
    """`GET /api/deployments/{deployment}`: one of them; `latest` is 202 as long as it is in progress."""
    deployment_id, store = request.match_info["deployment"], request.app[SITE_DEPLOYMENTS].store
    of_job = await request.app[JOB_DEPLOYMENTS].find(deployment_id)
    if of_job is not None:
        urls = KUDU.urls(request_context.base(request))
        return request_context.json(job_deployment_json(of_job, urls, _site_name(request), datetime.now(UTC)))
    deployment = await store.get(deployment_id)
    response = await _shown(request, deployment)
    if deployment_id == LATEST and not deployment.is_complete:
        response.set_status(202)
        response.headers["Location"] = f"{request_context.base(request)}{request.rel_url.raw_path}"
        response.headers["Retry-After"] = _POLL_SECONDS
    return response


async def _job(request: web.Request, wanted: tuple[JobType, JobName]) -> tuple[JobType, JobName]:
    """The job with its name as its owner spells it; one that does not exist stays as it is."""
    known = await request.app[DEFINITIONS].find(*wanted)
    return (known.job_type, known.job_name) if known else wanted


async def get_log(request: web.Request) -> web.StreamResponse:
    """`GET /api/deployments/{deployment}/log` of a package."""
    store = request.app[SITE_DEPLOYMENTS].store
    deployment = await store.get(request.match_info["deployment"])
    return request_context.json(log_json(await store.read_log(deployment.id)))


async def record(request: web.Request) -> web.StreamResponse:
    """`PUT /api/deployments/{deployment}`: a client records a deployment that it has made by itself."""
    body = await request_context.read_body(request, _MOST_RECORD_BYTES)
    deployment = recorded_deployment(request.match_info["deployment"], body, datetime.now(UTC))
    await request.app[SITE_DEPLOYMENTS].store.add(deployment)
    return await _shown(request, deployment)


async def get_runtime(request: web.Request) -> web.StreamResponse:
    """`GET /diagnostics/runtime`: on which system scripts run; the GitHub action asks before it deploys."""
    return request_context.json(RuntimeJson(system=SystemJson(os_name="Unix")))


async def _deploy(request: web.Request, asked: DeploymentRequest) -> web.StreamResponse:
    check_length(request)
    await request.app[RUNNERS].require_one()
    received = await receive_upload(request)  # the deployment closes its file
    if asked.unpack and not received.size:
        received.file.close()
        raise EmptyUpload
    deployment, task = await request.app[SITE_DEPLOYMENTS].begin(
        replace(asked, trace=trace_of(request), site_name=_site_name(request)), received.file, received.size
    )
    if not asked.is_async:
        deployment = await asyncio.shield(task)
        await _mirrored(request)
    response = await _shown(request, deployment)
    response.headers[_ID_HEADER] = deployment.id
    for value in header_values(deployment.warnings):
        response.headers.add(HEADER, value)
    if asked.is_async:
        response.set_status(202)
        response.headers["Location"] = _poll_url(request, deployment)
        response.headers["Retry-After"] = _POLL_SECONDS
    return response


async def _mirrored(request: web.Request) -> None:
    """Wait until this api shows the jobs of the package; they are deployed in any case."""
    try:
        await request.app[DEFINITIONS].caught_up()
    except BusUnavailable as error:
        log.warning("deployed while the mirror of definitions lags", error=str(error))


async def _shown(request: web.Request, deployment: Deployment) -> web.Response:
    known = await request.app[SITE_DEPLOYMENTS].store.all()
    return request_context.json(
        deployment_json(deployment, known, request_context.base(request), _site_name(request))
    )


def _poll_url(request: web.Request, deployment: Deployment) -> str:
    time = deployment.received_at.strftime("%Y-%m-%d_%H-%M-%SZ")
    query = urlencode({"deployer": deployment.deployer, "time": time})
    return f"{request_context.base(request)}{PATH}/{LATEST}?{query}"


def _site_name(request: web.Request) -> str:
    return request.app[LIVE_SETTINGS].get("WEBSITE_SITE_NAME") or "webjobs"
