"""Error type → HTTP status and body: the errors of the api, one table, one middleware."""

from collections.abc import Mapping

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from webjobs_events.commands import ReplyCode
from webjobs_events.errors import (
    BusUnavailable,
    InvalidAppSetting,
    InvalidJobName,
    InvalidRunId,
    MessageTooLarge,
    NobodyListens,
    WebJobsError,
)
from webjobs_events.files import Fault
from webjobs_events.jetstream import QueryRefused
from webjobs_events.job import JobType
from webjobs_events.queries import RunView

log = structlog.stdlib.get_logger(__name__)

RETRY_AFTER = 2  # seconds that a client is asked to wait while a part of webjobs is away


class JobNotFound(WebJobsError):
    """No job of this type has this name."""

    def __init__(self, job_type: JobType, job_name: str) -> None:
        self.job_type = job_type
        self.job_name = job_name
        super().__init__(f"There is no {job_type} job named {job_name!r}.")


class RunNotFound(WebJobsError):
    """The job has no run of this id, or no longer."""

    def __init__(self, job_name: str, run_id: str) -> None:
        self.job_name = job_name
        self.run_id = run_id
        super().__init__(f"The job {job_name!r} has no run {run_id[:60]!r}.")


class LogNotFound(WebJobsError):
    """There is no such log file, or nothing was written to it."""

    def __init__(self, file_name: str) -> None:
        self.file_name = file_name
        super().__init__(f"There is no log file {file_name[:200]!r}.")


class SchemaNotFound(WebJobsError):
    """There is no JSON Schema of this name."""

    def __init__(self, file_name: str) -> None:
        self.file_name = file_name
        super().__init__(
            f"There is no schema {file_name[:200]!r}. Names are those in the ce-dataschema of events, "
            "and settings.job.json."
        )


class RunAlreadyInProgress(WebJobsError):
    """A triggered job runs as often at a time as its settings allow: once, unless they say otherwise."""

    def __init__(self, job_name: str, at_once: int = 1) -> None:
        self.job_name = job_name
        self.at_once = at_once
        times, until = ("", "its run has") if at_once == 1 else (f" {at_once} times", "one of its runs has")
        super().__init__(f"The job {job_name!r} is already running{times}. Wait until {until} ended.")


class RunHasEnded(WebJobsError):
    """A run cannot be cancelled any more."""

    def __init__(self, run: RunView) -> None:
        self.run = run
        how = f" {run.evidence}" if run.evidence else f" ({run.reason})" if run.reason else ""
        follows = f" Its next attempt is the run {run.next_run_id}." if run.next_run_id else ""
        super().__init__(
            f"The run {run.run_id} of {run.job_name!r} has ended already as {run.status}.{how}{follows}"
        )


class InvalidIdempotencyKey(WebJobsError):
    """An `Idempotency-Key` that cannot be remembered."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"The Idempotency-Key cannot be used: {reason}. "
            "Send 1 to 255 printable characters, such as a UUID."
        )


class IdempotencyKeyReused(WebJobsError):
    """An `Idempotency-Key` that stands for another request."""

    def __init__(self, job_name: str, key: str, run_id: str) -> None:
        self.job_name = job_name
        self.key = key
        self.run_id = run_id
        super().__init__(
            f"The Idempotency-Key {key!r} stands for the run {run_id} of {job_name!r}, which was asked for "
            "with other arguments. Use a new key for a new request."
        )


class JobsAreStopped(WebJobsError):
    """WEBJOBS_STOPPED holds every job back."""

    def __init__(self) -> None:
        super().__init__(
            "WebJobs are in stopped state by the setting WEBJOBS_STOPPED. Remove it or set it to 0."
        )


class JobNotEnabled(WebJobsError):
    """The job's own settings keep it from running."""

    def __init__(self, job_name: str) -> None:
        self.job_name = job_name
        super().__init__(
            f"The job {job_name!r} is not enabled. Remove enabled from its settings.job, or set it to true."
        )


class JobIsBusy(WebJobsError):
    """The same change of the job is being made already, and takes long."""

    def __init__(self, job_name: str, verb: str) -> None:
        self.job_name = job_name
        self.verb = verb
        super().__init__(f"Another {verb} of the job {job_name!r} is not finished yet. Try again later.")


class CommandFailed(WebJobsError):
    """A runner could not do what was asked.

    Attributes:
        code: As the runner answered.
    """

    def __init__(self, code: ReplyCode, message: str) -> None:
        self.code = code
        super().__init__(message or f"The runner answered {code.value}.")


class CommandWithdrawn(WebJobsError):
    """No runner took the command in time, and it was taken back: nothing was changed."""

    def __init__(self, job_name: str, verb: str) -> None:
        self.job_name = job_name
        self.verb = verb
        super().__init__(f"No runner took the {verb} of {job_name!r}; it was taken back. Try again later.")


class CommandUnanswered(WebJobsError):
    """A runner has the command, and did not say how it ended."""

    def __init__(self, job_name: str, verb: str) -> None:
        self.job_name = job_name
        self.verb = verb
        super().__init__(
            f"The runner did not say how the {verb} of {job_name!r} ended. Look at the job, then try again."
        )


class NoRunnerAlive(WebJobsError):
    """Nobody is there to run anything."""

    def __init__(self) -> None:
        super().__init__("No runner is alive at the moment. Start one, or try again in a moment.")


class JobNotServing(WebJobsError):
    """A request cannot be led on to a job's own server."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class JobAnswerBroken(WebJobsError):
    """A job's own server took the request, and gave no answer that HTTP allows."""

    def __init__(self, job_name: str, reason: str) -> None:
        self.job_name = job_name
        self.reason = reason
        super().__init__(f"The job {job_name!r} gave no valid answer: {reason or 'the connection ended'}.")


class FileNameMissing(WebJobsError):
    """A script was uploaded without a name."""

    def __init__(self) -> None:
        super().__init__(
            "The upload has no file name. Send Content-Disposition: attachment; filename=run.sh, "
            "or Content-Type: application/zip with a zip file."
        )


class InvalidFileName(WebJobsError):
    """A script's name that no folder should carry."""

    def __init__(self, file_name: str, reason: str) -> None:
        self.file_name = file_name
        self.reason = reason
        super().__init__(f"{file_name[:150]!r} is not a file name: {reason}.")


class UnsupportedUpload(WebJobsError):
    """An HTML form was sent in place of a file."""

    def __init__(self, content_type: str) -> None:
        self.content_type = content_type
        super().__init__(
            f"A body of {content_type[:80]} cannot be deployed. Send the file itself as the body, "
            "for example with curl --upload-file."
        )


class UploadTooLarge(WebJobsError):
    """The body is larger than this service takes."""

    def __init__(self, limit_bytes: int, variable: str = "") -> None:
        self.limit_bytes = limit_bytes
        raised = f" It is raised with {variable}." if variable else ""
        super().__init__(f"The body is larger than the limit of {limit_bytes:,} bytes.{raised}")


class PartOfFile(WebJobsError):
    """An upload that is only a part of a file."""

    def __init__(self, content_range: str) -> None:
        self.content_range = content_range
        super().__init__(
            f"A part of a file (Content-Range: {content_range[:80]}) cannot be put; send all of it."
        )


class InvalidArguments(WebJobsError):
    """Arguments that cannot be handed to a script."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The arguments cannot be passed on: {reason}.")


class InvalidPage(WebJobsError):
    """A part of a list that cannot be named so."""

    def __init__(self, parameter: str, reason: str) -> None:
        self.parameter = parameter
        self.reason = reason
        super().__init__(f"The parameter {parameter} cannot be used: {reason}.")


class InvalidFlag(WebJobsError):
    """A parameter that says neither yes nor no."""

    def __init__(self, parameter: str, value: str) -> None:
        self.parameter = parameter
        self.value = value
        super().__init__(
            f"{parameter}={value[:60]!r} is neither yes nor no: write {parameter}=true or false."
        )


class InvalidSettingsBody(WebJobsError):
    """The body of a change of settings is not what `settings.job` can be."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f'Settings must be a JSON object such as {{"is_singleton": true}}: {reason}.')


class InvalidEventFilter(WebJobsError):
    """A parameter that asks for what no event can be."""

    def __init__(self, parameter: str, value: str, reason: str) -> None:
        self.parameter = parameter
        self.value = value
        self.reason = reason
        super().__init__(f"{parameter}={value[:150]!r} selects no events: {reason}.")


class AppSettingNotFound(WebJobsError):
    """No app setting has this name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"There is no setting {name[:100]!r}. GET /api/settings lists those that are there.")


class InvalidAppSettingsBody(WebJobsError):
    """The body of a change of app settings is no object of them."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f'App settings must be a JSON object such as {{"GREETING": "hello"}}: {reason}.')


class AppSettingsTooLarge(WebJobsError):
    """More app settings than the environment of a process can hold."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        super().__init__(
            f"All app settings together would be larger than {limit_bytes:,} bytes, too much for the "
            "environment of a job. Keep large values in a file."
        )


class InvalidHook(WebJobsError):
    """A hook, or something for hooks, that cannot be."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"This hook cannot be: {reason}.")


class HookNotFound(WebJobsError):
    """No hook has this id, or no longer."""

    def __init__(self, hook_id: str) -> None:
        self.hook_id = hook_id
        super().__init__(f"There is no hook {hook_id[:60]!r}.")


class HookConflict(WebJobsError):
    """An address is called for one thing only."""

    def __init__(self, url: str, event: str) -> None:
        self.url = url
        self.event = event
        super().__init__(
            f"A hook calls {url[:200]} for {event} already. Delete that one first, or use another url."
        )


class FolderNotEmpty(WebJobsError):
    """A job's folder is only removed with everything in it."""

    def __init__(self) -> None:
        super().__init__("The folder is not empty. Add ?recursive=true to delete the job.")


class InvalidPath(WebJobsError):
    """An address whose path is no text."""

    def __init__(self, raw_path: str) -> None:
        self.raw_path = raw_path
        super().__init__(f"The path {raw_path[:150]!r} is not percent-encoded UTF-8.")


class InvalidInstance(WebJobsError):
    """An instance id that no runner can have."""

    def __init__(self, instance_id: str) -> None:
        self.instance_id = instance_id
        super().__init__(f"{instance_id[:60]!r} is not an instance id; it has 6 hex digits, such as 327e1e.")


class InstanceNotAlive(WebJobsError):
    """The runner whose files are asked for is not there."""

    def __init__(self, instance_id: str) -> None:
        self.instance_id = instance_id
        super().__init__(
            f"No runner with the instance id {instance_id} is alive. Leave ?instance out to take another."
        )


class FilesRefused(WebJobsError):
    """A runner did not do with a file what was asked.

    Attributes:
        fault: Why.
        etag: Of the file as it is, when it is not as the client took it to be.
    """

    def __init__(self, fault: Fault, message: str, etag: str = "") -> None:
        self.fault = fault
        self.etag = etag
        super().__init__(message)


class RangeNotSatisfiable(WebJobsError):
    """The part of a file that was asked for lies behind its end."""

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(f"The file has only {size:,} bytes; ask for a range within them.")


class CredentialsWanted(WebJobsError):
    """The request bears no credentials, or wrong ones."""

    def __init__(self) -> None:
        super().__init__("Send the name and password of this webjobs by HTTP Basic.")


class InvalidHost(WebJobsError):
    """A Host header that no host can have."""

    def __init__(self, host: str) -> None:
        self.host = host
        super().__init__(f"{host[:100]!r} is not a host. Send the name or address of this server as Host.")


class ForeignHost(WebJobsError):
    """Without credentials only those are served who call this machine by a name of its own."""

    def __init__(self, host: str) -> None:
        self.host = host
        super().__init__(
            f"The host {host[:100]!r} is not served without credentials. Use localhost, or set "
            "WEBJOBS_USERNAME and WEBJOBS_PASSWORD."
        )


class ForeignOrigin(WebJobsError):
    """A page of another site asks a browser to change something here."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        super().__init__(f"A page of {origin[:100]!r} may not change anything here.")


STATUSES: Mapping[type[WebJobsError], int] = {
    InvalidHost: 400,
    CredentialsWanted: 401,
    ForeignHost: 403,
    ForeignOrigin: 403,
    JobNotFound: 404,
    RunNotFound: 404,
    LogNotFound: 404,
    AppSettingNotFound: 404,
    SchemaNotFound: 404,
    HookNotFound: 404,
    InvalidRunId: 404,
    InvalidJobName: 400,
    FileNameMissing: 400,
    InvalidFileName: 400,
    UnsupportedUpload: 400,
    InvalidArguments: 400,
    InvalidPage: 400,
    InvalidSettingsBody: 400,
    InvalidEventFilter: 400,
    InvalidAppSettingsBody: 400,
    InvalidAppSetting: 400,
    InvalidHook: 400,
    RunAlreadyInProgress: 409,
    RunHasEnded: 409,
    InvalidIdempotencyKey: 400,
    IdempotencyKeyReused: 422,
    JobsAreStopped: 409,
    JobNotEnabled: 409,
    JobIsBusy: 409,
    FolderNotEmpty: 409,
    HookConflict: 409,
    UploadTooLarge: 413,
    AppSettingsTooLarge: 413,
    MessageTooLarge: 413,
    InvalidFlag: 400,
    PartOfFile: 400,
    InvalidPath: 400,
    InvalidInstance: 400,
    InstanceNotAlive: 404,
    RangeNotSatisfiable: 416,
    BusUnavailable: 503,
    NobodyListens: 503,
    NoRunnerAlive: 503,
    JobNotServing: 503,
    JobAnswerBroken: 502,
    CommandWithdrawn: 503,
    CommandUnanswered: 503,
}

REPLY_STATUSES: Mapping[ReplyCode, int] = {
    ReplyCode.BAD_UPLOAD: 400,
    ReplyCode.NO_RUNNABLE_SCRIPT: 400,
    ReplyCode.INVALID_SETTINGS: 400,
    ReplyCode.TOO_LARGE: 413,
    ReplyCode.JOB_NOT_FOUND: 404,
    ReplyCode.FAILED: 500,
}

FAULT_STATUSES: Mapping[Fault, int] = {
    Fault.BAD_PATH: 400,
    Fault.BAD_ARCHIVE: 400,
    Fault.RESERVED: 403,
    Fault.FORBIDDEN: 403,
    Fault.NOT_FOUND: 404,
    Fault.OUTSIDE: 404,
    Fault.CONFLICT: 409,
    Fault.NOT_EMPTY: 409,
    Fault.PRECONDITION: 412,
    Fault.BUSY: 503,
    Fault.SESSION_GONE: 503,
    Fault.NO_SPACE: 507,
    Fault.FAILED: 500,
}

_HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"WWW-Authenticate": 'Basic realm="webjobs", charset="UTF-8"'},
    503: {"Retry-After": str(RETRY_AFTER)},
}


def status_of(error: WebJobsError) -> int:
    """The HTTP status that tells this error; 500 for one that no request should cause."""
    if isinstance(error, CommandFailed):
        return REPLY_STATUSES.get(error.code, 500)
    if isinstance(error, FilesRefused):
        return FAULT_STATUSES.get(error.fault, 500)
    if isinstance(error, QueryRefused):
        return 503 if error.code == 503 else 500
    return STATUSES.get(type(error), 500)


def headers_of(status: int) -> Mapping[str, str]:
    """What an answer of this status must say beside its body."""
    return _HEADERS.get(status, {})


@web.middleware
async def error_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn errors into short plain text; what nobody foresaw is logged and answered with 500."""
    try:
        return await handler(request)
    except WebJobsError as error:
        status = status_of(error)
        if status == 500:
            log.error("request failed", method=request.method, path=request.path, error=str(error))
        return web.Response(status=status, text=str(error), headers=headers_of(status))
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as error:
        if error.text == f"{error.status}: {error.reason}":  # the router's own words help nobody
            error.text = _told(request, error)
        raise
    except web.RequestPayloadError as error:
        log.debug("body not readable", method=request.method, path=request.path, error=str(error))
        return web.Response(status=400, text="The body is not encoded as Content-Encoding and HTTP say.")
    except (web.HTTPException, ConnectionError):
        raise
    except Exception:
        log.exception("request failed", method=request.method, path=request.path)
        return web.Response(status=500, text="The api failed; its log says why.")


def _told(request: web.Request, error: web.HTTPNotFound | web.HTTPMethodNotAllowed) -> str:
    if isinstance(error, web.HTTPMethodNotAllowed):
        methods = ", ".join(sorted(error.allowed_methods))
        return f"This address cannot be asked with {request.method[:20]}, but with {methods}."
    return f"There is nothing at {request.path[:200]!r}. The page /docs shows every address there is."
