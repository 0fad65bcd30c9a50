"""The end of a continuous job's script: asked for in good order, enforced after the grace."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from webjobs_runner.continuous.poke import Poke
from webjobs_runner.log import logger
from webjobs_runner.processes.process import ProcessExit, ScriptProcess


@dataclass(frozen=True, slots=True)
class ScriptEnd:
    """How a script ended that was asked to: its exit, and a sentence about its grace."""

    exit: ProcessExit
    how: str


async def end_in_good_order(
    process: ScriptProcess,
    shutdown_file: Path,
    grace: float,
    poked: Poke,
    shorter_grace: Callable[[], float | None],
) -> ScriptEnd:
    """Notify a script by its shutdown file and SIGTERM, wait, and kill what is left.

    Returns when none of its processes is left.

    Args:
        process: Whose end pokes.
        shutdown_file: That the script looks for.
        grace: Seconds it gets.
        poked: Wakes the waiting.
        shorter_grace: Asked when poked: seconds from then on that it gets at most; None: all its grace.
    """
    try:
        shutdown_file.parent.mkdir(parents=True, exist_ok=True)
        shutdown_file.write_text(datetime.now(UTC).isoformat())
    except OSError as error:
        logger.error("shutdown file not written", file=str(shutdown_file), error=str(error))
    process.terminate()
    asked_at = time.monotonic()
    kill_at, is_hurried = asked_at + grace, False
    while process.over is None and (left := kill_at - time.monotonic()) > 0:
        if not is_hurried and (shorter := shorter_grace()) is not None:
            is_hurried, kill_at = True, min(kill_at, time.monotonic() + shorter)
            continue
        try:
            async with asyncio.timeout(left):
                await poked.wait()
        except TimeoutError:
            break
        poked.clear()
    if process.over is not None:
        return ScriptEnd(process.over, "It ended within its grace.")
    process.kill()
    given = kill_at - asked_at
    cut = " of its grace, because the lease on the singleton was lost" if given < grace else " of grace"
    return ScriptEnd(await process.wait(), f"It was killed after {given:.3g} s{cut}.")
