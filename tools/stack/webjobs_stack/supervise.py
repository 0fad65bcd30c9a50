"""Keeps one part of the stack running: when it dies it is started again, after a pause that grows."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from webjobs_events.errors import WebJobsError

from webjobs_stack.announce import Announcer
from webjobs_stack.process import ending

SHORTEST_SECONDS = 0.5
LONGEST_SECONDS = 30.0
FORGIVEN_AFTER_SECONDS = 60.0


class Daemon(Protocol):
    """A part of the stack: a process that is started, waited for and stopped, any number of times."""

    @property
    def name(self) -> str:
        """What it is called on the terminal."""

    async def start(self) -> str:
        """Start it, wait until it is ready, and answer its address; if that fails, no process is left."""

    async def wait(self) -> int:
        """Its exit code, once it ended."""

    async def stop(self, hurry: asyncio.Event | None = None) -> None:
        """Stop it; harmless if it does not run. Setting `hurry` cuts the deadline short."""


def restart_delay(previous_seconds: float, lived_seconds: float) -> float:
    """Pause before the next start: 0.5 s, doubling to 30 s; from the beginning after a life of 60 s."""
    if lived_seconds >= FORGIVEN_AFTER_SECONDS or previous_seconds == 0:
        return SHORTEST_SECONDS
    return min(previous_seconds * 2, LONGEST_SECONDS)


async def _at_once() -> bool:
    return False


async def keep_running(
    daemon: Daemon, announce: Announcer, until_room: Callable[[], Awaitable[bool]] = _at_once
) -> None:
    """Start a running daemon again whenever it ends, for ever.

    `until_room` waits until the disk has room, and returns whether it had to: a start that failed without
    room is tried again as soon as there is room.
    """
    delay = 0.0
    started_at = time.monotonic()
    how = ending(await daemon.wait())
    while True:
        delay = restart_delay(delay, time.monotonic() - started_at)
        announce.died(daemon.name, how, delay)
        await asyncio.sleep(delay)
        started_at = time.monotonic()
        try:
            address = await daemon.start()
        except (WebJobsError, OSError) as error:
            how = str(error)
            if await until_room():
                delay = 0.0
            continue
        announce.ready(daemon.name, time.monotonic() - started_at, address)
        how = ending(await daemon.wait())
