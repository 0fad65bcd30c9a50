"""HTTP input → what is to be deployed, and where; pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec
from webjobs_rules.errors import InvalidJobName
from webjobs_rules.job import JobName, JobType, parse_job_name
from webjobs_rules.run_id import run_id_at
from webjobs_rules.trace import Trace

from webjobs_api.http.json_body import json_text
from webjobs_api.http.request_errors import InvalidFlag
from webjobs_api.site_deployments.errors import InvalidDeployment, InvalidDeploymentFilter
from webjobs_api.site_deployments.record import Deployment, Status, ended

WWWROOT = "site/wwwroot"
"""Where packages are unpacked, and what relative paths are relative to."""

SUPPORTED_TYPES = ("zip", "static")
"""Types of `az webapp deploy --type` that make sense without a web server."""

_OTHER_TYPES = frozenset({"war", "jar", "ear", "lib", "startup", "script"})
_HOME = re.compile(r"(?:/?(?:%home%|\$home|home)|[A-Za-z]:/home)(?:/|$)", re.IGNORECASE)
_SITE = re.compile(r"site/wwwroot(?:/|$)", re.IGNORECASE)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_FLAGS = {"true": True, "1": True, "false": False, "0": False, "": False}
_LONGEST_NAME, _LONGEST_MESSAGE = 200, 2000  # characters that are kept
_PAGE, _LARGEST_PAGE = 50, 1000
_PLACE = re.compile(r"\d{18}-[A-Za-z0-9_.-]{1,100}")
_ZIP_DEPLOY, _ONE_DEPLOY = "ZipDeploy", "OneDeploy"


@dataclass(frozen=True, slots=True)
class DeploymentRequest:
    """What a client asks to have deployed.

    Attributes:
        path: Of the folder into which an archive is unpacked, or of the file; from the site folder downwards.
        unpack: Whether the body is an archive.
        clean: Whether what the archive does not hold is removed from the folder.
        is_async: Whether the answer comes before the deployment is complete.
        deployer: Name of the way by which it comes.
        author: As the client names it.
        author_email: The same.
        message: The same.
        trace: To which the deployment belongs.
        site_name: In the payload of hooks.
    """

    path: str
    unpack: bool
    clean: bool
    is_async: bool
    deployer: str
    author: str
    author_email: str
    message: str
    trace: Trace | None = None
    site_name: str = ""


@dataclass(frozen=True, slots=True)
class ListFilter:
    """Which deployments to list.

    Attributes:
        job: Type and name of a job; None: of all jobs and of packages.
        before: Those whose place sorts before this text; None: from the newest on.
        limit: At most this many.
    """

    job: tuple[JobType, JobName] | None
    before: str | None
    limit: int


def list_filter(query: Mapping[str, str]) -> ListFilter:
    """The filter of `GET /api/deployments`.

    Raises:
        InvalidDeploymentFilter: A value is none that the parameter can have.
    """
    job, before, limit = query.get("job"), query.get("before"), query.get("limit", str(_PAGE))
    if before is not None and not _PLACE.fullmatch(before):
        raise InvalidDeploymentFilter("before", before, "take it from the Link of the page before")
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= _LARGEST_PAGE):
        raise InvalidDeploymentFilter("limit", limit, f"it is a number from 1 to {_LARGEST_PAGE}")
    return ListFilter(_job(job) if job is not None else None, before, int(limit))


def place_of(deployment: Deployment) -> str:
    """Where a deployment is in the list of all: text that sorts as the ids of deployments of jobs."""
    return f"{run_id_at(deployment.received_at)}-{deployment.id}"


def _job(text: str) -> tuple[JobType, JobName]:
    job_type, _, name = text.partition("/")
    try:
        return JobType(job_type.lower()), parse_job_name(name)
    except (ValueError, InvalidJobName) as error:
        raise InvalidDeploymentFilter("job", text, "it is a job such as triggered/hello") from error


def zip_deploy_request(query: Mapping[str, str]) -> DeploymentRequest:
    """The request of `POST /api/zipdeploy`.

    Raises:
        InvalidFlag: A parameter says neither yes nor no.
    """
    return DeploymentRequest(
        path=WWWROOT,
        unpack=True,
        clean=_flag(query, "clean"),
        is_async=_flag(query, "isAsync") or _flag(query, "async"),
        deployer=_short(query.get("deployer"), _ZIP_DEPLOY),
        author=_short(query.get("author"), "N/A"),
        author_email=_short(query.get("authorEmail"), "N/A"),
        message=_short(query.get("message"), "Created via a push deployment", _LONGEST_MESSAGE),
    )


def publish_request(query: Mapping[str, str]) -> DeploymentRequest:
    """The request of `POST /api/publish`.

    Raises:
        InvalidFlag: A parameter says neither yes nor no.
        InvalidDeployment: The type is not supported, or a path is missing.
    """
    kind, path = query.get("type", "").strip().lower(), query.get("path", "").strip()
    if kind not in SUPPORTED_TYPES:
        raise InvalidDeployment(_type_refused(kind))
    if kind == "static" and (not path or path.endswith("/")):
        raise InvalidDeployment(
            "type=static puts one file in place and needs its path, such as path=App_Data/jobs/triggered/"
            "hello/run.sh. A path that ends in a slash names a folder."
        )
    _flag(query, "restart")  # jobs that change are restarted in any case; a value that is none is refused
    return replace(
        zip_deploy_request(query),
        path=site_path_of(path),
        unpack=kind == "zip",
        clean=_flag(query, "clean") and kind == "zip",
        deployer=_short(query.get("deployer"), _ONE_DEPLOY),
        message=_short(query.get("message"), _ONE_DEPLOY, _LONGEST_MESSAGE),
    )


def site_path_of(path: str) -> str:
    r"""A target path as clients write it, from the site folder downwards.

    Relative paths, also those that begin with a slash, are relative to `site/wwwroot`. Those that begin
    with the home folder (`/home`, `%HOME%`, `$HOME`, `D:\home`), or with `site/wwwroot`, are relative to the
    site folder.
    """
    text = path.replace("\\", "/")
    home = _HOME.match(text)
    if home is not None:
        rest = text[home.end() :].strip("/")
        return _with_wwwroot(rest) if _SITE.match(rest) else rest
    rest = text.strip("/")
    if _SITE.match(rest):
        return _with_wwwroot(rest)
    return f"{WWWROOT}/{rest}".rstrip("/")


def refuse_package_uri(content_type: str) -> None:
    """Refuse a body that names a package instead of being one.

    Raises:
        InvalidDeployment: It is JSON.
    """
    if content_type == "application/json" or content_type.endswith("+json"):
        raise InvalidDeployment(
            "packages are not fetched from a URL (packageUri). Send the package itself as the body, with "
            "Content-Type: application/zip or application/octet-stream."
        )


def recorded_deployment(deployment_id: str, body: bytes, now: datetime) -> Deployment:
    """The deployment that a client has made by itself, and has recorded with `PUT /api/deployments/{id}`.

    Raises:
        InvalidDeployment: The body lacks how a deployment ended, or the id is not a valid one.
    """
    if not _ID.fullmatch(deployment_id) or deployment_id == "latest":
        raise InvalidDeployment(
            f"{deployment_id[:60]!r} is not an id of a deployment: use up to 100 letters, digits, '-', '_' "
            "and '.'."
        )
    try:
        given = msgspec.json.decode(json_text(body), type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InvalidDeployment(f"the body is not a JSON object ({error}).") from error
    status = given.get("status")
    texts = {name: given.get(name) for name in ("message", "deployer", "author")}
    if status not in (3, 4) or not all(isinstance(text, str) and text for text in texts.values()):
        raise InvalidDeployment(
            "an earlier deployment cannot be deployed again. To record one that was made elsewhere, send "
            'its status (3: failed, 4: succeeded), "message", "deployer" and "author".'
        )
    email = given.get("author_email")
    deployment = Deployment(
        id=deployment_id,
        status=Status.PENDING,
        deployer=_short(texts["deployer"], ""),
        author=_short(texts["author"], ""),
        author_email=_short(email if isinstance(email, str) else None, "N/A"),
        message=_short(texts["message"], "", _LONGEST_MESSAGE),
        received_at=now,
        renewed_at=now,
    )
    return ended(deployment, Status(status), "", now)


def _with_wwwroot(path: str) -> str:
    return f"{WWWROOT}{path[len(WWWROOT) :]}"


def _type_refused(kind: str) -> str:
    types = " and ".join(f"type={name}" for name in SUPPORTED_TYPES)
    if not kind:
        return f"the query parameter type is missing. Supported are {types}."
    if kind in _OTHER_TYPES:
        return (
            f"type={kind} is not supported: it is for web servers and their start, and webjobs runs jobs. "
            f"Supported are {types}."
        )
    return f"type={kind[:60]!r} is unknown. Supported are {types}."


def _flag(query: Mapping[str, str], name: str) -> bool:
    value = query.get(name, "")
    answer = _FLAGS.get(value.lower())
    if answer is None:
        raise InvalidFlag(name, value)
    return answer


def _short(text: str | None, default: str, longest: int = _LONGEST_NAME) -> str:
    return (text or default)[:longest]
