"""The environments of jobs on this runner: found, built, held by those who use them."""

import asyncio
import contextlib
import io
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from webjobs_environments.file_locks import locked
from webjobs_environments.folders import Marker
from webjobs_environments.held_environment import HeldEnvironment
from webjobs_environments.language import Languages
from webjobs_environments.python_packages import LOCK_NAME
from webjobs_events.errors import BusUnavailable
from webjobs_events.events import DependenciesFailed, DependenciesPrepared
from webjobs_events.jetstream import Bus, ObjectNotFound
from webjobs_events.job import JobDefinition
from webjobs_rules.dependencies.environment_key import digest_of, environment_key
from webjobs_rules.dependencies.policy import DependencyPolicy
from webjobs_rules.dependencies.vocabulary import (
    DependencyKind,
    PreparationStage,
    ReportProgress,
    report_nothing,
)
from webjobs_rules.errors import DependenciesRefused, DependenciesUnavailable, WebJobsError
from webjobs_rules.job import JobName, JobType
from webjobs_rules.trace import Trace

from webjobs_runner.environments.report import EnvironmentsState, stored_in
from webjobs_runner.instance import Instance
from webjobs_runner.job_events import LONGEST_REASON, JobEvents
from webjobs_runner.log import logger

_RUN_PATIENCE = 10 * 60.0  # seconds that a run waits for its environment
_ATTEMPTS_TO_HOLD = 5


@dataclass(frozen=True, slots=True)
class PreparedEnvironment:
    """An environment that is there.

    Attributes:
        key: Its name.
        packages: How many are installed.
        seconds: That the preparation took.
        reused: Whether it was there before.
        marker: What it is.
    """

    key: str
    packages: int
    seconds: float
    reused: bool
    marker: Marker


class _Build:
    """A build in progress, and those who follow it."""

    def __init__(self) -> None:
        self.followers: list[ReportProgress] = []
        self.task: asyncio.Task[PreparedEnvironment]

    def report(self, stage: PreparationStage, line: str) -> None:
        for follower in tuple(self.followers):
            follower(stage, line)


class Environments:
    """Has an environment for each lock of a job's definition.

    Args:
        bus: Whose store of packages holds the locks.
        instance: Of this runner.
        events: Takes those about jobs.
        languages: What builds and keeps environments.
        policy: Of the site.
        downloads: A folder of the runner's own for files on their way.
        state: What the heartbeat says of environments.
    """

    def __init__(
        self,
        bus: Bus,
        instance: Instance,
        events: JobEvents,
        languages: Languages,
        policy: DependencyPolicy,
        downloads: Path,
        state: EnvironmentsState,
    ) -> None:
        self._bus = bus
        self._instance = instance
        self._events = events
        self._languages = languages
        self._policy = policy
        self._downloads = downloads
        self._state = state
        self._build_listeners: list[Callable[[], None]] = []
        self._keys: dict[str, str] = {}  # by the digest of the lock
        self._builds: dict[str, _Build] = {}  # by key
        self._ahead: set[str] = set()  # digests of the locks that are prepared in the background
        self._background: set[asyncio.Task[None]] = set()
        self._published: PreparedEnvironment | Exception | None = None  # the last outcome
        self._followed: set[str] = set()  # causes of deployments whose events were published here

    async def acquire(self, definition: JobDefinition) -> HeldEnvironment:
        """As `EnvironmentSource.acquire`; waits ten minutes at most."""
        assert definition.dependencies is not None
        used = self._languages.of(definition.dependencies.kind).used
        key = self._keys.get(definition.dependencies.lock_digest)
        if key is not None and (held := used.hold(key)) is not None:
            return held
        waiting = self._state.preparing(definition.job_type, definition.job_name, patience=_RUN_PATIENCE)
        try:
            with waiting:
                async with asyncio.timeout(_RUN_PATIENCE):
                    for _ in range(_ATTEMPTS_TO_HOLD):
                        prepared = await self._prepare_again(definition)
                        if (held := used.hold(prepared.key)) is not None:
                            return held
                        await asyncio.sleep(0.1)  # it is being deleted
        except TimeoutError as error:
            raise DependenciesUnavailable(
                PreparationStage.INSTALL,
                f"The packages of the job were not installed within {_RUN_PATIENCE / 60:.0f} minutes.",
            ) from error
        raise DependenciesUnavailable(
            PreparationStage.CHECK, "The environment of the job vanishes as soon as it is built."
        )

    def define(self, definition: JobDefinition) -> None:
        """Have the environment of a definition built in the background, so that its runs need not wait."""
        if definition.dependencies is None:
            return
        lock_digest = definition.dependencies.lock_digest
        if lock_digest in self._keys or lock_digest in self._ahead:
            return
        self._ahead.add(lock_digest)
        work = asyncio.create_task(self._prepare_ahead(definition), name=f"environment {definition.job_name}")
        self._background.add(work)
        work.add_done_callback(self._background.discard)

    async def prepare(
        self, kind: DependencyKind, lock: str, source: str, report: ReportProgress
    ) -> PreparedEnvironment:
        """Have the environment of a lock; those who ask for one that is being built wait for it.

        Raises:
            DependenciesRefused, DependenciesUnavailable: It cannot be built.
            OSError: The disk is full.
        """
        lock_digest = digest_of(lock)
        language = self._languages.of(kind)
        interpreter = await language.choose_for_lock(lock)
        key = environment_key(lock_digest, interpreter, self._policy)
        build = self._builds.get(key)
        if build is None:
            build = self._builds[key] = _Build()

            async def carry_out(own: _Build = build) -> PreparedEnvironment:
                started = time.monotonic()
                try:
                    marker, reused = await language.builder.build(
                        key, lock, lock_digest, source, interpreter, own.report
                    )
                finally:
                    del self._builds[key]
                self._keys[lock_digest] = key
                if not reused:
                    with contextlib.suppress(OSError):  # the hourly look reports it
                        self._state.measured(await asyncio.to_thread(stored_in, self._languages))
                    for listener in self._build_listeners:
                        listener()
                seconds = round(time.monotonic() - started, 3)
                return PreparedEnvironment(key, marker.packages, seconds, reused, marker)

            build.task = asyncio.create_task(carry_out(), name=f"build {key[:12]}")
            build.task.add_done_callback(_note_failure)
        build.followers.append(report)
        try:
            return await asyncio.shield(build.task)
        finally:
            build.followers.remove(report)

    async def close(self) -> None:
        """End what is being built; the next start builds it."""
        tasks = [*self._background, *(build.task for build in self._builds.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Environments can be built while the body runs."""
        try:
            yield
        finally:
            await self.close()

    @asynccontextmanager
    async def cache_in_use(self) -> AsyncIterator[None]:
        """The cache of downloads stays while the body runs."""
        folders = self._languages.python.folders
        await asyncio.to_thread(folders.root.mkdir, parents=True, exist_ok=True)
        async with locked(folders.cache_lock, shared=True):
            yield

    def key_of(self, lock_digest: str) -> str | None:
        """The key of the environment that this runner uses for a lock, as far as known."""
        return self._keys.get(lock_digest)

    def on_build(self, listener: Callable[[], None]) -> None:
        """Call this whenever an environment was built."""
        self._build_listeners.append(listener)

    def repair(self, definition: JobDefinition) -> None:
        """Have the environment of a definition checked, and built again if it was changed."""
        if definition.dependencies is not None:
            self._keys.pop(definition.dependencies.lock_digest, None)
            self.define(definition)

    def publish_prepared(
        self,
        job_type: JobType,
        job_name: JobName,
        prepared: PreparedEnvironment,
        cause: str,
        trace: Trace | None = None,
    ) -> None:
        """Publish that the environment of a job is there."""
        event = DependenciesPrepared(
            **self._events.facts(job_type, job_name, cause),
            key=prepared.key,
            packages=prepared.packages,
            seconds=prepared.seconds,
            reused=prepared.reused,
            lock_digest=prepared.marker.lock_digest,
            interpreter=prepared.marker.interpreter.name,
            bytes=prepared.marker.contents.bytes,
        )
        self._events.publish(event, trace)

    def publish_failed(
        self,
        job_type: JobType,
        job_name: JobName,
        error: WebJobsError | OSError,
        cause: str,
        trace: Trace | None = None,
    ) -> None:
        """Publish that the environment of a job could not be built."""
        stage = getattr(error, "stage", PreparationStage.INSTALL)
        logger.warning("dependencies not prepared", job=job_name, stage=str(stage), error=str(error))
        facts = self._events.facts(job_type, job_name, cause)
        event = DependenciesFailed(**facts, stage=stage, reason=str(error)[:LONGEST_REASON])
        self._events.publish(event, trace)

    async def stored_lock(self, lock_digest: str) -> str | None:
        """The lock of a digest from the store; None when it is not there, or damaged.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        lock = await self._fetched_lock(lock_digest)
        if lock is None:
            lock = await asyncio.to_thread(self._lock_on_disk, lock_digest)
            if lock is not None:
                await self.store_lock(lock)
        return lock

    async def store_lock(self, lock: str) -> None:
        """Store a lock under its digest, unless it is stored.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        digest = digest_of(lock)
        if not await self._bus.packages.exists(digest):
            await self._bus.packages.put(digest, io.BytesIO(lock.encode()))

    async def _fetched_lock(self, lock_digest: str) -> str | None:
        path = self._downloads / f"lock-{lock_digest[:16]}-{time.monotonic_ns():x}"
        try:
            await self._bus.packages.fetch(lock_digest, path)
            lock = await asyncio.to_thread(path.read_text, "utf-8")
        except (ObjectNotFound, UnicodeDecodeError):
            return None
        finally:
            path.unlink(missing_ok=True)
        return lock if digest_of(lock) == lock_digest else None

    def _lock_on_disk(self, lock_digest: str) -> str | None:
        """The lock in an environment of this machine that was built from it: the store may have been lost."""
        for folders in (each.folders for each in self._languages.all):
            for key in folders.keys():
                marker = folders.read_marker(key)
                if marker is not None and marker.lock_digest == lock_digest:
                    with contextlib.suppress(OSError, UnicodeDecodeError):
                        lock = (folders.folder(key) / LOCK_NAME).read_text("utf-8")
                        if digest_of(lock) == lock_digest:
                            return lock
        return None

    async def _prepare_again(self, definition: JobDefinition) -> PreparedEnvironment:
        """Build the environment of a definition from its stored lock, and publish what became of it."""
        dependencies = definition.dependencies
        assert dependencies is not None
        job_type, job_name = definition.job_type, definition.job_name
        try:
            lock = await self.stored_lock(dependencies.lock_digest)
            if lock is None:
                raise DependenciesUnavailable(
                    PreparationStage.INSTALL, "The lock of the job's packages is lost. Deploy the job again."
                )
            prepared = await self.prepare(dependencies.kind, lock, "the lock", report_nothing)
        except (DependenciesRefused, DependenciesUnavailable, OSError) as error:
            if error is not self._published:  # those who wait for one build get the same error
                self._published = error
                self.publish_failed(job_type, job_name, error, self._cause_of(definition))
            raise
        if not prepared.reused and prepared is not self._published:
            self._published = prepared
            self.publish_prepared(job_type, job_name, prepared, self._cause_of(definition))
        return prepared

    def _cause_of(self, definition: JobDefinition) -> str:
        """The deployment, for what this runner does first about it; what it does later is of its own."""
        if definition.changed_by != self._instance.id and definition.cause not in self._followed:
            self._followed.add(definition.cause)
            return definition.cause
        return f"environment/{secrets.token_hex(8)}"

    async def _prepare_ahead(self, definition: JobDefinition) -> None:
        with contextlib.suppress(DependenciesRefused, DependenciesUnavailable, OSError):  # published
            try:
                with self._state.preparing(definition.job_type, definition.job_name):
                    await self._prepare_again(definition)
            except BusUnavailable as error:
                logger.debug("environment is prepared at the next run", error=str(error))
            finally:
                assert definition.dependencies is not None
                self._ahead.discard(definition.dependencies.lock_digest)


def _note_failure(task: "asyncio.Task[PreparedEnvironment]") -> None:
    if not task.cancelled() and task.exception() is not None:
        logger.debug("environment not built", error=str(task.exception()))
