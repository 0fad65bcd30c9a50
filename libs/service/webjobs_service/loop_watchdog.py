"""Reports when a service's event loop stands still: with the time, and with what it was doing."""

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from weakref import WeakKeyDictionary

import structlog

log = structlog.stdlib.get_logger(__name__)

_TICK_SECONDS = 0.25  # between looks
BLOCKED_SECONDS = 1.0
"""A loop that runs nothing for longer is blocked."""
_HUNG_SECONDS = 10.0  # after which it is reported though it still stands still
_STACK_FRAMES = 12
_RUN_ONCE = getattr(getattr(asyncio.BaseEventLoop, "_run_once", None), "__code__", None)
"""Of the loop of asyncio; one that has none is asked for a sign of life each time."""


class LoopWatchdog:
    """Looks at the loop from a thread, which can still look while the loop cannot.

    A loop that waits for something to do is well, and is left to wait. Any other one is asked for a sign of
    life: it is blocked when it does not give it in time.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._thread_id = threading.get_ident()
        self._lived_at = time.monotonic()
        self._cpu_at = time.process_time()
        self._is_asked = False
        self._blocked = 0.0
        self._stack = ""
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="loop watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch; called on the loop's thread."""
        self._thread.start()

    def close(self) -> None:
        """Watch no more."""
        self._closed.set()
        self._thread.join()

    @property
    def blocked_seconds(self) -> float:
        """How long the loop has been blocked since the watch began, all blocks together."""
        return self._blocked + self._late(time.monotonic())

    def _late(self, now: float) -> float:
        """How long the loop has run nothing, when that is too long; else 0."""
        idle = now - self._lived_at - _TICK_SECONDS
        return idle if idle > BLOCKED_SECONDS and not self._closed.is_set() else 0.0

    def _live(self) -> None:
        """Record that the loop is well, and report the block that this ends."""
        now, cpu = time.monotonic(), time.process_time()
        late = self._late(now)
        if late:
            self._blocked += late
            self._report("the event loop was blocked", late, cpu - self._cpu_at)
        self._stack = ""
        self._lived_at, self._cpu_at = now, cpu
        self._is_asked = False

    def _watch(self) -> None:
        """Look at the loop; remember what a blocked one is doing, and report one that stays blocked."""
        is_reported = False
        while not self._closed.wait(_TICK_SECONDS):
            # Before the look: the loop may be blocked right after it.
            now, cpu = time.monotonic(), time.process_time()
            late = self._late(now)
            if not late and not self._is_asked and _is_waiting(self._thread_id):
                self._lived_at, self._cpu_at = now, cpu
                is_reported = False
                continue
            self._ask()
            if not late:
                is_reported = False
                continue
            if not self._stack:
                self._stack = _stack_of(self._thread_id)
            if late > _HUNG_SECONDS and not is_reported:
                is_reported = True
                self._report("the event loop is blocked", late, time.process_time() - self._cpu_at)

    def _ask(self) -> None:
        """Let the loop say that it is well as soon as it can."""
        if not self._is_asked:
            self._is_asked = True
            with suppress(RuntimeError):  # the loop has been closed
                self._loop.call_soon_threadsafe(self._live)

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


def _is_waiting(thread_id: int) -> bool:
    """Whether the loop of a thread waits for something to do; a callback that waits is not meant."""
    frame = sys._current_frames().get(thread_id)
    if frame is None or frame.f_back is None:
        return False
    return frame.f_code.co_name == "select" and frame.f_back.f_code is _RUN_ONCE


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
