"""The answer to a deployment that goes on: 202, with the address that says how far it is."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import wraps

from aiohttp import web
from webjobs_events.deployment_id import requested_at_of

from webjobs_api.backends.job_deployment import DeploymentState, JobDeployment
from webjobs_api.http import request_context
from webjobs_api.http.deployment_json import deployment_url, job_deployment_json
from webjobs_api.http.job_errors import DeploymentGoesOn
from webjobs_api.http.keys import LIVE_SETTINGS
from webjobs_api.http.preference import Preference, preference_of

_POLL_SECONDS = "1"


def preference(request: web.Request) -> Preference:
    """How long the client of a request wants to wait."""
    return preference_of(", ".join(request.headers.getall("Prefer", ())))


def accepting(
    handler: Callable[[web.Request], Awaitable[web.Response]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The handler of a deployment, which answers one that goes on with 202."""

    @wraps(handler)
    async def answer(request: web.Request) -> web.Response:
        try:
            response = await handler(request)
        except DeploymentGoesOn as going_on:
            response = _accepted(request, going_on)
        if applied := preference(request).applied:
            response.headers["Preference-Applied"] = applied
        return response

    return answer


def _accepted(request: web.Request, going_on: DeploymentGoesOn) -> web.Response:
    command, now = going_on.command, datetime.now(UTC)
    deployment = JobDeployment(
        id=going_on.deployment_id,
        job_type=command.job_type,
        job_name=command.job_name,
        requested_at=requested_at_of(going_on.deployment_id),
        requested_by=command.requested_by,
        state=DeploymentState.QUEUED,
    )
    site_name = request.app[LIVE_SETTINGS].get("WEBSITE_SITE_NAME") or "webjobs"
    urls = request_context.urls(request)
    response = request_context.json(
        request_context.enveloped(request, job_deployment_json(deployment, urls, site_name, now))
    )
    response.set_status(202)
    response.headers["Location"] = deployment_url(request_context.base(request), deployment.id)
    response.headers["Retry-After"] = _POLL_SECONDS
    return response
