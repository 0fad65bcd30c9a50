"""Locks of jobs, from the store of packages; a lock never changes, so it is read once."""

import tempfile
from collections import OrderedDict
from pathlib import Path

from aiohttp import web
from webjobs_events.jetstream import Bus, ObjectNotFound

from webjobs_api.backends.lock_packages import Lock, read_lock

_KEPT = 200


class Locks:
    """Reads locks, and remembers what the last ones said."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._known: OrderedDict[str, Lock] = OrderedDict()

    async def read(self, digest: str) -> Lock | None:
        """What a lock says; None when it is not stored.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        if digest not in self._known:
            text = await self.text(digest)
            if text is None:
                return None
            self._known[digest] = read_lock(text)
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return self._known[digest]

    async def text(self, digest: str) -> str | None:
        """The lock itself; None when it is not stored.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        with tempfile.TemporaryDirectory(prefix="webjobs-lock-") as folder:
            path = Path(folder, "lock")
            try:
                await self._bus.packages.fetch(digest, path)
            except ObjectNotFound:
                return None
            return path.read_text("utf-8", "replace")


LOCKS = web.AppKey("locks", Locks)
