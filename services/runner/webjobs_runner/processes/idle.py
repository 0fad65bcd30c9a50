"""Watches a triggered run for idleness."""

import asyncio
import time
from collections.abc import Callable

from webjobs_runner.domain.idle import IdleWatch
from webjobs_runner.processes.cpu_time import cpu_seconds_of_tree

_RECONSIDER_SECONDS = 10.0


async def wait_until_idle(
    pid: int,
    output_bytes: Callable[[], int],
    limit_seconds: Callable[[], float],
    limit_changed: asyncio.Event | None = None,
    started_at: float | None = None,
) -> str:
    """Wait until the run has been idle for its limit; answers the evidence, in a sentence.

    The limit is asked for at each look, so a changed setting takes effect; zero or less is no limit. To be
    cancelled when the run ends.

    Args:
        pid: The main process of the run.
        output_bytes: How much the run has written so far.
        limit_seconds: The idle time-out, WEBJOBS_IDLE_TIMEOUT.
        limit_changed: Set when the limit is another one, which then counts at once.
        started_at: Monotonic instant from which on it can have been idle; None: now.
    """
    changed = limit_changed or asyncio.Event()
    watch = IdleWatch(limit_seconds(), started_at or time.monotonic())
    while True:
        changed.clear()
        watch.limit_seconds = limit_seconds()
        has_limit = watch.limit_seconds > 0
        check_in = watch.next_check_at - time.monotonic() if has_limit else _RECONSIDER_SECONDS
        try:
            async with asyncio.timeout(min(check_in, _RECONSIDER_SECONDS)):
                await changed.wait()
            continue
        except TimeoutError:
            if not has_limit:
                continue
        cpu_seconds = await asyncio.to_thread(cpu_seconds_of_tree, pid)
        evidence = watch.observe(time.monotonic(), cpu_seconds, output_bytes())
        if evidence is not None:
            return evidence.explanation
