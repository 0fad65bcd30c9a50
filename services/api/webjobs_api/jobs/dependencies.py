"""`GET /api/jobs/{type}/{job}/dependencies`: what a job's version needs, and what became of it."""

import msgspec
from aiohttp import web
from webjobs_events.envelope import decode_event
from webjobs_events.errors import UndecodableMessage
from webjobs_events.events import DependenciesPrepared
from webjobs_events.instant import Instant
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobDefinition
from webjobs_rules.job import JobType

from webjobs_api.backends.known_jobs import DEFINITIONS, KnownJobs
from webjobs_api.backends.locks import LOCKS
from webjobs_api.http import request_context
from webjobs_api.http.keys import BUS
from webjobs_api.jobs.versions import definition_now


class PackageJson(msgspec.Struct, frozen=True):
    """A package with its version; `marker` says where it is installed, and is empty for everywhere."""

    name: str
    version: str
    marker: str


class UserJson(msgspec.Struct, frozen=True):
    """A job that uses the same lock, and so the same environment."""

    type: str
    name: str


class PreparedJson(msgspec.Struct, frozen=True, kw_only=True):
    """The last preparation; `key` names the environment, `reused` says that it was there already."""

    key: str
    at: Instant
    runner: str
    seconds: float
    reused: bool


class DependenciesJson(msgspec.Struct, frozen=True, kw_only=True):
    """Dependencies of a job; `kind` is null, and the rest empty, when its files declare none.

    `lock` is the lock itself when `lock=true` asks for it, else null.
    """

    kind: str | None
    input_digest: str
    lock_digest: str
    requires_python: str
    packages: list[PackageJson]
    jobs: list[UserJson]
    prepared: PreparedJson | None
    lock: str | None


async def get_dependencies(request: web.Request) -> web.Response:
    """`GET /api/jobs/{type}/{job}/dependencies`."""
    with_lock = request_context.is_set(request, "lock")
    return request_context.json(
        await dependencies_of(request.app, await definition_now(request), with_lock=with_lock)
    )


async def dependencies_of(
    app: web.Application, definition: JobDefinition, *, with_lock: bool = False
) -> DependenciesJson:
    """The dependencies of a job.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    needed = definition.dependencies
    if needed is None:
        return DependenciesJson(
            kind=None,
            input_digest="",
            lock_digest="",
            requires_python="",
            packages=[],
            jobs=[],
            prepared=None,
            lock=None,
        )
    lock = await app[LOCKS].read(needed.lock_digest)
    return DependenciesJson(
        kind=needed.kind.value,
        input_digest=needed.input_digest,
        lock_digest=needed.lock_digest,
        requires_python=lock.requires_python if lock else "",
        packages=[PackageJson(*each) for each in lock.packages] if lock else [],
        jobs=_users(app[DEFINITIONS], needed.lock_digest),
        prepared=await _prepared(app[BUS], definition),
        lock=await app[LOCKS].text(needed.lock_digest) if with_lock else None,
    )


def _users(definitions: KnownJobs, lock_digest: str) -> list[UserJson]:
    return [
        UserJson(job_type.value, each.job_name)
        for job_type in JobType
        for each in definitions.all_of(job_type)
        if each.dependencies is not None and each.dependencies.lock_digest == lock_digest
    ]


async def _prepared(bus: Bus, definition: JobDefinition) -> PreparedJson | None:
    subject = bus.subjects.job_event(
        definition.job_type, definition.job_name, str(DependenciesPrepared.__struct_config__.tag)
    )
    last = await bus.last_message(bus.subjects.events_stream, subject)
    if last is None:
        return None
    try:
        event = decode_event(last.subject, last.headers, last.data)
    except UndecodableMessage:
        return None
    if not isinstance(event, DependenciesPrepared):
        return None
    return PreparedJson(
        key=event.key, at=event.at, runner=event.instance, seconds=event.seconds, reused=event.reused
    )
