"""`GET /api/jobs/{type}/{job}/dependencies`: what a job's version needs, and what became of it."""

import posixpath
from collections.abc import Mapping, Sequence
from contextlib import aclosing

import msgspec
from aiohttp import web
from webjobs_events.envelope import decode_event
from webjobs_events.errors import UndecodableMessage
from webjobs_events.events import DependenciesPrepared
from webjobs_events.instant import Instant
from webjobs_events.jetstream import Bus, StreamMessage
from webjobs_events.job import JobDefinition
from webjobs_rules.dependencies.vocabulary import DependencyKind
from webjobs_rules.job import JobType

from webjobs_api.backends.known_jobs import DEFINITIONS, KnownJobs
from webjobs_api.backends.latest_events import start_of_latest
from webjobs_api.backends.locks import LOCKS
from webjobs_api.backends.runners import RUNNERS
from webjobs_api.http import request_context
from webjobs_api.http.keys import BUS
from webjobs_api.jobs.versions import definition_now

_MOST_USERS = 20  # jobs whose events are read
_MOST_EVENTS = 500


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
    """A preparation of an environment by a runner.

    Attributes:
        key: Names the environment.
        at: When it ended.
        runner: Which has it.
        seconds: That it took.
        reused: Whether the environment was there already.
        interpreter: That runs its scripts, such as `cpython 3.12.1`; empty from runners of earlier releases.
        packages: How many are in it.
        bytes: Of all its files; null from runners of earlier releases.
    """

    key: str
    at: Instant
    runner: str
    seconds: float
    reused: bool
    interpreter: str
    packages: int
    bytes: int | None


class DependenciesJson(msgspec.Struct, frozen=True, kw_only=True):
    """Dependencies of a job; `kind` is null, and the rest empty, when its files declare none.

    Attributes:
        kind: Which file declares them.
        declared_in: Paths of the files that declare them, in the folder of the job.
        input_digest: Of these files and all else that the choice of packages depends on.
        lock_digest: Names the lock.
        requires_python: For which versions the lock was made; empty of JavaScript.
        packages: That the lock names.
        jobs: Those that use the lock, and so share its environments; this one among them.
        prepared: The last preparation for this job.
        environments: The environment on each runner alive as it was built, for this job or one that shares
            the lock, as far as known; `reused` when its build is not among the latest events.
        lock: The lock itself when `lock=true` asks for it, else null.
    """

    kind: str | None
    declared_in: list[str]
    input_digest: str
    lock_digest: str
    requires_python: str
    packages: list[PackageJson]
    jobs: list[UserJson]
    prepared: PreparedJson | None
    environments: list[PreparedJson]
    lock: str | None


async def get_dependencies(request: web.Request) -> web.Response:
    """`GET /api/jobs/{type}/{job}/dependencies`."""
    with_lock = request_context.is_set(request, "lock")
    definition = await definition_now(request)
    found = await dependencies_of(request.app, definition, with_lock=with_lock)
    environments = await _environments(request.app, definition, found.jobs)
    return request_context.json(msgspec.structs.replace(found, environments=environments))


async def dependencies_of(
    app: web.Application, definition: JobDefinition, *, with_lock: bool = False
) -> DependenciesJson:
    """The dependencies of a job, without the environments of all runners.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    needed = definition.dependencies
    if needed is None:
        return DependenciesJson(
            kind=None,
            declared_in=[],
            input_digest="",
            lock_digest="",
            requires_python="",
            packages=[],
            jobs=[],
            prepared=None,
            environments=[],
            lock=None,
        )
    lock = await app[LOCKS].read(needed.lock_digest)
    return DependenciesJson(
        kind=needed.kind.value,
        declared_in=_declared_in(needed.kind, definition.script),
        input_digest=needed.input_digest,
        lock_digest=needed.lock_digest,
        requires_python=lock.requires_python if lock else "",
        packages=[PackageJson(*each) for each in lock.packages] if lock else [],
        jobs=_users(app[DEFINITIONS], needed.lock_digest),
        prepared=await _prepared(app[BUS], definition),
        environments=[],
        lock=await app[LOCKS].text(needed.lock_digest) if with_lock else None,
    )


def _users(definitions: KnownJobs, lock_digest: str) -> list[UserJson]:
    return [
        UserJson(job_type.value, each.job_name)
        for job_type in JobType
        for each in definitions.all_of(job_type)
        if each.dependencies is not None and each.dependencies.lock_digest == lock_digest
    ]


def _declared_in(kind: DependencyKind, script: str) -> list[str]:
    folder = posixpath.dirname(script)
    names = _FILES.get(kind, ())
    return [posixpath.join(folder, name) for name in names] if names else [script]


_FILES: Mapping[DependencyKind, Sequence[str]] = {
    DependencyKind.REQUIREMENTS: ("requirements.txt",),
    DependencyKind.UV_LOCK: ("uv.lock", "pyproject.toml"),
    DependencyKind.PYLOCK: ("pylock.toml",),
    DependencyKind.PYPROJECT: ("pyproject.toml",),
    DependencyKind.PACKAGE_LOCK: ("package-lock.json", "package.json"),
    DependencyKind.PACKAGE_JSON: ("package.json",),
}


async def _prepared(bus: Bus, definition: JobDefinition) -> PreparedJson | None:
    subject = _subject(bus, definition.job_type, definition.job_name)
    last = await bus.last_message(bus.subjects.events_stream, subject)
    event = _event_in(last) if last is not None else None
    return _prepared_json(event) if event is not None else None


async def _environments(
    app: web.Application, definition: JobDefinition, users: Sequence[UserJson]
) -> list[PreparedJson]:
    """The environment of the job's lock on each runner alive, as it was built, by the latest events."""
    if definition.dependencies is None:
        return []
    bus, lock_digest = app[BUS], definition.dependencies.lock_digest
    jobs = [(definition.job_type.value, definition.job_name), *((each.type, each.name) for each in users)]
    filters = [_subject(bus, *job) for job in dict.fromkeys(jobs)][:_MOST_USERS]
    start = await start_of_latest(bus, filters, 1, _MOST_EVENTS)
    if start is None:
        return []
    found: dict[str, PreparedJson] = {}
    stored = bus.stored(bus.subjects.events_stream, filters, start_sequence=start)
    async with aclosing(stored) as batches:
        async for batch in batches:
            for event in filter(None, map(_event_in, batch)):
                known = found.get(event.instance)
                is_known = event.reused and known is not None and known.key == event.key
                if event.lock_digest == lock_digest and not is_known:
                    found[event.instance] = _prepared_json(event)
    return [found[runner] for runner in sorted(found) if app[RUNNERS].is_alive(runner)]


def _subject(bus: Bus, job_type: str, job_name: str) -> str:
    return bus.subjects.job_event(job_type, job_name, str(DependenciesPrepared.__struct_config__.tag))


def _event_in(message: StreamMessage) -> DependenciesPrepared | None:
    try:
        event = decode_event(message.subject, message.headers, message.data)
    except UndecodableMessage:
        return None
    return event if isinstance(event, DependenciesPrepared) else None


def _prepared_json(event: DependenciesPrepared) -> PreparedJson:
    return PreparedJson(
        key=event.key,
        at=event.at,
        runner=event.instance,
        seconds=event.seconds,
        reused=event.reused,
        interpreter=event.interpreter,
        packages=event.packages,
        bytes=event.bytes,
    )
