"""The handler that says why a job does not run."""

import msgspec
from aiohttp import web

from webjobs_api.backends.job_deployments import JOB_DEPLOYMENTS
from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.runners import RUNNERS
from webjobs_api.http import request_context
from webjobs_api.http.job_errors import JobNotFound
from webjobs_api.why.causes import Cause, causes_of, causes_of_new_job
from webjobs_api.why.state import state_of


class CausesJson(msgspec.Struct, frozen=True, kw_only=True):
    """Why a job does not run.

    Attributes:
        job: Name of the job.
        type: Triggered or continuous.
        causes: Every cause that holds, the one to look at first in front; never empty.
    """

    job: str
    type: str
    causes: list[Cause]


async def get_causes(request: web.Request) -> web.Response:
    """`GET /api/jobs/{type}/{job}/why`."""
    job_type, job_name = request_context.job_type(request), request_context.job_name(request)
    try:
        definition = await request.app[DEFINITIONS].get(job_type, job_name)
    except JobNotFound:
        deployment = await request.app[JOB_DEPLOYMENTS].in_progress(job_type, job_name)
        causes = causes_of_new_job(deployment, request.app[RUNNERS].preparing(job_type, job_name))
        if not causes:
            raise
        return request_context.json(CausesJson(job=job_name, type=job_type.value, causes=causes))
    causes = causes_of(await state_of(request.app, definition))
    return request_context.json(CausesJson(job=definition.job_name, type=job_type.value, causes=causes))
