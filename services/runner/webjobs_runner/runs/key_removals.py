"""Removes keys from the bucket of leases without waiting, and again until NATS has acknowledged that."""

import asyncio
import time
from functools import partial

from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus

from webjobs_runner.log import logger

_RETRY_SECONDS = 5.0  # without an acknowledgement


class KeyRemovals:
    """A removal costs its caller no wait, and survives a broken connection; recovery repeats it after a kill.

    Args:
        bus: To NATS.
        marker_ttl: Whole seconds for which a removed key leaves a trace.
    """

    def __init__(self, bus: Bus, marker_ttl: int) -> None:
        self._bus = bus
        self._outage = bus.connection.outage_of("removal of keys")
        self._marker_ttl = marker_ttl
        self._has_sent = asyncio.Event()
        self._sent: dict[str, float] = {}  # keys whose removal is not acknowledged, and when it was sent

    async def remove(self, key: str) -> None:
        """Remove a key that is never written again."""
        self._sent[key] = time.monotonic()
        self._has_sent.set()
        try:
            removed = await self._bus.leases.let_go(key, marker_ttl=self._marker_ttl)
        except BusUnavailable as error:
            logger.debug("removal of a key is tried again", key=key, error=str(error))
            return
        removed.add_done_callback(partial(self._answered, key))

    async def run(self) -> None:
        """Send again what is not acknowledged, until cancelled."""
        while True:
            await self._has_sent.wait()
            await asyncio.sleep(_RETRY_SECONDS)
            overdue = time.monotonic() - _RETRY_SECONDS
            unacknowledged = [key for key, sent_at in self._sent.items() if sent_at <= overdue]
            if unacknowledged:
                self._outage.failed("NATS has not acknowledged it", keys=len(unacknowledged))
            for key in unacknowledged:
                await self.remove(key)
            if not self._sent:
                self._has_sent.clear()

    def _answered(self, key: str, removed: "asyncio.Future[int]") -> None:
        if not removed.cancelled() and removed.exception() is None:
            self._sent.pop(key, None)
            if not self._sent:
                self._outage.ended()
