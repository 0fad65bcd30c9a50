"""Deployments: of packages as clients of Azure make them, and the list of these and of those of jobs."""

from collections.abc import Mapping
from dataclasses import replace

from webjobs_api.http.deployment_json import DeploymentJson
from webjobs_api.http.operation import JSON, TEXT, Answer, Body, Operation, Parameter, json_of
from webjobs_api.site_deployments.responses import LogEntryJson, RuntimeJson

_TAG = "Deployments"
_ANY = {"type": "string"}
_FLAG = {"type": "string", "examples": ["true"]}
_PACKAGE = Body(
    description="The package, or a form with it as the only file.",
    content={"application/zip": {}, "application/octet-stream": {}, "multipart/form-data": {}},
)


def _parameter(name: str, description: str, schema: Mapping[str, object] = _ANY) -> Parameter:
    return Parameter(name=name, schema=dict(schema), description=description)


_ABOUT = (
    _parameter("deployer", "Name of the way by which the package comes; kept with the deployment."),
    _parameter("message", "Kept with the deployment."),
    _parameter("author", "Kept with the deployment."),
    _parameter("authorEmail", "Kept with the deployment."),
    _parameter("trackDeploymentProgress", "Accepted; the answer names the deployment in any case.", _FLAG),
    _parameter("remoteBuild", "Accepted; nothing is built.", _FLAG),
)
_CLEAN = _parameter("clean", "With true, what the package does not hold is removed from the folder.", _FLAG)
_ZIP_DEPLOY = Operation(
    tag=_TAG,
    summary="Deploy a package into site/wwwroot",
    description="The archive is laid over `site/wwwroot`. Jobs in `App_Data/jobs` are deployed before the "
    "answer, which has a warning for each that was refused. A package that is refused has changed nothing.",
    query=(
        _parameter("isAsync", "With true, the answer comes at once, as 202.", _FLAG),
        _parameter("async", "The same.", _FLAG),
        _CLEAN,
        *_ABOUT,
    ),
    body=_PACKAGE,
    answers={
        200: json_of(DeploymentJson, "Deployed.", SCM_DEPLOYMENT_ID="The id of the deployment."),
        202: json_of(DeploymentJson, "In progress.", Location="Where to ask how far it is."),
    },
    errors=(400, 404, 409, 413, 415, 507),
)
_PUBLISH = replace(
    _ZIP_DEPLOY,
    summary="Deploy a package or a file",
    description="As `az webapp deploy` sends it. `type=zip` is an archive for the folder `path`, "
    "`type=static` a file; `path` is relative to `site/wwwroot`.",
    query=(
        Parameter(
            name="type",
            schema={"type": "string", "enum": ["zip", "static"]},
            description="What the body is. Other types of `az webapp deploy` are refused.",
            is_required=True,
        ),
        _parameter("path", "The folder, or the file; relative to `site/wwwroot`, or `/home/…`."),
        _parameter("restart", "Accepted; jobs that change are restarted in any case.", _FLAG),
        _parameter("ignorestack", "Accepted; there is one stack only.", _FLAG),
        _parameter("reset", "Accepted, without effect.", _FLAG),
        *_ZIP_DEPLOY.query,
    ),
)
_LATEST = "`latest` stands for the one in progress, or else for the one that ended last."

OPERATIONS: Mapping[str, Operation] = {
    "POST /api/zipdeploy": _ZIP_DEPLOY,
    "PUT /api/zipdeploy": _ZIP_DEPLOY,
    "POST /api/publish": _PUBLISH,
    "PUT /api/publish": _PUBLISH,
    "GET /api/deployments": Operation(
        tag=_TAG,
        summary="List the deployments",
        description="Of jobs and of packages, newest first. The newest 50 of each job and the newest 50 "
        "packages are kept. `Link` leads to the next page.",
        query=(
            _parameter(
                "job", "Those of this job alone.", {"type": "string", "examples": ["triggered/hello"]}
            ),
            _parameter("before", "Those after this place of the list, as the `Link` of a page has it."),
            Parameter(
                name="limit",
                schema={"type": "integer", "minimum": 1, "maximum": 1000, "default": 50},
                description="At most this many.",
            ),
            _parameter("$orderby", "Accepted; the newest is always the first."),
            _parameter("$top", "Accepted, without effect."),
            _parameter("warmup", "Accepted, without effect."),
        ),
        answers={
            200: json_of(
                {"type": "array", "items": DeploymentJson},
                "The deployments.",
                Link="The next page, with rel=next, if there is one.",
            )
        },
        errors=(400,),
    ),
    "GET /api/deployments/{deployment}": Operation(
        tag=_TAG,
        summary="Read a deployment",
        description=_LATEST,
        query=(
            _parameter("deployer", "Accepted, without effect: a part of the address to poll."),
            _parameter("time", "The same."),
        ),
        answers={
            200: json_of(DeploymentJson, "The deployment."),
            202: json_of(DeploymentJson, "The latest one is in progress; ask again."),
        },
        errors=(404,),
    ),
    "PUT /api/deployments/{deployment}": Operation(
        tag=_TAG,
        summary="Record a deployment that was made elsewhere",
        description="Nothing is deployed.",
        body=Body(
            description="How it ended.",
            content={
                "application/json": {
                    "type": "object",
                    "properties": {
                        "status": {"type": "integer", "enum": [3, 4]},
                        "message": {"type": "string", "minLength": 1},
                        "deployer": {"type": "string", "minLength": 1},
                        "author": {"type": "string", "minLength": 1},
                        "author_email": {"type": "string"},
                    },
                    "required": ["status", "message", "deployer", "author"],
                }
            },
        ),
        answers={200: json_of(DeploymentJson, "Recorded.")},
        errors=(409, 413),
    ),
    "GET /api/deployments/{deployment}/log": Operation(
        tag=_TAG,
        summary="Read the log of a deployment",
        description="Of a job it is text, which `follow` sends as it grows; of a package it is a list.",
        query=(_parameter("follow", "With true, of a job: until the deployment has ended.", _FLAG),),
        answers={
            200: Answer(
                description="The log, oldest entry first.",
                content={
                    JSON: {"type": "array", "items": LogEntryJson},
                    TEXT: {"type": "string"},
                },
            )
        },
        errors=(404,),
    ),
    "GET /diagnostics/runtime": Operation(
        tag=_TAG,
        summary="Read on which system scripts run",
        description="The GitHub action asks this before it deploys.",
        answers={200: json_of(RuntimeJson, "The system.")},
    ),
}
