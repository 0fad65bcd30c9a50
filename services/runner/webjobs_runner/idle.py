"""Watches a triggered run for idleness."""

import asyncio
import time
from collections.abc import Callable

from webjobs_runner.cpu_time import cpu_seconds_of_tree
from webjobs_runner.domain.idle import IdleWatch

_RECONSIDER_SECONDS = 10.0


async def idle_verdict(pid: int, output_bytes: Callable[[], int], limit_seconds: Callable[[], float]) -> str:
    """Wait until the run has been idle for its limit; answers the evidence, in a sentence.

    The limit is asked for at each look, so a changed setting takes effect; zero or less is no limit. To be
    cancelled when the run ends.

    Args:
        pid: The main process of the run.
        output_bytes: How much the run has written so far.
        limit_seconds: The idle time-out, WEBJOBS_IDLE_TIMEOUT.
    """
    watch = IdleWatch(limit_seconds(), time.monotonic())
    while True:
        watch.limit_seconds = limit_seconds()
        if watch.limit_seconds <= 0:
            await asyncio.sleep(_RECONSIDER_SECONDS)
            continue
        await asyncio.sleep(min(watch.next_look_at - time.monotonic(), _RECONSIDER_SECONDS))
        cpu_seconds = await asyncio.to_thread(cpu_seconds_of_tree, pid)
        evidence = watch.look(time.monotonic(), cpu_seconds, output_bytes())
        if evidence is not None:
            return evidence.explanation
