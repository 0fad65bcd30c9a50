"""The errors of requests about jobs and runs."""

from collections.abc import Mapping, Sequence

from webjobs_events.commands import DeployJob, ReplyCode
from webjobs_events.deployment_id import deployment_id_of
from webjobs_events.queries import RunView
from webjobs_rules.errors import WebJobsError
from webjobs_rules.job import JobType
from webjobs_rules.near_miss import closest_name


class JobNotFound(WebJobsError):
    """No job of this type has this name."""

    http_status = 404

    def __init__(self, job_type: JobType, job_name: str, refused: str | None = None) -> None:
        self.job_type = job_type
        self.job_name = job_name
        self.refused = refused
        why = f" A folder of this name was refused: {refused}" if refused else ""
        super().__init__(f"There is no {job_type} job named {job_name!r}.{why}")


class RunNotFound(WebJobsError):
    """The job has no run of this id, or no longer."""

    http_status = 404

    def __init__(self, job_name: str, run_id: str) -> None:
        self.job_name = job_name
        self.run_id = run_id
        super().__init__(f"The job {job_name!r} has no run {run_id[:60]!r}.")


class LogNotFound(WebJobsError):
    """There is no such log file, or nothing was written to it."""

    http_status = 404

    def __init__(self, file_name: str) -> None:
        self.file_name = file_name
        super().__init__(f"There is no log file {file_name[:200]!r}.")


class InvalidForm(WebJobsError):
    """The body of a request is not the form that the address takes."""

    http_status = 400

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The form cannot be read: {reason}.")


class FormTooLarge(WebJobsError):
    """The form of a page is longer than any that a person fills in."""

    http_status = 413

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        super().__init__(
            f"The form is larger than the limit of {limit_bytes:,} bytes. Nothing was changed. "
            "Go back, and shorten what is typed in it."
        )


class InvalidNames(WebJobsError):
    """The body is no list of names of files."""

    http_status = 400

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f'The body cannot be used: {reason}. Send JSON such as {{"names": ["run.py"]}}.')


class ScheduleMissing(WebJobsError):
    """A preview without a schedule."""

    http_status = 400

    def __init__(self) -> None:
        super().__init__('The query parameter "schedule" is missing: six cron fields, such as 0 0 2 * * *.')


class NameNotRepeated(WebJobsError):
    """A job is to be deleted by a form that does not repeat its name."""

    http_status = 400

    def __init__(self, job_name: str, typed: str) -> None:
        self.job_name = job_name
        self.typed = typed
        super().__init__(
            f"Nothing was deleted: to delete the job, type its name, {job_name!r}; {typed[:200]!r} was typed."
        )


class AssetNotFound(WebJobsError):
    """Pages have no file of this name, or one of another version had."""

    http_status = 404

    def __init__(self, file_name: str) -> None:
        self.file_name = file_name
        super().__init__(f"There is no file {file_name[:200]!r} of pages here. Load the page again.")


class LogIncomplete(WebJobsError):
    """A part of a log is missing: it is still on its way to the stream of logs, or it was removed."""

    http_status = 503

    def __init__(self, file_name: str, reached: int, size: int | None) -> None:
        self.file_name = file_name
        self.reached = reached
        self.size = size
        of = f" of {size:,}" if size is not None else ""
        super().__init__(
            f"The log {file_name[:200]!r} is not whole here: {reached:,}{of} bytes of it are stored. "
            "The rest is on its way, or was removed. Try again."
        )


class SchemaNotFound(WebJobsError):
    """There is no JSON Schema of this name."""

    http_status = 404

    def __init__(self, file_name: str) -> None:
        self.file_name = file_name
        super().__init__(
            f"There is no schema {file_name[:200]!r}. Names are those in the ce-dataschema of events, "
            "and settings.job.json."
        )


class RunAlreadyInProgress(WebJobsError):
    """A triggered job runs as often at a time as its settings allow: once, unless they say otherwise."""

    http_status = 409

    def __init__(self, job_name: str, at_once: int = 1) -> None:
        self.job_name = job_name
        self.at_once = at_once
        times, until = ("", "its run has") if at_once == 1 else (f" {at_once} times", "one of its runs has")
        super().__init__(f"The job {job_name!r} is already running{times}. Wait until {until} ended.")


class RunHasEnded(WebJobsError):
    """A run cannot be cancelled any more."""

    http_status = 409

    def __init__(self, run: RunView) -> None:
        self.run = run
        how = f" {run.evidence}" if run.evidence else f" ({run.reason})" if run.reason else ""
        follows = f" Its next attempt is the run {run.next_run_id}." if run.next_run_id else ""
        super().__init__(
            f"The run {run.run_id} of {run.job_name!r} has ended already as {run.status}.{how}{follows}"
        )


class InvalidIdempotencyKey(WebJobsError):
    """An `Idempotency-Key` that cannot be remembered."""

    http_status = 400

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"The Idempotency-Key cannot be used: {reason}. "
            "Send 1 to 255 printable characters, such as a UUID."
        )


class IdempotencyKeyReused(WebJobsError):
    """An `Idempotency-Key` that stands for another request."""

    http_status = 422

    def __init__(self, job_name: str, key: str, run_id: str) -> None:
        self.job_name = job_name
        self.key = key
        self.run_id = run_id
        super().__init__(
            f"The Idempotency-Key {key!r} stands for the run {run_id} of {job_name!r}, which was asked for "
            "with other arguments. Use a new key for a new request."
        )


class NoSpaceLeft(WebJobsError):
    """No runner has room on its disk; nothing was done."""

    http_status = 507

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"There is no space left: {reason}. Free some disk space, or add some; nothing was changed."
        )


class JobsAreStopped(WebJobsError):
    """WEBJOBS_STOPPED holds every job back."""

    http_status = 409

    def __init__(self) -> None:
        super().__init__(
            "WebJobs are in stopped state by the setting WEBJOBS_STOPPED. Remove it or set it to 0."
        )


class JobNotEnabled(WebJobsError):
    """The job's own settings keep it from running."""

    http_status = 409

    def __init__(self, job_name: str) -> None:
        self.job_name = job_name
        super().__init__(
            f"The job {job_name!r} is not enabled. Remove enabled from its settings.job, or set it to true."
        )


class JobIsStopped(WebJobsError):
    """A continuous job that is disabled has nothing to restart."""

    http_status = 409

    def __init__(self, job_name: str) -> None:
        self.job_name = job_name
        super().__init__(
            f"The job {job_name!r} is stopped, and a restart does not enable it. Start it with POST …/start."
        )


class JobIsBusy(WebJobsError):
    """The same change of the job is being made already, and takes long."""

    http_status = 409

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


class VersionNotFound(WebJobsError):
    """The job has no version of this digest, or does not remember it any more."""

    http_status = 404

    def __init__(self, job_name: str, digest: str) -> None:
        self.job_name = job_name
        self.digest = digest
        super().__init__(
            f"The job {job_name!r} has no version {digest[:80]!r} that is remembered. Name a version by its "
            "digest or the first 8 digits of it or more."
        )


class VersionGone(WebJobsError):
    """The files of a version are not kept any more."""

    http_status = 410

    def __init__(self, digest: str) -> None:
        self.digest = digest
        super().__init__(
            f"The files of version {digest[:12]} are not kept any more (WEBJOBS_KEPT_VERSIONS says how many "
            "versions of a job are). Deploy them again."
        )


class CommandWithdrawn(WebJobsError):
    """No runner took the command in time, and it was taken back: nothing was changed."""

    http_status = 503

    def __init__(self, job_name: str, verb: str) -> None:
        self.job_name = job_name
        self.verb = verb
        super().__init__(f"No runner took the {verb} of {job_name!r}; it was taken back. Try again later.")


class CommandUnanswered(WebJobsError):
    """A runner has the command, and did not say how it ended."""

    http_status = 503

    def __init__(self, job_name: str, verb: str) -> None:
        self.job_name = job_name
        self.verb = verb
        super().__init__(
            f"The runner did not say how the {verb} of {job_name!r} ended. Look at the job, then try again."
        )


class DeploymentGoesOn(WebJobsError):
    """A deployment takes longer than its request waits; no error of the deployment.

    Attributes:
        command: The deployment.
        deployment_id: Names it.
    """

    http_status = 202

    def __init__(self, command: DeployJob) -> None:
        self.command = command
        self.deployment_id = deployment_id_of(command.command_id) or ""
        super().__init__(
            f"The deployment of {command.job_name!r} goes on. "
            f"GET /api/deployments/{self.deployment_id} says how far it is."
        )


class DeploymentNotFound(WebJobsError):
    """There is no deployment of this id, or no longer."""

    http_status = 404

    def __init__(self, deployment_id: str) -> None:
        self.deployment_id = deployment_id
        which = "There is no deployment yet" if deployment_id == "latest" else "There is no such deployment"
        super().__init__(f"{which}: {deployment_id[:100]!r}. GET /api/deployments lists those that are kept.")


class NoRunnerAlive(WebJobsError):
    """No runner is alive."""

    http_status = 503

    def __init__(self) -> None:
        super().__init__("No runner is alive at the moment. Start one, or try again in a moment.")


class JobNotServing(WebJobsError):
    """A request cannot be led on to a job's own server."""

    http_status = 503

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class JobAnswerBroken(WebJobsError):
    """A job's own server took the request, and gave no answer that HTTP allows."""

    http_status = 502

    def __init__(self, job_name: str, reason: str) -> None:
        self.job_name = job_name
        self.reason = reason
        super().__init__(f"The job {job_name!r} gave no valid answer: {reason or 'the connection ended'}.")


class FileNameMissing(WebJobsError):
    """A script was uploaded without a name."""

    http_status = 400

    def __init__(self) -> None:
        super().__init__(
            "The upload has no file name. Send Content-Disposition: attachment; filename=run.sh, "
            "or Content-Type: application/zip with a zip file."
        )


class InvalidFileName(WebJobsError):
    """A script's name that no folder should carry."""

    http_status = 400

    def __init__(self, file_name: str, reason: str) -> None:
        self.file_name = file_name
        self.reason = reason
        super().__init__(f"{file_name[:150]!r} is not a file name: {reason}.")


class EncodedUpload(WebJobsError):
    """A file came compressed by HTTP, where it is unknown whether all of it arrived."""

    http_status = 415

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
        super().__init__(f"Send the file as it is, without Content-Encoding: {encoding[:40]}.")


class UnknownEncoding(WebJobsError):
    """A body is compressed in a way that is not read.

    Args:
        encoding: Value of its Content-Encoding.
        readable: The encodings that are read.
    """

    http_status = 415

    def __init__(self, encoding: str, readable: Sequence[str]) -> None:
        self.encoding = encoding
        self.http_headers = {"Accept-Encoding": ", ".join(readable)}
        super().__init__(
            f"A body with Content-Encoding: {encoding[:40]} cannot be read. Send it as it is, "
            f"or as {' or '.join(readable)}."
        )


class BrokenEncoding(WebJobsError):
    """A body is not compressed as its Content-Encoding says.

    Args:
        encoding: Value of its Content-Encoding.
        is_cut: Whether it begins as it should, and its end is missing.
    """

    http_status = 400

    def __init__(self, encoding: str, *, is_cut: bool = False) -> None:
        self.encoding = encoding
        reason = f"is {encoding} without its end" if is_cut else f"is not {encoding}"
        super().__init__(
            f"The body {reason}, though its Content-Encoding says so. Nothing was changed. "
            "Send it again whole, or as it is and without Content-Encoding."
        )


class UnsupportedUpload(WebJobsError):
    """An HTML form was sent in place of a file."""

    http_status = 400

    def __init__(self, content_type: str) -> None:
        self.content_type = content_type
        super().__init__(
            f"A body of {content_type[:80]} cannot be deployed. Send the file itself as the body, "
            "for example with curl --upload-file."
        )


class UploadTooLarge(WebJobsError):
    """The body is larger than this service takes.

    Args:
        limit_bytes: Most that is taken.
        variable: The setting of the limit, if there is one.
        advice: What to do, if it is more than to send less.
    """

    http_status = 413

    def __init__(self, limit_bytes: int, variable: str = "", advice: str = "") -> None:
        self.limit_bytes = limit_bytes
        raised = f" It is raised with {variable}." if variable else ""
        more = f" {advice}" if advice else ""
        super().__init__(f"The body is larger than the limit of {limit_bytes:,} bytes.{raised}{more}")


class UnknownParameter(WebJobsError):
    """A query parameter, or a field of a body, that the address does not take.

    Args:
        kind: What it is: `query parameter`, `form field` or `JSON field`.
        name: As given.
        known: What the address takes instead.
        hint: Another sentence for this case.
    """

    http_status = 400

    def __init__(self, kind: str, name: str, known: Sequence[str], hint: str = "") -> None:
        self.name = name
        self.known = tuple(known)
        close = closest_name(name, known, is_refused=True)
        meant = f" Did you mean {close!r}?" if close else ""
        takes = f"takes: {', '.join(known)}" if known else f"takes no {kind}s"
        super().__init__(f"Unknown {kind} {name[:100]!r}.{meant} This address {takes}.{hint and ' '}{hint}")


class RepeatedParameter(WebJobsError):
    """A query parameter, or a field of a body, that is given more than once."""

    http_status = 400

    def __init__(self, kind: str, name: str) -> None:
        self.name = name
        super().__init__(f"The {kind} {name!r} is given more than once. Give it once.")


class UnexpectedBody(WebJobsError):
    """A body where the address reads none."""

    http_status = 400

    def __init__(self, method: str, path: str) -> None:
        super().__init__(f"{method} {path[:200]} takes no body. Send the request without one.")


class UnsupportedArgumentsBody(WebJobsError):
    """A body of a run request from which no arguments can be read."""

    http_status = 400

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f'The body cannot be used: {reason}. Send no body, or {{"arguments": "--name Ann"}} as '
            "application/json, or the field arguments as application/x-www-form-urlencoded."
        )


class InvalidPage(WebJobsError):
    """A part of a list that cannot be named so."""

    http_status = 400

    def __init__(self, parameter: str, reason: str) -> None:
        self.parameter = parameter
        self.reason = reason
        super().__init__(f"The parameter {parameter} cannot be used: {reason}.")


class InvalidFlag(WebJobsError):
    """A parameter that says neither yes nor no."""

    http_status = 400

    def __init__(self, parameter: str, value: str) -> None:
        self.parameter = parameter
        self.value = value
        super().__init__(
            f"{parameter}={value[:60]!r} is neither yes nor no: write {parameter}=true or false."
        )


class InvalidSettingsBody(WebJobsError):
    """The body of a change of settings is not what `settings.job` can be."""

    http_status = 400

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f'Settings must be a JSON object such as {{"is_singleton": true}}: {reason}.')


class UnsupportedPatch(WebJobsError):
    """The body of a PATCH is of a type that says nothing about what changes."""

    http_status = 415
    http_headers: Mapping[str, str] = {"Accept-Patch": "application/merge-patch+json, application/json"}

    def __init__(self, content_type: str) -> None:
        self.content_type = content_type
        super().__init__(
            f"A patch of the type {content_type[:100]!r} cannot be used. Send a JSON merge patch "
            '(RFC 7396) such as {"timeout": 60, "retry": null}, with Content-Type: '
            "application/merge-patch+json or application/json."
        )


class InvalidRunFilter(WebJobsError):
    """A parameter that asks for what no run can be."""

    http_status = 400

    def __init__(self, parameter: str, value: str, reason: str) -> None:
        self.parameter = parameter
        self.value = value
        self.reason = reason
        super().__init__(f"{parameter}={value[:150]!r} selects no runs: {reason}.")


class InvalidEventFilter(WebJobsError):
    """A parameter that asks for what no event can be."""

    http_status = 400

    def __init__(self, parameter: str, value: str, reason: str) -> None:
        self.parameter = parameter
        self.value = value
        self.reason = reason
        super().__init__(f"{parameter}={value[:150]!r} selects no events: {reason}.")


class UnknownDialect(WebJobsError):
    """A description of a dialect that does not exist."""

    http_status = 400

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.name = name
        super().__init__(
            f"There is no dialect {name[:60]!r}; use one of {', '.join(known)}, or leave it out."
        )
