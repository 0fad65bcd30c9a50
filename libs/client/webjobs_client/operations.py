"""Every operation of the api: its request from the arguments, and how its answer is read; pure.

Clients are made of this table; docs/http_api.md describes the routes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from webjobs_client.errors import ClientError, InvalidAnswer, InvalidRequest, error_of
from webjobs_client.exchange import Answer, Plan, Request, Send, Upload
from webjobs_client.models import (
    Acknowledgement,
    BulkAction,
    BulkResult,
    BulkRunAction,
    BulkRunResult,
    Cause,
    Delivery,
    Deployment,
    Health,
    Hook,
    IfRunning,
    JobDetails,
    JobType,
    LogMatches,
    LogWindow,
    Overview,
    Refusal,
    RunDetails,
    RunKey,
    RunPage,
    Schedule,
    Settings,
    System,
    Version,
)
from webjobs_client.tries import Terms, attempt

T = TypeVar("T")
Query = Iterable[tuple[str, object]]

_ASYNC = ("Prefer", "respond-async")
_JSON = ("Content-Type", "application/json")
_PATCH = ("Content-Type", "application/merge-patch+json")


class _Causes(msgspec.Struct, frozen=True):
    """The answer to why a job does not run."""

    causes: list[Cause]


class _Joined(msgspec.Struct, frozen=True):
    """The body of an answer that names a run which was there."""

    joined: bool = False


class Operation(msgspec.Struct, Generic[T], frozen=True):
    """One operation with its arguments.

    Attributes:
        request: What is sent.
        decode: Returns the result from a good answer.
        good: Statuses of good answers beside 2xx.
    """

    request: Request
    decode: Callable[[Answer], T]
    good: tuple[int, ...] = ()


def perform(operation: Operation[T], terms: Terms) -> Plan[T]:
    """Returns the result of an operation.

    Raises:
        ClientError: The api refuses it, or cannot be reached.
    """
    answer = yield from attempt(Send(operation.request), terms)
    if not (200 <= answer.status < 300 or answer.status in operation.good):
        raise error_of(answer)
    return operation.decode(answer)


# Jobs


def job(job: str, *, job_type: JobType = "triggered") -> Operation[JobDetails]:
    """Returns a job with its settings, its warnings and its latest run."""
    return _get(JobDetails, _job_path(job, job_type))


def overview(
    *,
    filter: str | None = None,
    text: str | None = None,
    job_type: JobType | None = None,
    limit: int | None = None,
    after: str | None = None,
) -> Operation[Overview]:
    """Returns what needs attention, what runs, what is due next, and a page of jobs with their last runs.

    Args:
        filter: Of the jobs only these: `failed`, `running`, `disabled`, `scheduled` or `never_ran`.
        text: Only jobs with this in their name.
        job_type: Only jobs of this type.
        limit: At most so many jobs.
        after: Jobs after this place, as `next` of the page before names it.
    """
    query = {"filter": filter, "text": text, "type": job_type, "limit": limit, "after": after}
    return _get(Overview, "/api/overview", query.items())


def deploy_upload(
    job: str,
    upload: Upload,
    *,
    job_type: JobType,
    file_name: str | None,
    is_async: bool = False,
    upgrade: bool = False,
) -> Operation[JobDetails | Deployment]:
    """Makes an upload all of a job's files: a zip archive, or a script with a file name.

    Returns:
        The job; or the deployment, when it takes long or `is_async` asks for an answer at once.
    """
    headers = [("Content-Type", "application/zip")]
    if file_name is not None:
        headers = [
            ("Content-Disposition", f"attachment; filename*=UTF-8''{quote(file_name, safe='')}"),
            ("Content-Type", "application/octet-stream"),
        ]
    if is_async:
        headers.append(_ASYNC)
    request = Request(
        method="PUT",
        target=_job_path(job, job_type) + ("?upgrade=true" if upgrade else ""),
        headers=tuple(headers),
        body=upload,
    )
    return Operation(request, _deployed)


def deployment(deployment_id: str) -> Operation[Deployment]:
    """Returns a deployment: how far it is, or how it ended."""
    return _get(Deployment, f"/api/deployments/{_quoted(deployment_id)}")


def deployments(
    job: str | None = None,
    *,
    job_type: JobType = "triggered",
    limit: int | None = None,
    before: str | None = None,
) -> Operation[list[Deployment]]:
    """Returns the newest deployments of a job, or of all jobs and of packages.

    Args:
        job: Name of the job.
        job_type: Of the job.
        limit: At most so many, 50 by default.
        before: Those after this place in the list: the id of the last deployment of the page before.
    """
    named = None if job is None else f"{job_type}/{job}"
    query = {"job": named, "limit": limit, "before": before}
    return _get(list[Deployment], "/api/deployments", query.items())


def deployment_log(deployment_id: str) -> Operation[str]:
    """Returns the log of a deployment of a job, as far as it is written."""
    return Operation(Request(method="GET", target=f"/api/deployments/{_quoted(deployment_id)}/log"), _text)


def deployment_log_stream(deployment_id: str) -> Request:
    """Asks for the same as it grows, until the deployment has ended."""
    return Request(method="GET", target=f"/api/deployments/{_quoted(deployment_id)}/log?follow=true")


def _deployed(answer: Answer) -> JobDetails | Deployment:
    return _decoder(Deployment)(answer) if answer.status == 202 else _decoder(JobDetails)(answer)


def delete(job: str, *, job_type: JobType = "triggered") -> Operation[None]:
    """Stops a job and removes it with its logs and its history; a job that is not there is no error."""
    return Operation(Request(method="DELETE", target=_job_path(job, job_type)), _nothing)


def bulk(
    action: BulkAction,
    jobs: Sequence[tuple[JobType, str]] | None = None,
    *,
    filter: Mapping[str, str] | None = None,
) -> Operation[BulkResult]:
    """Does one action to many jobs, and returns to which it was not done and why.

    Args:
        action: `run`, `cancel`, `enable` or `disable`.
        jobs: Type and name of each job, at most 1,000.
        filter: Instead of `jobs`: `filter`, `text` and `type` as `overview` has them; empty for all jobs.
    """
    body: dict[str, object] = {"action": action}
    if jobs is not None:
        body["jobs"] = [{"type": job_type, "name": name} for job_type, name in jobs]
    if filter is not None:
        body["filter"] = dict(filter)
    return Operation(_post("/api/jobs/actions", body, is_repeatable=action != "run"), _decoder(BulkResult))


def why(job: str, *, job_type: JobType = "triggered") -> Operation[list[Cause]]:
    """Returns why a job does not run: every cause that holds, the one to look at first in front."""
    decode: Callable[[Answer], _Causes] = _decoder(_Causes)
    request = Request(method="GET", target=f"{_job_path(job, job_type)}/why")
    return Operation(request, lambda answer: decode(answer).causes)


def acknowledge(
    job: str,
    *,
    job_type: JobType = "triggered",
    kinds: Sequence[str] | None = None,
    until: datetime | str = "change",
    note: str = "",
) -> Operation[Acknowledgement]:
    """Acknowledges that a job needs attention.

    Args:
        job: Name of the job.
        job_type: `triggered` or `continuous`.
        kinds: The reasons, such as `failed`; by default all that it has now.
        until: `change` of the evidence, `forever` (until the job recovers), or an instant.
        note: At most 1,000 characters.
    """
    named = {"type": job_type, "job": job, "kinds": None if kinds is None else list(kinds)}
    return _acknowledged(named, until, note)


def acknowledge_hook(
    hook_id: str, *, until: datetime | str = "change", note: str = ""
) -> Operation[Acknowledgement]:
    """Acknowledges that a hook keeps failing.

    Args:
        hook_id: Of the hook.
        until: `change` of the evidence, `forever` (until the hook delivers), or an instant.
        note: At most 1,000 characters.
    """
    return _acknowledged({"hook": hook_id}, until, note)


def _acknowledged(
    named: Mapping[str, object], until: datetime | str, note: str
) -> Operation[Acknowledgement]:
    body = {**named, "until": until if isinstance(until, str) else _instant(until), "note": note}
    return Operation(_post("/api/acknowledgements", body), _decoder(Acknowledgement))


def acknowledgements() -> Operation[list[Acknowledgement]]:
    """Returns the acknowledgements in force: of jobs by type and name, then of hooks."""
    return _get(list[Acknowledgement], "/api/acknowledgements")


def withdraw_acknowledgement(acknowledgement_id: str) -> Operation[None]:
    """Withdraws an acknowledgement: what it covered needs attention again."""
    target = f"/api/acknowledgements/{_quoted(acknowledgement_id)}"
    return Operation(Request(method="DELETE", target=target, is_repeatable=False), _nothing)


def refusals() -> Operation[list[Refusal]]:
    """Returns the uploads, settings and folders that were refused and are not fixed."""
    return _get(list[Refusal], "/api/refusals")


# Runs


def start_run(
    job: str, arguments: Sequence[str], *, if_running: IfRunning = "fail", idempotency_key: str
) -> Operation[RunKey]:
    """Starts a run, or joins one; sent again with the same key it names the same run."""
    if if_running not in ("fail", "join", "queue"):
        raise InvalidRequest(f"if_running={if_running!r} is unknown.", "Use 'fail', 'join' or 'queue'.")
    body = {"arguments": joined(arguments)} if arguments else None
    query = {"if_running": None if if_running == "fail" else if_running}
    target = _with(f"{_job_path(job, 'triggered')}/run", query.items())
    return _started(job, target, body, idempotency_key)


def start_rerun(
    job: str, run_id: str, arguments: Sequence[str] | None, *, idempotency_key: str
) -> Operation[RunKey]:
    """Runs a job again with the arguments of a run, or with those that are given."""
    body = None if arguments is None else {"arguments": joined(arguments)}
    return _started(job, f"{_run_path(job, run_id)}/rerun", body, idempotency_key)


def run_page(
    *,
    job: str | Sequence[str] = (),
    status: str | Sequence[str] = (),
    trigger: str | Sequence[str] = (),
    runner: str | Sequence[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = None,
    before: str | None = None,
) -> Operation[RunPage]:
    """Returns runs of all jobs that pass, newest first.

    Args:
        job: Only runs of this job, or of these.
        status: `Initializing`, `Running`, `Success`, `Failed`, `Aborted`; `active` is the first two.
        trigger: `api`, `schedule`, `rerun` or `import`.
        runner: Only runs on this runner, or on these.
        since: Only runs requested then or later.
        until: Only runs requested before.
        limit: At most so many, 1 to 1,000.
        before: Only runs after this one in the list: a run id, or the value in `next`.
    """
    several = {"job": job, "status": status, "trigger": trigger, "runner": runner}
    query: list[tuple[str, object]] = [
        (name, value)
        for name, values in several.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    query += {"since": _instant(since), "until": _instant(until), "limit": limit, "before": before}.items()
    return _get(RunPage, "/api/runs", query)


def bulk_runs(
    action: BulkRunAction,
    runs: Sequence[tuple[str, str]] | None = None,
    *,
    filter: Mapping[str, Any] | None = None,
) -> Operation[BulkRunResult]:
    """Does one action to many runs, and returns to which it was not done and why.

    Args:
        action: `cancel` or `rerun`.
        runs: Job and id of each run, at most 1,000.
        filter: Instead of `runs`: `status`, `job`, `trigger`, `runner` (lists), `since` and `until`.
    """
    body: dict[str, object] = {"action": action}
    if runs is not None:
        body["runs"] = [{"job": job, "id": run_id} for job, run_id in runs]
    if filter is not None:
        body["filter"] = {
            name: _instant(value) if isinstance(value, datetime) else value for name, value in filter.items()
        }
    request = _post("/api/runs/actions", body, is_repeatable=action == "cancel")
    return Operation(request, _decoder(BulkRunResult))


def run_details(job: str, run_id: str) -> Operation[RunDetails]:
    """Returns a run as it is now, with what it has used once it has ended."""
    return _get(RunDetails, f"/api/runs/{_quoted(job)}/{_quoted(run_id)}")


def cancel(job: str, run_id: str, *, reason: str | None = None) -> Operation[None]:
    """Requests that a run end; it has ended when its status is `Aborted`. Its evidence keeps the reason."""
    target = _with(_run_path(job, run_id), {"reason": reason}.items())
    return Operation(Request(method="DELETE", target=target), _nothing)


# Continuous jobs


def start(job: str) -> Operation[None]:
    """Enables a continuous job."""
    return Operation(_post(f"{_job_path(job, 'continuous')}/start"), _nothing)


def stop(job: str) -> Operation[None]:
    """Disables a continuous job: its processes are stopped on every runner."""
    return Operation(_post(f"{_job_path(job, 'continuous')}/stop"), _nothing)


def restart(job: str) -> Operation[None]:
    """Stops the processes of a continuous job on every runner and starts them again."""
    return Operation(_post(f"{_job_path(job, 'continuous')}/restart", is_repeatable=False), _nothing)


# Logs


def log(job: str, run_id: str) -> Operation[str]:
    """Returns the whole log of a run, as far as it is written; lines have marks with time and level."""
    return Operation(Request(method="GET", target=_log_path(job, run_id)), _text)


def log_window(
    job: str,
    run_id: str,
    *,
    line: int | None = None,
    around: int | None = None,
    tail: int | None = None,
    lines: int | None = None,
) -> Operation[LogWindow]:
    """Returns lines of a run's log.

    Args:
        job: Name of the job.
        run_id: Of the run.
        line: From this line on; they are counted from 1.
        around: With this line in the middle.
        tail: The last so many.
        lines: How many, at most 5,000; 500 when not given.
    """
    query = {"line": line, "around": around, "tail": tail, "lines": lines}
    if all(value is None for value in query.values()):
        query["line"] = 1
    return _get(LogWindow, _log_path(job, run_id), query.items())


def log_search(job: str, run_id: str, text: str, *, case: bool = False) -> Operation[LogMatches]:
    """Returns the numbers of the lines of a run's log that hold a text, of letters in any case by default."""
    query = {"q": text, "case": "true" if case else None}
    return _get(LogMatches, f"{_log_path(job, run_id)}/search", query.items())


def job_log(job: str) -> Operation[str]:
    """Returns all that is kept of what a continuous job wrote, on every instance."""
    target = f"/api/vfs/LogFiles/Application/continuous/{_quoted(job)}.log"
    return Operation(Request(method="GET", target=target), _text)


def job_log_stream(job: str) -> Request:
    """The request that follows what a continuous job writes, after all that is kept."""
    target = f"/api/vfs/LogFiles/Application/continuous/{_quoted(job)}.log?follow=1"
    return Request(method="GET", target=target)


def log_stream(job: str, run_id: str, last_id: str) -> Request:
    """The request that follows a run's log from an offset on."""
    return _stream(_log_path(job, run_id), last_id)


def event_stream(query: Query, last_id: str) -> Request:
    """The request that follows events."""
    return _stream(_with("/api/events", query), last_id)


# Settings


def settings(job: str, *, job_type: JobType = "triggered") -> Operation[Settings]:
    """Returns the settings of a job, and their tag for a change of just these."""
    decode: Callable[[Answer], dict[str, Any]] = _decoder(dict[str, Any])
    return Operation(
        Request(method="GET", target=f"{_job_path(job, job_type)}/settings"),
        lambda answer: Settings(values=decode(answer), etag=answer.header("etag") or ""),
    )


def put_settings(
    job: str, values: Mapping[str, Any], *, job_type: JobType = "triggered", if_match: str | None = None
) -> Operation[list[str]]:
    """Replaces the settings of a job, and returns warnings about them."""
    return _changed_settings("PUT", job, values, job_type, if_match, _JSON)


def patch_settings(
    job: str, changes: Mapping[str, Any], *, job_type: JobType = "triggered", if_match: str | None = None
) -> Operation[list[str]]:
    """Changes some settings of a job (JSON merge patch: None removes one), and returns warnings."""
    return _changed_settings("PATCH", job, changes, job_type, if_match, _PATCH)


def app_settings() -> Operation[dict[str, str]]:
    """Returns the app settings."""
    return _get(dict[str, str], "/api/settings")


def app_setting(name: str) -> Operation[str]:
    """Returns an app setting."""
    return _get(str, f"/api/settings/{_quoted(name)}")


def set_app_settings(values: Mapping[str, str | int | float | bool]) -> Operation[None]:
    """Sets app settings; those that are not named stay."""
    return Operation(_post("/api/settings", dict(values)), _nothing)


def delete_app_setting(name: str) -> Operation[None]:
    """Takes an app setting away."""
    return Operation(Request(method="DELETE", target=f"/api/settings/{_quoted(name)}"), _nothing)


# Schedules and versions


def schedule(job: str, *, next: int | None = None) -> Operation[Schedule]:
    """Returns the schedule of a triggered job: its next due times, and what became of the last ones."""
    return _get(Schedule, f"{_job_path(job, 'triggered')}/schedule", {"next": next}.items())


def versions(job: str, *, job_type: JobType = "triggered") -> Operation[list[Version]]:
    """Returns the versions of a job's files, the present one first."""
    return _get(list[Version], f"{_job_path(job, job_type)}/versions")


def version_diff(
    job: str, digest: str, *, against: str | None = None, job_type: JobType = "triggered"
) -> Operation[dict[str, Any]]:
    """Returns what differs between a version and the one before it, or another one."""
    path = f"{_job_path(job, job_type)}/versions/{_quoted(digest)}/diff"
    return _get(dict[str, Any], path, {"against": against}.items())


def restore(job: str, digest: str, *, job_type: JobType = "triggered") -> Operation[JobDetails | Deployment]:
    """Deploys the files of an earlier version again; its digest, or the first 8 digits or more, name it."""
    path = f"{_job_path(job, job_type)}/versions/{_quoted(digest)}/restore"
    return Operation(_post(path), _deployed)


# Hooks


def hooks() -> Operation[list[Hook]]:
    """Returns the hooks, oldest first."""
    return _get(list[Hook], "/api/hooks")


def hook(hook_id: str) -> Operation[Hook]:
    """Returns a hook with its last call."""
    return _get(Hook, _hook_path(hook_id))


def add_hook(
    url: str,
    event: str,
    *,
    job_type: JobType | None = None,
    job: str | None = None,
    secret: str | None = None,
    insecure_ssl: bool = False,
) -> Operation[Hook]:
    """Adds an address that is called for events; for the same again it is the hook that is there.

    Args:
        url: Address that is called.
        event: `TriggeredJobFinished`, `PostDeployment`, `*`, or names of events, separated by commas.
        job_type: Only events of jobs of this type.
        job: Only events of this job.
        secret: Deliveries are signed with it.
        insecure_ssl: Call an https address whatever its certificate.
    """
    body = {"url": url, "event": event, "type": job_type, "job": job, "secret": secret}
    return Operation(_post("/api/hooks", {**body, "insecure_ssl": insecure_ssl}), _decoder(Hook))


def change_hook(hook_id: str, changes: Mapping[str, Any]) -> Operation[Hook]:
    """Changes `event`, `type`, `job`, `insecure_ssl` or `secret` of a hook; None takes one away."""
    request = Request(
        method="PATCH", target=_hook_path(hook_id), headers=(_JSON,), body=msgspec.json.encode(dict(changes))
    )
    return Operation(request, _decoder(Hook))


def delete_hook(hook_id: str) -> Operation[None]:
    """Removes a hook; one that is not there is no error."""
    return Operation(Request(method="DELETE", target=_hook_path(hook_id)), _nothing)


def hook_deliveries(hook_id: str, *, limit: int | None = None) -> Operation[list[Delivery]]:
    """Returns the tries to call a hook, newest first."""
    decode: Callable[[Answer], dict[str, list[Delivery]]] = _decoder(dict[str, list[Delivery]])
    request = Request(
        method="GET", target=_with(f"{_hook_path(hook_id)}/deliveries", {"limit": limit}.items())
    )
    return Operation(request, lambda answer: decode(answer)["deliveries"])


def redeliver(hook_id: str, delivery_id: str) -> Operation[Delivery]:
    """Makes a delivery once more, and returns how the call went."""
    request = _post(f"{_hook_path(hook_id)}/deliveries", {"delivery_id": delivery_id}, is_repeatable=False)
    return Operation(request, _decoder(Delivery))


def test_hook(hook_id: str) -> Operation[Delivery]:
    """Calls a hook once with a test, and returns how that went."""
    return Operation(_post(f"{_hook_path(hook_id)}/test", is_repeatable=False), _decoder(Delivery))


# Others


def health() -> Operation[Health]:
    """Returns whether the api can work, and what is away. Needs no credentials."""
    # A 503 is an answer here: it is not asked for again.
    return Operation(Request(method="GET", target="/healthz", is_repeatable=False), _decoder(Health), (503,))


def system() -> Operation[System]:
    """Returns the parts of webjobs: runners, histories, the queue and the streams, with their releases."""
    return _get(System, "/api/system")


def request(
    method: str, path: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Operation[Answer]:
    """Sends any request, for what has no operation of its own, and returns the answer with its body.

    Args:
        method: Such as `GET`. A POST or PATCH is not sent again when its answer is lost.
        path: Below the client's address, percent-encoded, with the query.
        body: As it is sent.
        headers: Such as `Content-Type`.
    """
    if not path.startswith("/"):
        raise InvalidRequest(f"The path {path[:200]!r} cannot be used: it does not begin with a slash.")
    sent = Request(
        method=method.upper(),
        target=path,
        headers=tuple((headers or {}).items()),
        body=body,
        is_repeatable=method.upper() in ("GET", "HEAD", "PUT", "DELETE"),
    )
    return Operation(sent, lambda answer: answer)


def joined(arguments: Sequence[str]) -> str:
    """Returns arguments as the text that the api splits into just these.

    Raises:
        InvalidRequest: They are one text instead of a list.
    """
    if isinstance(arguments, str):
        raise InvalidRequest(
            f"The arguments {arguments[:100]!r} are one text.",
            "Give a list with each argument: ['a b', 'c'], or shlex.split(text).",
        )
    import shlex  # most programs start no run with arguments, and need not wait for it

    return shlex.join(arguments)


def _started(job: str, path: str, body: Mapping[str, str] | None, idempotency_key: str) -> Operation[RunKey]:
    request = _post(path, body, headers=(("Idempotency-Key", idempotency_key),))

    def decode(answer: Answer) -> RunKey:
        run_id = urlsplit(answer.header("location") or "").path.rpartition("/")[2]
        if not run_id:
            raise _not_ours("it names no run", answer)
        has_joined = bool(answer.body) and _joined(answer).joined
        return RunKey(job=job, id=run_id, joined=has_joined)

    return Operation(request, decode)


def _changed_settings(
    method: str,
    job: str,
    values: Mapping[str, Any],
    job_type: JobType,
    if_match: str | None,
    kind: tuple[str, str],
) -> Operation[list[str]]:
    decode: Callable[[Answer], dict[str, list[str]]] = _decoder(dict[str, list[str]])
    request = Request(
        method=method,
        target=f"{_job_path(job, job_type)}/settings",
        headers=(kind,) if if_match is None else (kind, ("If-Match", if_match)),
        body=msgspec.json.encode(dict(values)),
        # When the first try was carried out, a second one with its tag would be refused.
        is_repeatable=if_match is None,
    )
    return Operation(request, lambda answer: decode(answer).get("warnings", []))


def _get(kind: type[T], path: str, query: Query = ()) -> Operation[T]:
    return Operation(Request(method="GET", target=_with(path, query)), _decoder(kind))


def _post(
    path: str,
    body: Mapping[str, object] | None = None,
    *,
    headers: tuple[tuple[str, str], ...] = (),
    is_repeatable: bool = True,
) -> Request:
    return Request(
        method="POST",
        target=path,
        headers=headers if body is None else (*headers, _JSON),
        body=None if body is None else msgspec.json.encode(body),
        is_repeatable=is_repeatable,
    )


def _stream(target: str, last_id: str) -> Request:
    headers = (("Accept", "text/event-stream"),)
    return Request(
        method="GET", target=target, headers=(*headers, ("Last-Event-ID", last_id)) if last_id else headers
    )


def _with(path: str, query: Query) -> str:
    given = urlencode([(name, value) for name, value in query if value is not None])
    return f"{path}?{given}" if given else path


def _job_path(job: str, job_type: JobType) -> str:
    if job_type not in ("triggered", "continuous"):
        raise InvalidRequest(f"There is no type of jobs {job_type!r}.", "Use 'triggered' or 'continuous'.")
    return f"/api/{job_type}webjobs/{_quoted(job)}"


def _run_path(job: str, run_id: str) -> str:
    return f"{_job_path(job, 'triggered')}/history/{_quoted(run_id)}"


def _log_path(job: str, run_id: str) -> str:
    return f"{_run_path(job, run_id)}/log"


def _hook_path(hook_id: str) -> str:
    return f"/api/hooks/{_quoted(hook_id)}"


def _quoted(segment: str) -> str:
    if not segment or segment in (".", ".."):
        raise InvalidRequest(f"The name {segment!r} cannot be used.", "Give the name of a job, run or hook.")
    return quote(segment, safe="")


def _instant(at: datetime | None) -> str | None:
    if at is None:
        return None
    if at.tzinfo is None:
        raise InvalidRequest(f"The instant {at} has no time zone.", "Give one: datetime.now(UTC).")
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _decoder(kind: type[T]) -> Callable[[Answer], T]:
    def decode(answer: Answer) -> T:
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _not_ours(str(error), answer) from error

    return decode


_joined = _decoder(_Joined)


def _text(answer: Answer) -> str:
    return answer.body.decode("utf-8", "replace")


def _nothing(answer: Answer) -> None:
    return None


def _not_ours(reason: str, answer: Answer) -> ClientError:
    return InvalidAnswer(f"The answer cannot be read: {reason}.", status=answer.status)
