"""Stops a script: its shutdown file and a signal first, SIGKILL when the grace is over."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from webjobs_rules.stop_plan import StopPlan

from webjobs_runner.log import logger
from webjobs_runner.processes.process import ProcessExit, ScriptProcess
from webjobs_runner.processes.process_tree import parent_and_state

_LAST_SIGNAL_SECONDS = 1.0  # between the last signal and SIGKILL
_STOPPED_STATES = ("T", "t")


@dataclass(frozen=True, slots=True)
class ScriptEnd:
    """How a script ended that was stopped: its exit, and a sentence about its grace."""

    exit: ProcessExit
    how: str


class Wakeup(Protocol):
    """What wakes the waiting: an `asyncio.Event`, for example."""

    def clear(self) -> None:
        """Wait for what comes from now on."""

    async def wait(self) -> object:
        """Wait until it is set."""


async def stop_script(
    process: ScriptProcess,
    plan: StopPlan,
    shutdown_file: Path,
    woken: Wakeup,
    shorter_grace: Callable[[], float | None] = lambda: None,
) -> ScriptEnd:
    """Ask a script to end as its plan says, wait, and kill what is left.

    Returns when none of its processes is left.

    Args:
        process: Its end sets `woken`.
        plan: Grace and signals.
        shutdown_file: The file that the script looks for; removed again when it has ended.
        woken: Wakes the waiting.
        shorter_grace: Asked when woken: seconds from then on that the script gets at most; None: its grace.
    """
    _write(shutdown_file)
    try:
        if plan.first_signal is not None:
            process.send(signal.Signals[plan.first_signal])
        elif parent_and_state(process.pid)[1] in _STOPPED_STATES:
            process.send(signal.SIGCONT)  # it would never see the file
        return await _wait_and_kill(process, plan, woken, shorter_grace)
    finally:
        with suppress(OSError):
            os.unlink(shutdown_file)


async def _wait_and_kill(
    process: ScriptProcess, plan: StopPlan, woken: Wakeup, shorter_grace: Callable[[], float | None]
) -> ScriptEnd:
    asked_at = time.monotonic()
    kill_at, is_hurried, is_cut = asked_at + plan.grace_seconds, False, False
    last_signal, has_sent_last = plan.last_signal, False
    while process.over is None:
        now = time.monotonic()
        if not is_hurried and (shorter := shorter_grace()) is not None:
            is_hurried, is_cut, last_signal = True, now + shorter < kill_at, None
            kill_at = min(kill_at, now + shorter)
        if now >= kill_at:
            if last_signal is None:
                break
            process.send(signal.Signals[last_signal])
            last_signal, has_sent_last, kill_at = None, True, now + _LAST_SIGNAL_SECONDS
        with suppress(TimeoutError):
            async with asyncio.timeout(kill_at - now):
                await woken.wait()
        woken.clear()
    if process.over is not None and has_sent_last:
        return ScriptEnd(process.over, f"It ended by a signal after {plan.grace_seconds:.3g} s of grace.")
    if process.over is not None:
        return ScriptEnd(process.over, "It ended within its grace.")
    process.kill()
    if is_cut:
        given, cut = kill_at - asked_at, " of its grace, because the lease on the singleton was lost"
    else:
        given, cut = plan.grace_seconds, " of grace"
    return ScriptEnd(await process.wait(), f"It was killed after {given:.3g} s{cut}.")


def _write(shutdown_file: Path) -> None:
    try:
        shutdown_file.parent.mkdir(parents=True, exist_ok=True)
        shutdown_file.write_text(datetime.now(UTC).isoformat())
    except OSError as error:
        logger.error("shutdown file not written", file=str(shutdown_file), error=str(error))
