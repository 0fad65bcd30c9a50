"""Watches the disk of the data folder: keeps the streams from filling it, and brings them back afterwards."""

import asyncio
import time
from pathlib import Path

from webjobs_rules.disk_reserve import MEGABYTE, reserve_of
from webjobs_service.disk import space_of

from webjobs_stack.announce import Announcer
from webjobs_stack.nats_server import NatsServer

POLL_SECONDS = 1.0
_ROOM_TO_START = 4 * MEGABYTE  # what a server needs at least to come up
_FULL = MEGABYTE  # less free space than that is none
_FULL_SHARE = 8  # nor is one part in so many of what streams leave free
_RESTART_PAUSE = 5.0  # seconds between restarts for the same reason
_TOLERANCE = 8  # the limit of streams follows when the room differs by one part in so many


def spare_bytes(folder: Path, reserve_mb: int | None) -> int:
    """What streams leave free: half of the reserve, for the runner's journals.

    Args:
        folder: The data folder.
        reserve_mb: WEBJOBS_DISK_RESERVE_MB; None when it is not set.
    """
    return reserve_of(space_of(folder).total, reserve_mb) // 2


class DiskWatch:
    """Looks once a second, as long as the stack runs.

    A write that fails on a full disk closes its stream until the server is started again. So the server is
    started again at once, or before that happens, and takes no messages without room: it refuses them with a
    reason, instead of leaving them unanswered, and no stream breaks. When there is room it is set to take
    messages, which needs no start: nothing is in the way of the first request then.

    Args:
        folder: The data folder.
        nats: The embedded server; None when another one is used.
        spare: Bytes that streams leave free.
        announce: Called for restarts.
    """

    def __init__(self, folder: Path, nats: NatsServer | None, spare: int, announce: Announcer) -> None:
        self._folder = folder
        self._nats = nats
        self._spare = spare
        self._announce = announce
        self._room_at_check = 0
        self._restarted_at = -_RESTART_PAUSE

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if self._nats is not None:
                try:
                    await self._check_nats(self._nats)
                except OSError:  # it is down, or is just starting; the next look sees more
                    continue

    def has_room(self) -> bool:
        """Whether the disk has room for a server to start and to work."""
        try:
            return space_of(self._folder).free >= max(_ROOM_TO_START, self._spare)
        except OSError:
            return True  # then the disk is not what keeps it from starting

    async def until_room(self) -> bool:
        """Wait until there is room; returns whether that had to be waited for."""
        if self.has_room():
            return False
        while not self.has_room():  # noqa: ASYNC110  # a disk sends no notice
            await asyncio.sleep(POLL_SECONDS / 4)
        return True

    async def _check_nats(self, nats: NatsServer) -> None:
        error, free = await nats.write_error(), space_of(self._folder).free
        if error is not None:
            self._restart(nats, f"it has closed streams: {error}")
        elif self.has_room():
            await self._raise_limit(nats, free - self._spare)
        elif free < max(_FULL, self._spare // _FULL_SHARE) and nats.takes_messages:
            self._restart(nats, "the disk is full, and a write that fails would close its stream")

    async def _raise_limit(self, nats: NatsServer, room: int) -> None:
        """Let streams have what others have freed; a lower limit the server takes only when it starts."""
        tolerance = max(MEGABYTE, room // _TOLERANCE)
        if nats.takes_messages and abs(room - self._room_at_check) <= tolerance:
            return
        limit = await nats.storage_used() + room
        if not nats.takes_messages or limit > nats.storage_limit + tolerance:
            nats.raise_storage_limit(limit)
        self._room_at_check = room

    def _restart(self, nats: NatsServer, reason: str) -> None:
        if time.monotonic() < self._restarted_at + _RESTART_PAUSE:
            return
        self._restarted_at = time.monotonic()
        self._announce.output(nats.name, f"restarting it: {reason}")
        nats.restart(takes_messages=self.has_room())
