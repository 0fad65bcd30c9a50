"""The runner's sign of life, and who else is alive: leases that expire unless renewed."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec
from webjobs_events.errors import BusUnavailable, InvalidToken
from webjobs_events.events import InstanceLost
from webjobs_events.jetstream import BucketMirror, Bus, Entry
from webjobs_events.subjects import Subjects

from webjobs_runner.instance import Instance
from webjobs_runner.log import logger
from webjobs_runner.outbox import Outbox

LEASE_SECONDS = 10
RENEWAL_SECONDS = 3.0


class Heartbeat(msgspec.Struct, frozen=True):
    """What a runner says of itself in its lease; `leaving` before it stops in good order."""

    boot: str
    leaving: bool = False


_decoder = msgspec.json.Decoder(Heartbeat)


class Peers:
    """Keeps this runner's lease and knows those of the others.

    While the lease held without a gap nobody can have taken us for lost: see `held_since`.
    """

    def __init__(self, bus: Bus, instance: Instance, outbox: Outbox) -> None:
        self._bus = bus
        self._instance = instance
        self._outbox = outbox
        self._key = Subjects.instance_key(instance.id)
        self._mirror: BucketMirror | None = None
        self._last: dict[str, Heartbeat] = {}
        self._whole_since = time.monotonic()
        self._vouched_until = 0.0
        self._lapsed_at = time.monotonic()
        self.on_lost: Callable[[str], None] = lambda _instance_id: None

    @asynccontextmanager
    async def joined(self) -> AsyncIterator[None]:
        """Be alive in the eyes of the others while the body runs; say farewell at the end."""
        unhook = self._bus.connection.on_reconnect(self._reconnected)
        try:
            async with self._bus.leases.mirror(keys="instance.*", on_change=self._changed) as mirror:
                self._mirror = mirror
                await self._renew()
                yield
                await self._leave()
        finally:
            unhook()

    async def run(self) -> None:
        """Renew the lease until cancelled."""
        while True:
            await asyncio.sleep(RENEWAL_SECONDS)
            await self._renew()

    def is_alive(self, instance_id: str) -> bool:
        """Whether that runner's lease holds, as far as told."""
        return self._mirror is not None and self._mirror.get(Subjects.instance_key(instance_id)) is not None

    def held_since(self, instant: float) -> bool:
        """Whether our own lease has held without a gap since this monotonic instant."""
        return self._lapsed_at <= instant and time.monotonic() < self._vouched_until

    def can_judge(self) -> bool:
        """Whether the connection was whole for so long that an absent lease means an absent runner."""
        return self._bus.is_connected and time.monotonic() - self._whole_since >= LEASE_SECONDS

    async def is_lost(self, instance_id: str) -> bool:
        """Whether that runner is surely gone: asked of the bucket itself, and only while we can judge."""
        if not self.can_judge():
            return False
        return await self._bus.leases.get(Subjects.instance_key(instance_id)) is None

    async def _renew(self) -> None:
        asked_at = time.monotonic()
        value = msgspec.json.encode(Heartbeat(boot=self._instance.boot))
        try:
            await self._bus.leases.put(self._key, value, ttl=LEASE_SECONDS)
            if asked_at > self._vouched_until:
                self._lapsed_at = asked_at
            self._vouched_until = asked_at + LEASE_SECONDS
        except BusUnavailable as error:
            logger.warning("heartbeat not renewed", error=str(error))

    async def _leave(self) -> None:
        value = msgspec.json.encode(Heartbeat(boot=self._instance.boot, leaving=True))
        try:
            await self._bus.leases.put(self._key, value, ttl=LEASE_SECONDS)
            await self._bus.leases.delete(self._key, marker_ttl=LEASE_SECONDS)
        except BusUnavailable as error:
            logger.warning("heartbeat left to expire", error=str(error))

    def _reconnected(self) -> None:
        self._whole_since = time.monotonic()

    def _changed(self, key: str, entry: Entry | None) -> None:
        instance_id = key.removeprefix("instance.")
        if entry is not None:
            self._last[instance_id] = _decoded(key, entry)
            return
        last = self._last.pop(instance_id, None)
        if last is None or last.leaving or instance_id == self._instance.id:
            return
        logger.warning("a runner is lost", lost=instance_id)
        self._outbox.add(
            InstanceLost(
                at=datetime.now(UTC), instance=self._instance.id, about_instance=instance_id, boot=last.boot
            )
        )
        self.on_lost(instance_id)


def _decoded(key: str, entry: Entry) -> Heartbeat:
    try:
        return _decoder.decode(entry.value)
    except msgspec.MsgspecError as error:
        raise InvalidToken(key) from error
