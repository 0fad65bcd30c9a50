"""How long the callbacks of this thread's event loop compute: while one does, nothing else is served."""

import asyncio
import asyncio.events
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock


@dataclass
class LoopTime:
    """The longest callback so far, in seconds of processor time: a busy machine does not lengthen it."""

    longest: float = 0.0
    what: str = ""


_is_set_aside = False


@contextmanager
def memory_set_aside() -> Iterator[None]:
    """What the tests before have left in memory is not collected meanwhile: no service has it.

    To set it aside takes a part of a second: for several measurements, it is done once around them.
    """
    global _is_set_aside  # gc.get_freeze_count() counts every object: a part of a second itself
    if _is_set_aside:
        yield
        return
    gc.collect()
    gc.freeze()
    _is_set_aside = True
    try:
        yield
    finally:
        _is_set_aside = False
        gc.unfreeze()


@contextmanager
def loop_time() -> Iterator[LoopTime]:
    """Measure every callback, each step of a task among them, that ends within the body."""
    measured, run, is_measuring = LoopTime(), asyncio.events.Handle._run, True

    def timed(handle: Any) -> None:
        callback, began = handle._callback, time.thread_time()
        run(handle)
        took = time.thread_time() - began
        if is_measuring and took > measured.longest:
            measured.longest, measured.what = took, _name_of(callback)

    with memory_set_aside(), mock.patch.object(asyncio.events.Handle, "_run", timed):
        yield measured
    is_measuring = False  # the step that ends the body goes on with the test's own next lines


def _name_of(callback: Any) -> str:
    """The function, or the coroutine of the task; never a `repr`, which may change what it shows."""
    owner = getattr(callback, "__self__", None)
    if isinstance(owner, asyncio.Task):
        return str(owner.get_coro().__qualname__)
    return str(getattr(callback, "__qualname__", type(callback)))
