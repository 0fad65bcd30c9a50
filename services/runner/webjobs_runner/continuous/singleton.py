"""Leases on singleton jobs: one runner holds each, and stops before another can take it over."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec
from webjobs_events.errors import MALFORMED, BusUnavailable, RevisionConflict
from webjobs_events.jetstream import Bus, Entry
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobName
from webjobs_service.lifetime import LongLived

from webjobs_runner.instance import Instance
from webjobs_runner.lease_terms import LeaseTerms
from webjobs_runner.log import logger


class Holder(msgspec.Struct, frozen=True):
    """The value of a lease: who holds it."""

    instance: str
    boot: str


@dataclass(slots=True)
class _Lease:
    revision: int
    valid_until: float  # monotonic


_decoder = msgspec.json.Decoder(Holder)


class SingletonLeases(LongLived):
    """The leases this runner holds, and who holds the others.

    A lease that cannot be renewed is given up so long before it ends that its job is gone by then.
    """

    def __init__(self, bus: Bus, instance: Instance, terms: LeaseTerms) -> None:
        self._bus = bus
        self._instance = instance
        self._terms = terms
        self._outage = bus.connection.outage_of("renewal of singleton leases")
        self._value = msgspec.json.encode(Holder(instance.id, instance.boot))
        self._held: dict[JobName, _Lease] = {}
        self._awaited: set[JobName] = set()  # asked for in vain
        self._unreadable: dict[JobName, tuple[int, float]] = {}  # revision, and since when it is known
        self._listeners: dict[str, Callable[[], None]] = {}
        self._guards: dict[JobName, Callable[[float], None]] = {}
        self._mirror = bus.leases.mirror(self._changed, keys="singleton.*")
        self._changed_hands = asyncio.Event()
        self._holds_any = asyncio.Event()

    @asynccontextmanager
    async def _life(self) -> AsyncIterator[None]:
        """Know who holds what while the body runs; give everything up at its end."""
        async with self._mirror:
            yield
            await asyncio.gather(*map(self.release, list(self._held)))

    def listen(self, job_name: JobName, listener: Callable[[], None] | None) -> None:
        """Call this when the lease of a job may be free, or is lost to us; None ends that."""
        key = Subjects.singleton_key(job_name)
        if listener is None:
            self._listeners.pop(key, None)
            self._awaited.discard(job_name)
        else:
            self._listeners[key] = listener

    def guard(self, job_name: JobName, limit: Callable[[float], None] | None) -> None:
        """Pass on when the script under a lease must have ended at the latest, now and at each renewal.

        Args:
            job_name: Of the singleton.
            limit: Called with a monotonic instant; None ends that.
        """
        lease = self._held.get(job_name)
        if limit is None:
            self._guards.pop(job_name, None)
        elif lease is not None:
            self._guards[job_name] = limit
            limit(self._dead_at(lease))

    def holds(self, job_name: JobName) -> bool:
        """Whether the job may run here now."""
        lease = self._held.get(job_name)
        return lease is not None and time.monotonic() < self._usable_until(lease)

    def token(self, job_name: JobName) -> int | None:
        """A number greater than that of every earlier holder of the lease; None when it is not held here."""
        lease = self._held.get(job_name)
        return lease.revision if lease is not None else None

    def holder(self, job_name: JobName) -> str:
        """Instance id of the holder of the lease, as last received; empty when there is none."""
        entry = self._mirror.get(Subjects.singleton_key(job_name))
        return _holder_of(entry) if entry else ""

    async def acquire(self, job_name: JobName) -> bool:
        """Try to hold the lease; one that an earlier boot of ours held is taken over at once."""
        if self.holds(job_name):
            return True
        self._awaited.add(job_name)
        key = Subjects.singleton_key(job_name)
        sent_at = time.monotonic()
        try:
            async with asyncio.timeout(self._terms.singleton_renewal_seconds):
                entry = await self._bus.leases.get(key)
                if entry is None and await self._is_lost_with_its_bucket(key):
                    return False
                if entry is None:
                    revision = await self._bus.leases.create(key, self._value, ttl=self._terms.seconds)
                elif self._may_replace(job_name, entry, sent_at):
                    revision = await self._bus.leases.update(
                        key, self._value, entry.revision, ttl=self._terms.seconds
                    )
                else:
                    return False
        except RevisionConflict:
            return False
        except (BusUnavailable, TimeoutError) as error:
            logger.debug("singleton lease not asked for", job=job_name, error=str(error))
            return False
        self._held[job_name] = _Lease(revision, sent_at + self._terms.seconds)
        self._awaited.discard(job_name)
        self._changed_hands.set()
        self._holds_any.set()
        return True

    def _may_replace(self, job_name: JobName, entry: Entry, now: float) -> bool:
        """Whether a lease is our own, or cannot be read and any holder has given the job up by now."""
        holder = _holder_of(entry)
        if holder:
            self._unreadable.pop(job_name, None)
            return holder == self._instance.id
        revision, since = self._unreadable.get(job_name, (0, 0.0))
        if revision != entry.revision:
            self._unreadable[job_name] = entry.revision, now
            return False
        return now - since >= self._terms.seconds

    async def release(self, job_name: JobName) -> None:
        """Give a lease up; only once nothing of the job runs here."""
        self._awaited.discard(job_name)
        lease = self._held.pop(job_name, None)
        if lease is None:
            return
        try:
            await self._bus.leases.delete(
                Subjects.singleton_key(job_name), lease.revision, marker_ttl=self._terms.seconds
            )
        except (BusUnavailable, RevisionConflict) as error:
            logger.debug("singleton lease left to expire", job=job_name, error=str(error))

    async def run(self) -> None:
        """Renew held leases until cancelled; notify of lost ones and of those that may be free."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._renew_all())
            group.create_task(self._watch_ends())
            group.create_task(self._retry_acquire())

    async def _renew_all(self) -> None:
        delay = self._terms.singleton_renewal_seconds
        while True:
            await self._holds_any.wait()
            await asyncio.sleep(delay)
            renewed = await asyncio.gather(
                *(self._renew(name, lease) for name, lease in list(self._held.items()))
            )
            # After a failure there is less time left, of which the try itself took a good part.
            is_well = all(renewed)
            if is_well:
                self._outage.ended()
            delay = self._terms.singleton_renewal_seconds if is_well else self._terms.retry_seconds
            if not self._held:
                self._holds_any.clear()

    async def _watch_ends(self) -> None:
        """Give a lease up at the very moment at which it cannot be used any more."""
        while True:
            self._changed_hands.clear()
            now = time.monotonic()
            for job_name, lease in list(self._held.items()):
                if now >= self._usable_until(lease):
                    self._lose(job_name, lease)
            ends = [self._usable_until(lease) for lease in self._held.values()]
            try:
                async with asyncio.timeout(min(ends) - now if ends else None):
                    await self._changed_hands.wait()
            except TimeoutError:
                continue

    async def _retry_acquire(self) -> None:
        """Wake those who wait for a lease: the notice that it is free may have been missed in an outage."""
        while True:
            await asyncio.sleep(self._terms.seconds)
            for job_name in list(self._awaited):
                self._notify(Subjects.singleton_key(job_name))

    async def _renew(self, job_name: JobName, lease: _Lease) -> bool:
        """Renew a lease; answers False when that is to be tried again soon."""
        sent_at = time.monotonic()
        key = Subjects.singleton_key(job_name)
        try:
            async with asyncio.timeout(self._terms.singleton_renewal_seconds):
                lease.revision = await self._bus.leases.update(
                    key, self._value, lease.revision, ttl=self._terms.seconds
                )
            lease.valid_until = sent_at + self._terms.seconds
            if (limit := self._guards.get(job_name)) is not None and self._held.get(job_name) is lease:
                limit(self._dead_at(lease))
            return True
        except RevisionConflict:
            await self._recheck(job_name, lease)
        except (BusUnavailable, TimeoutError) as error:
            self._outage.failed(str(error) or "no answer in time", job=job_name)
        return False

    async def _recheck(self, job_name: JobName, lease: _Lease) -> None:
        """A conflict may be our own renewal whose answer was lost; else another runner has the lease."""
        try:
            entry = await self._bus.leases.get(Subjects.singleton_key(job_name))
        except BusUnavailable:
            return
        if entry is not None and entry.value == self._value:
            lease.revision = entry.revision
        elif entry is not None or not await self._hold_again(job_name, lease):
            self._lose(job_name, lease)

    async def _hold_again(self, job_name: JobName, lease: _Lease) -> bool:
        """Write a lease again that is lost with its bucket, if it still holds and no other runner has it."""
        sent_at = time.monotonic()
        if sent_at >= self._usable_until(lease):
            return False
        try:
            lease.revision = await self._bus.leases.create(
                Subjects.singleton_key(job_name), self._value, ttl=self._terms.seconds, once_only=True
            )
        except RevisionConflict:
            return False
        except BusUnavailable:
            return True  # unknown: the next renewal shows it, in time or not at all
        lease.valid_until = sent_at + self._terms.seconds
        return True

    async def _is_lost_with_its_bucket(self, key: str) -> bool:
        """Whether another runner held this lease a moment ago, and no trace says that it gave it up.

        It has a while to write it again. An end of a lease leaves a trace; a lost bucket does not.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        known = self._mirror.get(key)
        if known is None or _holder_of(known) == self._instance.id:
            return False
        return not await self._bus.leases.was_removed(key)

    def _lose(self, job_name: JobName, lease: _Lease) -> None:
        if self._held.get(job_name) is lease:
            del self._held[job_name]
            logger.warning("singleton lease lost", job=job_name)
            self._notify(Subjects.singleton_key(job_name))

    def _dead_at(self, lease: _Lease) -> float:
        return lease.valid_until - self._terms.kill_margin_seconds

    def _usable_until(self, lease: _Lease) -> float:
        return lease.valid_until - self._terms.stop_margin_seconds

    def _changed(self, key: str, entry: Entry | None) -> None:
        if entry is None:
            self._notify(key)

    def _notify(self, key: str) -> None:
        listener = self._listeners.get(key)
        if listener is not None:
            listener()


def _holder_of(entry: Entry) -> str:
    try:
        return _decoder.decode(entry.value).instance
    except MALFORMED as error:
        logger.error("unreadable singleton lease", revision=entry.revision, error=str(error))
        return ""
