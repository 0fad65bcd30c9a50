"""Keeps one part of the stack running: when it ends or hangs, it is started again after a growing pause."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from webjobs_rules.errors import WebJobsError
from webjobs_service.lifetime import cancel_all

from webjobs_stack.announce import Announcer
from webjobs_stack.process import describe_exit

SHORTEST_SECONDS = 0.5
LONGEST_SECONDS = 30.0
FORGIVEN_AFTER_SECONDS = 60.0
SILENT_SECONDS = 25.0
"""A part that gives no answer for so long hangs. One that says why it is not ready does not."""
_PROBE_SECONDS = 4.0  # between two questions, while it answers
_AGAIN_SECONDS = 1.0  # after a question without an answer
_ANSWER_SECONDS = 6.0  # that one question may take
_LEAST_PROBES = 3


class Daemon(Protocol):
    """A part of the stack: a process that is started, waited for and stopped, any number of times."""

    @property
    def name(self) -> str:
        """What it is called on the terminal."""

    @property
    def problem(self) -> str | None:
        """Why it was not ready when it was last started, though it runs; None when it was."""

    @property
    def is_restarting(self) -> bool:
        """Whether it was asked to end only to be started again, which is no fault."""

    async def start(self) -> str:
        """Start it, wait until it is ready, and answer its address; if that fails, no process is left."""

    async def responds(self) -> bool:
        """Whether it answers at all; cancelled when that takes too long."""

    def kill(self) -> None:
        """End it as a crash would."""

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


class Silence:
    """How long a part has given no answer; pure.

    Time in which this process itself stood still counts for nothing: several questions must have failed.
    """

    def __init__(self, now: float) -> None:
        """It has just answered; `now` is in seconds, monotonic."""
        self._responded_at = now
        self._failed = 0

    def record(self, responded: bool, now: float) -> None:
        """Take in how a question ended."""
        if responded:
            self._responded_at = now
            self._failed = 0
        else:
            self._failed += 1

    @property
    def pause(self) -> float:
        """Seconds until the next question."""
        return _AGAIN_SECONDS if self._failed else _PROBE_SECONDS

    def left(self, now: float) -> float:
        """Seconds until it counts as hanging; 0 or less when it does."""
        if self._failed < _LEAST_PROBES:
            return SILENT_SECONDS
        return self._responded_at + SILENT_SECONDS - now


async def until_silent(responds: Callable[[], Awaitable[bool]]) -> None:
    """Return when a part gives no answer any more."""
    silence = Silence(time.monotonic())
    while (left := silence.left(time.monotonic())) > 0:
        await asyncio.sleep(min(silence.pause, left))
        responded = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(_ANSWER_SECONDS, left)):
                responded = await responds()
        silence.record(responded, time.monotonic())


async def keep_running(
    daemon: Daemon,
    announce: Announcer,
    until_room: Callable[[], Awaitable[bool]] = _at_once,
    failed: WebJobsError | None = None,
) -> None:
    """Start a running daemon again whenever it ends or hangs, for ever.

    Args:
        daemon: It runs, unless `failed` says why it could not be started.
        announce: Called for each end and start.
        until_room: Waits until the disk has room, and returns whether it had to: a start that failed without
            room is tried again as soon as there is room.
        failed: Why its first start failed.
    """
    delay = 0.0
    started_at = time.monotonic()
    how = str(failed) if failed else await _wait_for_exit(daemon)
    known = ""
    while True:
        delay = restart_delay(0.0 if daemon.is_restarting else delay, time.monotonic() - started_at)
        if how != known:
            announce.died(daemon.name, how, delay)
        await asyncio.sleep(delay)
        started_at = time.monotonic()
        try:
            address = await daemon.start()
        except (WebJobsError, OSError) as error:
            known, how = how, _in_short(error)
            if await until_room():
                delay = 0.0
            continue
        known = ""
        announce_start(daemon, announce, time.monotonic() - started_at, address)
        how = await _wait_for_exit(daemon)


def announce_start(daemon: Daemon, announce: Announcer, seconds: float, address: str) -> None:
    """Announce that a daemon runs, and whether it is ready."""
    if daemon.problem is None:
        announce.ready(daemon.name, seconds, address)
    else:
        announce.unready(daemon.name, seconds, daemon.problem)


def _in_short(error: Exception) -> str:
    """The cause without the log's last lines, which differ each time."""
    reason = getattr(error, "reason", None)
    return f"did not start: {reason}" if reason else str(error)


async def _wait_for_exit(daemon: Daemon) -> str:
    """How it ended, in words; one that hangs is killed."""
    ended = asyncio.ensure_future(daemon.wait())
    silent = asyncio.ensure_future(until_silent(daemon.responds))
    try:
        await asyncio.wait({ended, silent}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            return describe_exit(ended.result())
        silent.result()
        daemon.kill()
        await ended
        return f"gave no answer for {SILENT_SECONDS:g} s and was killed"
    finally:
        await cancel_all(ended, silent)
