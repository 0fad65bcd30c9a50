"""The lease of this runner, renewed while it lives, and the leases of the others."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from webjobs_events.errors import MALFORMED, BusUnavailable
from webjobs_events.events import InstanceLost
from webjobs_events.heartbeat import Heartbeat, decode_heartbeat, encode_heartbeat
from webjobs_events.jetstream import Bus, Entry
from webjobs_events.subjects import Subjects
from webjobs_service.health import AcknowledgedWrites
from webjobs_service.lifetime import LongLived
from webjobs_service.release import VERSION

from webjobs_runner.disk_watch import DiskWatch
from webjobs_runner.environments.report import EnvironmentsState
from webjobs_runner.instance import Instance
from webjobs_runner.lease_terms import LeaseTerms
from webjobs_runner.log import logger
from webjobs_runner.outbox import Outbox


@dataclass(slots=True)
class _Peer:
    heartbeat: Heartbeat
    seen_at: float  # monotonic
    is_missed: bool = False  # the mirror saw its lease end


class Peers(LongLived):
    """Keeps this runner's lease, and notices when another one's ends.

    Only a runner whose own lease has held for a whole term decides about others: when NATS was away or stood
    still, every lease ends at once and proves nothing about its owner.
    """

    def __init__(
        self,
        bus: Bus,
        instance: Instance,
        outbox: Outbox,
        disk: DiskWatch,
        terms: LeaseTerms,
        slots: int,
        environments: EnvironmentsState,
    ) -> None:
        self._bus = bus
        self._instance = instance
        self._outbox = outbox
        self._disk = disk
        self._slots = slots
        self._environments = environments
        self.terms = terms
        """Of the lease."""
        self._outage = bus.connection.outage_of("heartbeat")
        self._key = Subjects.instance_key(instance.id)
        self._peers: dict[str, _Peer] = {}
        self._unreadable: dict[str, tuple[int, float]] = {}  # revision, and since when it is known
        self._missed = asyncio.Event()  # also set when the lease is to be renewed at once
        self._is_due = False
        self._has_failed = False
        self.writes = AcknowledgedWrites()
        """Of the lease: what JetStream acknowledges is what makes this runner ready."""
        self._whole_since = time.monotonic()
        self._vouched_until = 0.0
        self._lapsed_at = time.monotonic()
        self._lapse_listeners: list[Callable[[], None]] = []
        self._guards: list[Callable[[float], None]] = []
        self.lost: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        """Lost runners: the instance id and the boot of each."""
        disk.on_change(self.renew_soon)
        environments.on_change(self.renew_soon)

    @asynccontextmanager
    async def _life(self) -> AsyncIterator[None]:
        """Be alive in the eyes of the others while the body runs; say farewell at the end."""
        unhook = self._bus.connection.on_reconnect(self._reconnected)
        try:
            async with self._bus.leases.mirror(keys="instance.*", on_change=self._changed) as mirror:
                mirror.on_replaced(self._reconnected)
                await self._renew()
                yield
                await self._leave()
        finally:
            unhook()

    async def run(self) -> None:
        """Renew the lease, and check runners whose lease has ended, until cancelled."""
        renew_at = time.monotonic() + self.terms.heartbeat_seconds
        while True:
            try:
                async with asyncio.timeout(renew_at - time.monotonic()):
                    await self._missed.wait()
            except TimeoutError:
                self._is_due = True
            self._missed.clear()
            if self._is_due:
                await self._renew()
                pause = self.terms.retry_seconds if self._has_failed else self.terms.heartbeat_seconds
                renew_at = time.monotonic() + pause
            await self._check_peers()

    def on_lapse(self, listener: Callable[[], None]) -> None:
        """Call `listener` when our lease holds again after a gap: others may have taken us for lost."""
        self._lapse_listeners.append(listener)

    def renew_soon(self) -> None:
        """Renew the lease at once: what it says has changed, or it may have ended."""
        self._is_due = True
        self._missed.set()

    def has_room_elsewhere(self) -> bool:
        """Whether another runner that is alive has room on its disk, as far as its last heartbeat says."""
        seen_since = time.monotonic() - self.terms.seconds
        return any(
            peer.seen_at > seen_since
            and not peer.heartbeat.leaving
            and (peer.heartbeat.disk is None or not peer.heartbeat.disk.is_low)
            for peer in self._peers.values()
        )

    def held_since(self, instant: float) -> bool:
        """Whether our own lease has held since this monotonic instant: no runner took us for lost."""
        return self._lapsed_at <= instant and time.monotonic() < self._vouched_until

    @property
    def lease_end(self) -> float:
        """Monotonic instant at which our lease ends unless it is renewed."""
        return self._vouched_until

    @contextmanager
    def guarding(self, renewed: Callable[[float], None]) -> Iterator[None]:
        """Pass on `lease_end`, now and at each renewal, while the body runs."""
        self._guards.append(renewed)
        renewed(self.lease_end)
        try:
            yield
        finally:
            self._guards.remove(renewed)

    def can_decide(self) -> bool:
        """Whether all was whole for so long that an absent lease means an absent runner."""
        now = time.monotonic()
        whole_for = now - max(self._whole_since, self._lapsed_at)
        return self._bus.is_connected and now < self._vouched_until and whole_for >= self.terms.seconds

    async def is_lost(self, instance_id: str) -> bool:
        """Returns whether that runner is surely gone: read from the bucket, and only while we can decide.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        if not self.can_decide():
            return False
        entry = await self._bus.leases.get(Subjects.instance_key(instance_id))
        if entry is None or _heartbeat_of(entry) is not None:
            self._unreadable.pop(instance_id, None)
            return entry is None
        # A runner that is alive writes a readable one before long.
        revision, since = self._unreadable.get(instance_id, (0, 0.0))
        if revision != entry.revision:
            self._unreadable[instance_id] = entry.revision, time.monotonic()
            return False
        return time.monotonic() - since >= self.terms.seconds

    async def _renew(self) -> None:
        self._is_due = False
        sent_at = time.monotonic()
        heartbeat = Heartbeat(
            boot=self._instance.boot,
            disk=self._disk.report,
            slots=self._slots,
            version=VERSION,
            environments=self._environments.report,
        )
        value = encode_heartbeat(heartbeat)
        try:
            # First to those who listen now: a full disk stores nothing.
            await self._bus.broadcast(self._bus.subjects.heartbeat(self._instance.id), value)
            async with asyncio.timeout(self.terms.renewal_seconds):
                await self._bus.leases.put(self._key, value, ttl=self.terms.seconds)
        except (BusUnavailable, TimeoutError) as error:
            self._has_failed = True
            self.writes.failed(str(error) or "no acknowledgement in time")
            self._outage.failed(str(error) or "no answer in time")
            return
        self._has_failed = False
        self.writes.acknowledged()
        self._outage.ended()
        # What counts is when the answer came: the request may have been on its way while the lease ended.
        acknowledged_at, vouched_until = time.monotonic(), self._vouched_until
        self._vouched_until = sent_at + self.terms.seconds
        for renewed in self._guards:
            renewed(self.lease_end)
        if acknowledged_at > vouched_until:
            self._lapsed_at = acknowledged_at
            if vouched_until:
                logger.warning("heartbeat had lapsed; others may have taken this runner for lost")
                for listener in self._lapse_listeners:
                    listener()

    async def _leave(self) -> None:
        value = encode_heartbeat(Heartbeat(boot=self._instance.boot, leaving=True))
        try:
            await self._bus.leases.put(self._key, value, ttl=self.terms.seconds)
            await self._bus.leases.delete(self._key, marker_ttl=self.terms.seconds)
        except BusUnavailable as error:
            logger.warning("heartbeat left to expire", error=str(error))

    def _reconnected(self) -> None:
        """After an outage, or in a new bucket, an absent lease says nothing about its runner for a while."""
        self._whole_since = time.monotonic()
        self.renew_soon()

    def _changed(self, key: str, entry: Entry | None) -> None:
        instance_id = key.removeprefix("instance.")
        if instance_id == self._instance.id:
            return
        if entry is None:
            peer = self._peers.get(instance_id)
            if peer is not None:
                peer.is_missed = True
                self._missed.set()
            return
        heartbeat = _heartbeat_of(entry)
        if heartbeat is None:
            logger.error("unreadable heartbeat left alone", key=key)
            return
        self._peers[instance_id] = _Peer(heartbeat, time.monotonic())

    async def _check_peers(self) -> None:
        """Publish which runners are gone; a doubt stays until it can be settled.

        A lease without a heartbeat for two terms is read too: the trace of an expired lease is kept for
        a while only, and may be gone before we are back from an outage.
        """
        silent_since = time.monotonic() - 2 * self.terms.seconds
        for instance_id, peer in list(self._peers.items()):
            if peer.is_missed and peer.heartbeat.leaving:
                del self._peers[instance_id]
            elif peer.is_missed or peer.seen_at < silent_since:
                try:
                    is_lost = await self.is_lost(instance_id)
                except BusUnavailable as error:
                    logger.debug("check of a lost runner postponed", instance=instance_id, error=str(error))
                    return
                if is_lost and self._peers.get(instance_id) is peer:
                    del self._peers[instance_id]
                    self._publish_lost(instance_id, peer.heartbeat.boot)

    def _publish_lost(self, instance_id: str, boot: str) -> None:
        logger.warning("a runner is lost", lost=instance_id)
        self._outbox.add(
            InstanceLost(
                at=datetime.now(UTC), instance=self._instance.id, about_instance=instance_id, boot=boot
            )
        )
        self.lost.put_nowait((instance_id, boot))


def _heartbeat_of(entry: Entry) -> Heartbeat | None:
    try:
        return decode_heartbeat(entry.value)
    except MALFORMED:
        return None
