"""Every triggered job as an operation, for clients that read Swagger 2.0."""

from collections.abc import Iterable
from typing import Any

from aiohttp import web
from webjobs_events.job import JobDefinition
from webjobs_rules.job import JobType

from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.http import request_context
from webjobs_api.http.dialects import KUDU
from webjobs_api.http.legacy_responses import in_name_order


async def get_swagger(request: web.Request) -> web.Response:
    """`GET /api/triggeredwebjobsswagger`."""
    definitions = in_name_order(request.app[DEFINITIONS].all_of(JobType.TRIGGERED))
    return request_context.show(request, document(definitions, request_context.base(request)))


def document(definitions: Iterable[JobDefinition], base: str) -> dict[str, Any]:
    """Returns the Swagger document; `base` is this api's address as the client reaches it."""
    scheme, _, address = base.partition("://")
    host, slash, prefix = address.partition("/")
    paths = KUDU.urls("")
    return {
        "swagger": "2.0",
        "info": {"version": "v1", "title": "WebJobs"},
        "host": host,
        **({"basePath": f"/{prefix}"} if slash else {}),
        "schemes": [scheme],
        "paths": {
            f"{paths.job(JobType.TRIGGERED, each.job_name)}/run": {"post": _operation(each)}
            for each in definitions
        },
    }


def _operation(definition: JobDefinition) -> dict[str, Any]:
    return {
        "deprecated": False,
        "operationId": definition.job_name,
        "consumes": [],
        "produces": [],
        "parameters": [
            {
                "name": "arguments",
                "in": "query",
                "description": "Arguments of the job, split as a shell would.",
                "required": False,
                "type": "string",
            }
        ],
        "responses": {
            "202": {
                "description": "The run is accepted.",
                "headers": {"Location": {"type": "string", "description": "Address of the run."}},
            },
            "404": {"description": "There is no such job."},
            "409": {"description": "The job is already running, or jobs are stopped."},
        },
    }
