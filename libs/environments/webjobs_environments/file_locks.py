"""Locks on files that the kernel frees when their process dies, taken without blocking the event loop."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_FIRST_DELAY, _LONGEST_DELAY = 0.01, 0.5  # seconds


def try_lock(path: Path, *, shared: bool = False) -> int | None:
    """Lock a file, which is created if need be; returns a descriptor that holds the lock until it is closed.

    None when another descriptor has a lock that excludes this one.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            if _is_still(descriptor, path):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # it was removed by the holder before: lock the new file


@asynccontextmanager
async def locked(path: Path, *, shared: bool = False) -> AsyncIterator[None]:
    """Wait for a lock, and hold it while the body runs."""
    delay = _FIRST_DELAY
    while (descriptor := try_lock(path, shared=shared)) is None:
        await asyncio.sleep(delay)
        delay = min(2 * delay, _LONGEST_DELAY)
    try:
        yield
    finally:
        os.close(descriptor)


def _is_still(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
