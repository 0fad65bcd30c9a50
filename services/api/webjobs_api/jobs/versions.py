"""Handlers that list the versions of a job's files, and make an earlier one the present one again."""

import asyncio
from collections.abc import Iterable

import msgspec
from aiohttp import web
from webjobs_events.commands import DeployJob, ReplyCode, UploadKind
from webjobs_events.instant import Instant
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobDefinition, JobVersion

from webjobs_api.backends.known_job import require_readable
from webjobs_api.backends.known_jobs import DEFINITIONS
from webjobs_api.http import request_context
from webjobs_api.http.job_errors import JobNotFound, VersionGone, VersionNotFound
from webjobs_api.http.keys import BUS
from webjobs_api.http.runner_errors import CommandFailed
from webjobs_api.jobs.accepted import accepting, preference
from webjobs_api.jobs.commands import COMMANDS, command_from
from webjobs_api.jobs.deploy import deployed

_SHORTEST_DIGEST = 8  # digits that name a version


class VersionJson(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a job's files.

    Attributes:
        digest: Names it.
        deployed_at: When it became the job's version, for the last time.
        deployed_by: Who asked for that, as far as known.
        runner: Instance id of the runner that deployed it.
        script: The script that was chosen, with its path in the folder.
        files: How many there are; null when an earlier release deployed it.
        size: Bytes of all files.
        is_current: Whether it is what the job runs.
        is_kept: Whether its files are kept, so that it can be restored.
    """

    digest: str
    deployed_at: Instant
    deployed_by: str
    runner: str
    script: str
    files: int | None
    size: int
    is_current: bool
    is_kept: bool


async def list_versions(request: web.Request) -> web.Response:
    """`GET /api/jobs/{type}/{job}/versions`: newest first."""
    definition = await definition_now(request)
    return request_context.json(await versions_json(request.app[BUS], definition))


@accepting
async def restore(request: web.Request) -> web.Response:
    """`POST /api/jobs/{type}/{job}/versions/{digest}/restore`: the job as its GET shows it."""
    definition = await restore_version(request)
    return await deployed(request, definition.job_type, definition.job_name)


async def versions_json(bus: Bus, definition: JobDefinition) -> list[VersionJson]:
    """The versions of a job, newest first.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    versions = definition.known_versions
    stored = await _stored(bus, versions)
    return [
        VersionJson(
            digest=each.digest,
            deployed_at=each.deployed_at,
            deployed_by=each.deployed_by,
            runner=each.instance,
            script=each.script,
            files=each.files,
            size=each.size,
            is_current=each.digest == definition.digest,
            is_kept=each.digest in stored,
        )
        for each in versions
    ]


async def restore_version(request: web.Request, seconds: float | None = None) -> JobDefinition:
    """Deploy the package of an earlier version again; the present version is left as it is.

    Args:
        request: Names the job and the version.
        seconds: How long to wait at most; None: as the client asks for, or as long as any.

    Returns:
        The job as it was before.

    Raises:
        DeploymentGoesOn: It takes longer than the client waits.
        VersionNotFound: The job has no such version.
        VersionGone: Its package is not kept any more.
        WebJobsError: As `JobCommands.send`.
    """
    definition = await definition_now(request)
    version = version_named(definition, request.match_info["digest"])
    if version.digest == definition.digest:
        return definition
    if version.digest not in await _stored(request.app[BUS], [version]):
        raise VersionGone(version.digest)
    command = command_from(
        request,
        DeployJob,
        definition.job_type,
        definition.job_name,
        upload=version.digest,
        kind=UploadKind.PACKAGE,
    )
    try:
        await request.app[COMMANDS].send(command, preference(request).seconds if seconds is None else seconds)
    except CommandFailed as error:
        if error.code is ReplyCode.VERSION_GONE:
            raise VersionGone(version.digest) from error
        raise
    return definition


def version_named(definition: JobDefinition, digest: str) -> JobVersion:
    """The version of a job that a digest or its beginning names.

    Raises:
        VersionNotFound: None or several.
    """
    found = [each for each in definition.known_versions if each.digest.startswith(digest)]
    if len(digest) < _SHORTEST_DIGEST or len(found) != 1:
        raise VersionNotFound(definition.job_name, digest)
    return found[0]


async def definition_now(request: web.Request) -> JobDefinition:
    """The job that an address names, as the bucket has it now: another api may have changed it just before.

    Raises:
        JobNotFound: There is none.
        UnreadableDefinition: It cannot be read.
        BusUnavailable: NATS does not answer.
    """
    job_type, name = request_context.job_type(request), request_context.job_name(request)
    known = await request.app[DEFINITIONS].get(job_type, name)
    definition = await request.app[DEFINITIONS].read(job_type, known.job_name)
    if definition is None:
        raise JobNotFound(job_type, name)
    require_readable(definition)
    return definition


async def _stored(bus: Bus, versions: Iterable[JobVersion]) -> frozenset[str]:
    """The digests of those versions whose packages are stored."""
    kept = [each.digest for each in versions if each.is_kept]
    found = await asyncio.gather(*(bus.packages.exists(digest) for digest in kept))
    return frozenset(digest for digest, is_there in zip(kept, found, strict=True) if is_there)
