"""What a call of the command line costs: `webjobs --help`, `webjobs jobs` on a stack, and a completion."""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import Figure, tell
from live_stack import live_stack

ROUNDS = 15


def cpu_milliseconds(*arguments: str) -> float:
    """CPU time of one call, its start included."""
    webjobs = Path(sys.executable).with_name("webjobs")
    called = subprocess.Popen([webjobs, *arguments], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(called.pid, 0)
    called.returncode = os.waitstatus_to_exitcode(status)
    assert called.returncode == 0
    return 1000 * (used.ru_utime + used.ru_stime)


def measured(what: str, goal: float, stretch: float, *arguments: str) -> Figure:
    """The median of some calls, after one that compiles the modules."""
    cpu_milliseconds(*arguments)
    rounds = [cpu_milliseconds(*arguments) for _ in range(ROUNDS)]
    return Figure(
        what=what,
        unit="ms",
        value=statistics.median(rounds),
        goal=goal,
        stretch=stretch,
        better="lower",
        judged="value",
        rounds=rounds,
    )


def completion(url: str) -> Figure:
    """How long a shell waits for the names of jobs that are not kept; the median."""
    webjobs = Path(sys.executable).with_name("webjobs")
    rounds: list[float] = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as cache:
            asked = {
                "COMP_WORDS": "webjobs run he",
                "COMP_CWORD": "2",
                "_WEBJOBS_COMPLETE": "bash_complete",
                "XDG_CACHE_HOME": cache,
                "WEBJOBS_URL": url,
            }
            began = time.perf_counter()
            done = subprocess.run([webjobs], env={**os.environ, **asked}, capture_output=True, check=True)
            rounds.append(1000 * (time.perf_counter() - began))
            assert done.stdout == b"plain,hello\n", done
    return Figure(
        what="completion of a job's name",
        unit="ms",
        value=statistics.median(rounds),
        goal=300.0,
        stretch=200.0,
        better="lower",
        judged="value",
        rounds=rounds,
    )


async def main() -> None:
    async with live_stack({"hello": "echo"}) as stack:
        url = f"http://127.0.0.1:{stack.port}"
        # In threads: this process supervises the stack meanwhile.
        figures = [
            await asyncio.to_thread(measured, "webjobs --help, CPU", 100.0, 80.0, "--help"),
            await asyncio.to_thread(measured, "webjobs jobs, CPU", 150.0, 120.0, "--url", url, "jobs"),
            await asyncio.to_thread(completion, url),
        ]
    tell(*figures)


if __name__ == "__main__":
    asyncio.run(main())
