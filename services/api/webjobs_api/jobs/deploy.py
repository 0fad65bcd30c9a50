"""Handlers that upload and remove a job's files."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from msgspec.structs import replace
from webjobs_events.commands import CommandReply, DeleteJob, DeployJob
from webjobs_events.files import Fault
from webjobs_rules.errors import WebJobsError
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunId

from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.backends.runners import RUNNERS
from webjobs_api.http import request_context
from webjobs_api.http.error_responses import status_of
from webjobs_api.http.file_errors import FilesRefused, FolderNotEmpty
from webjobs_api.http.job_errors import JobNotFound
from webjobs_api.http.requests import Upload, upload_of
from webjobs_api.http.upload_body import ReceivedUpload, check_length, receive_upload
from webjobs_api.http.upload_errors import EmptyUpload
from webjobs_api.jobs import handlers as jobs
from webjobs_api.jobs.accepted import accepting, preference
from webjobs_api.jobs.commands import COMMANDS, command_from
from webjobs_api.jobs.deployments import DEPLOYMENTS

log = structlog.stdlib.get_logger(__name__)


@accepting
async def put_job(request: web.Request) -> web.Response:
    """`PUT /api/jobs/{type}/{job}`: the upload is all of the job's files. ARM sends settings here."""
    if request_context.is_arm(request) and request.content_type == "application/json":
        return await jobs.put_arm_settings(request)
    return await _put(request, merge=False)


@accepting
async def put_zip(request: web.Request) -> web.Response:
    """`PUT /api/zip/site/wwwroot/App_Data/jobs/{type}/{job}`: the archive is laid over the job's files."""
    return await _put(request, merge=True)


async def delete_job(request: web.Request) -> web.Response:
    """`DELETE /api/jobs/{type}/{job}`; a job that is not there is as good as deleted."""
    job_type, name = request_context.job_type(request), request_context.job_name(request)
    known = await request.app[DEFINITIONS].find(job_type, name)
    command = command_from(request, DeleteJob, job_type, known.job_name if known else name)
    try:
        await request.app[COMMANDS].send(command)
    except JobNotFound:
        log.debug("nothing to delete", job=command.job_name)
    return web.Response()


def folder_deletion(delete_item: Handler) -> Handler:
    """The handler of `DELETE /api/vfs/site/wwwroot/App_Data/jobs/{type}/{job}?recursive=true`.

    Args:
        delete_item: The handler that removes a folder without a script, or a file.
    """

    async def delete_folder(request: web.Request) -> web.StreamResponse:
        is_recursive = request_context.is_set(request, "recursive")
        job_type, name = request_context.job_type(request), request_context.job_name(request)
        if await request.app[DEFINITIONS].find(job_type, name) is not None:
            if not is_recursive:
                raise FolderNotEmpty
            return await delete_job(request)
        try:
            return await delete_item(request)
        except FilesRefused as error:  # a job that is not there is as good as deleted
            if error.fault is not Fault.NOT_FOUND or not is_recursive:
                raise
            return web.Response()

    return delete_folder


async def _put(request: web.Request, *, merge: bool) -> web.Response:
    job_type, name = request_context.job_type(request), request_context.job_name(request)
    done = await deploy_body(request, job_type, name, merge=merge)
    return await deployed(request, job_type, done.command.job_name)


@dataclass(frozen=True, slots=True)
class Done:
    """A deployment that has ended well: its command, which has the name as it is spelled, and the reply."""

    command: DeployJob
    reply: CommandReply


async def deploy_body(
    request: web.Request,
    job_type: JobType,
    name: JobName,
    *,
    merge: bool,
    seconds: float | None = None,
    patch: Mapping[str, Any] | None = None,
    run_id: RunId | None = None,
) -> Done:
    """Deploy the body of a request as the files of a job.

    Args:
        request: Its body is a zip archive, a script, or a form that holds one of them.
        job_type: Of the job.
        name: Of the job, as the client spells it.
        merge: Whether the files that the job has stay beside those in the archive.
        seconds: How long to wait at most; None: as the client asks for, or as long as any.
        patch: What changes in the settings of the job then, as a JSON merge patch.
        run_id: The run that is to be requested then.

    Raises:
        DeploymentGoesOn: It takes longer than the client waits.
        WebJobsError: Nothing was deployed.
    """
    check_length(request)
    await request.app[RUNNERS].require_one()
    received = await receive_upload(request)
    try:
        upload = _upload(request, received, merge=merge)
        known = await request.app[DEFINITIONS].find(job_type, name)
    except BaseException:
        received.file.close()
        raise
    name = known.job_name if known else name
    seconds = preference(request).seconds if seconds is None else seconds
    command = replace(_command(request, job_type, name, upload), patch=dict(patch or {}), run_id=run_id)
    return Done(command, await request.app[DEPLOYMENTS].deploy(command, received.file, seconds))


def _upload(request: web.Request, received: ReceivedUpload, *, merge: bool) -> Upload:
    upload = upload_of(
        received.content_type,
        request.headers.get("Content-Disposition", ""),
        merge=merge,
        head=received.head,
        form_name=received.file_name,
    )
    if not received.size:
        raise EmptyUpload
    return upload


def _command(request: web.Request, job_type: JobType, name: JobName, upload: Upload) -> DeployJob:
    return command_from(
        request,
        DeployJob,
        job_type,
        name,
        upload=f"upload-{secrets.token_hex(16)}",
        kind=upload.kind,
        file_name=upload.file_name,
        upgrade="upgrade" in request.query and request_context.is_set(request, "upgrade"),
    )


async def deployed(request: web.Request, job_type: JobType, name: JobName) -> web.Response:
    """The job as its GET shows it; the deploy stays done though history may be away just now."""
    definition = await request.app[DEFINITIONS].get(job_type, name)
    try:
        job = await jobs.job_json(request, definition)
    except WebJobsError as error:
        if status_of(error) != 503:
            raise
        log.warning("deployed while history is away", job=name, error=str(error))
        urls, written = request_context.urls(request), request_context.responses(request)
        if job_type is JobType.TRIGGERED:
            job = written.triggered_job_json(definition, None, urls, datetime.now(UTC))
        else:
            job = written.continuous_job_json(definition, [], urls)
    return request_context.warned(request_context.json(request_context.enveloped(request, job)), definition)
