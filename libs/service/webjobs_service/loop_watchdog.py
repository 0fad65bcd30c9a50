"""Reports when a service's event loop stands still: with the time, and with what it was doing."""

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from weakref import WeakKeyDictionary

import structlog

log = structlog.stdlib.get_logger(__name__)

_TICK_SECONDS = 0.25
BLOCKED_SECONDS = 1.0
"""A loop that runs nothing for longer is blocked."""
_HUNG_SECONDS = 10.0  # after which it is reported though it still stands still
_STACK_FRAMES = 12


class LoopWatchdog:
    """Ticks on the loop, and watches the ticks from a thread, which can still look while the loop cannot."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._thread_id = threading.get_ident()
        self._ticked_at = time.monotonic()
        self._cpu_at = time.process_time()
        self._blocked = 0.0
        self._stack = ""
        self._timer: asyncio.TimerHandle | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="loop watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch; called on the loop's thread."""
        self._timer = self._loop.call_later(_TICK_SECONDS, self._tick)
        self._thread.start()

    def close(self) -> None:
        """Watch no more."""
        if self._timer is not None:
            self._timer.cancel()
        self._closed.set()
        self._thread.join()

    @property
    def blocked_seconds(self) -> float:
        """How long the loop has been blocked since the watch began, all blocks together."""
        return self._blocked + self._late(time.monotonic())

    def _late(self, now: float) -> float:
        """How long the loop has run nothing, when that is too long; else 0."""
        idle = now - self._ticked_at - _TICK_SECONDS
        return idle if idle > BLOCKED_SECONDS and not self._closed.is_set() else 0.0

    def _tick(self) -> None:
        now, cpu = time.monotonic(), time.process_time()
        late = self._late(now)
        if late:
            self._blocked += late
            self._report("the event loop was blocked", late, cpu - self._cpu_at)
        self._stack = ""
        self._ticked_at, self._cpu_at = now, cpu
        self._timer = self._loop.call_later(_TICK_SECONDS, self._tick)

    def _watch(self) -> None:
        """Remember what a blocked loop is doing; report one that stays blocked."""
        is_reported = False
        while not self._closed.wait(BLOCKED_SECONDS / 2):
            late = self._late(time.monotonic())
            if not late:
                is_reported = False
                continue
            if not self._stack:
                self._stack = _stack_of(self._thread_id)
            if late > _HUNG_SECONDS and not is_reported:
                is_reported = True
                self._report("the event loop is blocked", late, time.process_time() - self._cpu_at)

    def _report(self, event: str, seconds: float, cpu_seconds: float) -> None:
        """Log a block; little CPU time means that the whole process stood still, or waited for a disk."""
        log.warning(event, seconds=round(seconds, 2), cpu_seconds=round(cpu_seconds, 2), stack=self._stack)


_watched: "WeakKeyDictionary[asyncio.AbstractEventLoop, LoopWatchdog]" = WeakKeyDictionary()


@contextmanager
def watched_loop() -> Iterator[LoopWatchdog]:
    """Watch the running loop while the body runs; a loop that is watched already keeps its watchdog."""
    loop = asyncio.get_running_loop()
    known = _watched.get(loop)
    if known is not None:
        yield known
        return
    watchdog = _watched[loop] = LoopWatchdog(loop)
    watchdog.start()
    try:
        yield watchdog
    finally:
        del _watched[loop]
        watchdog.close()


def _stack_of(thread_id: int) -> str:
    """Returns the innermost calls of a thread, the last one at the end."""
    frame = sys._current_frames().get(thread_id)
    if frame is None:
        return ""
    calls = [  # no line of source is read: that takes the files of the whole stack, while the loop is blocked
        f"{each.f_code.co_name} ({each.f_code.co_filename.rpartition('/')[2]}:{line})"
        for each, line in islice(traceback.walk_stack(frame), _STACK_FRAMES)
    ]
    return " > ".join(reversed(calls))
