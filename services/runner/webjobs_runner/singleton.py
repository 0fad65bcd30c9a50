"""Leases on singleton jobs: one runner holds each, and stops before another can take it over."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec
from webjobs_events.errors import BusUnavailable, RevisionConflict
from webjobs_events.jetstream import BucketMirror, Bus, Entry
from webjobs_events.job import JobName
from webjobs_events.subjects import Subjects

from webjobs_runner.instance import Instance
from webjobs_runner.log import logger

LEASE_SECONDS = 10
RENEWAL_SECONDS = 2.0
STOP_MARGIN_SECONDS = 4.0  # before a lease that cannot be renewed ends, its job is made to stop


class Holder(msgspec.Struct, frozen=True):
    """The value of a lease: who holds it."""

    instance: str
    boot: str


@dataclass(slots=True)
class _Lease:
    revision: int
    valid_until: float  # monotonic


_decoder = msgspec.json.Decoder(Holder)


class SingletonLeases:
    """The leases this runner holds, and who holds the others."""

    def __init__(self, bus: Bus, instance: Instance) -> None:
        self._bus = bus
        self._instance = instance
        self._value = msgspec.json.encode(Holder(instance.id, instance.boot))
        self._held: dict[JobName, _Lease] = {}
        self._listeners: dict[str, Callable[[], None]] = {}
        self._mirror: BucketMirror | None = None

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Know who holds what while the body runs; give everything up at its end."""
        async with self._bus.leases.mirror(self._changed, keys="singleton.*") as mirror:
            self._mirror = mirror
            yield
            for job_name in list(self._held):
                await self.release(job_name)

    def listen(self, job_name: JobName, listener: Callable[[], None] | None) -> None:
        """Call this when the lease of a job may be free, or is lost to us; None ends that."""
        key = Subjects.singleton_key(job_name)
        if listener is None:
            self._listeners.pop(key, None)
        else:
            self._listeners[key] = listener

    def holds(self, job_name: JobName) -> bool:
        """Whether the job may run here now."""
        lease = self._held.get(job_name)
        return lease is not None and time.monotonic() < lease.valid_until - STOP_MARGIN_SECONDS

    def holder(self, job_name: JobName) -> str:
        """Instance id of who holds the lease, as far as told; empty when nobody does."""
        entry = self._mirror.get(Subjects.singleton_key(job_name)) if self._mirror else None
        return _decoder.decode(entry.value).instance if entry else ""

    async def acquire(self, job_name: JobName) -> bool:
        """Try to hold the lease; one that an earlier boot of ours held is taken over at once."""
        if self.holds(job_name):
            return True
        key = Subjects.singleton_key(job_name)
        asked_at = time.monotonic()
        try:
            entry = await self._bus.leases.get(key)
            if entry is None:
                revision = await self._bus.leases.create(key, self._value, ttl=LEASE_SECONDS)
            elif _decoder.decode(entry.value).instance == self._instance.id:
                revision = await self._bus.leases.update(key, self._value, entry.revision, ttl=LEASE_SECONDS)
            else:
                return False
        except RevisionConflict:
            return False
        except BusUnavailable as error:
            logger.debug("singleton lease not asked for", job=job_name, error=str(error))
            return False
        self._held[job_name] = _Lease(revision, asked_at + LEASE_SECONDS)
        return True

    async def release(self, job_name: JobName) -> None:
        """Give a lease up; only once nothing of the job runs here."""
        lease = self._held.pop(job_name, None)
        if lease is None:
            return
        try:
            await self._bus.leases.delete(
                Subjects.singleton_key(job_name), lease.revision, marker_ttl=LEASE_SECONDS
            )
        except (BusUnavailable, RevisionConflict) as error:
            logger.debug("singleton lease left to expire", job=job_name, error=str(error))

    async def run(self) -> None:
        """Renew what is held until cancelled, and tell of what is lost."""
        while True:
            await asyncio.sleep(RENEWAL_SECONDS)
            await asyncio.gather(*(self._renew(name, lease) for name, lease in list(self._held.items())))

    async def _renew(self, job_name: JobName, lease: _Lease) -> None:
        asked_at = time.monotonic()
        key = Subjects.singleton_key(job_name)
        try:
            async with asyncio.timeout(RENEWAL_SECONDS):
                lease.revision = await self._bus.leases.update(
                    key, self._value, lease.revision, ttl=LEASE_SECONDS
                )
            lease.valid_until = asked_at + LEASE_SECONDS
        except RevisionConflict:
            await self._look_again(job_name, lease)
        except (BusUnavailable, TimeoutError) as error:
            logger.warning("singleton lease not renewed", job=job_name, error=str(error))
        if self._held.get(job_name) is lease and not self.holds(job_name):
            del self._held[job_name]
            logger.warning("singleton lease lost", job=job_name)
            self._tell(key)

    async def _look_again(self, job_name: JobName, lease: _Lease) -> None:
        """A conflict may be our own renewal whose answer was lost; else the lease is somebody else's."""
        try:
            entry = await self._bus.leases.get(Subjects.singleton_key(job_name))
        except BusUnavailable:
            return
        if entry is not None and entry.value == self._value:
            lease.revision = entry.revision
        else:
            lease.valid_until = 0.0

    def _changed(self, key: str, entry: Entry | None) -> None:
        if entry is None:
            self._tell(key)

    def _tell(self, key: str) -> None:
        listener = self._listeners.get(key)
        if listener is not None:
            listener()
