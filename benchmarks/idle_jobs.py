"""What a runner costs while a thousand continuous jobs run and do nothing."""

import asyncio
import time
from pathlib import Path

import psutil
from figures import Figure, note, tell
from live_stack import LiveStack, live_stack

JOBS = 1000
ROUNDS = 5
ROUND_SECONDS = 4.0
_SETTLE_SECONDS = 90.0
_SCRIPT = "exec sleep infinity\n"


def cpu_seconds(process: psutil.Process) -> float:
    """CPU time of all threads of a process, to the nanosecond: utime and stime count in hundredths."""
    threads = Path(f"/proc/{process.pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def own_memory(process: psutil.Process) -> int:
    """Bytes that would be free if the process ended."""
    return int(process.memory_full_info().uss)


async def idle_shares(processes: list[psutil.Process], what: str) -> list[float]:
    """Percent of a core that the processes use together, round by round."""
    shares = []
    for number in range(ROUNDS):
        began, before = time.perf_counter(), sum(map(cpu_seconds, processes))
        await asyncio.sleep(ROUND_SECONDS)
        used = sum(map(cpu_seconds, processes)) - before
        shares.append(100 * used / (time.perf_counter() - began))
        note(f"idle_jobs, {what}, round {number + 1}: {shares[-1]:.3f} % of a core")
    return shares


async def started(stack: LiveStack) -> float:
    """Wait until every job's script runs and the CPU is quiet; answers the seconds that took."""
    runner, launcher = stack.process("webjobs_runner"), stack.launcher()
    began = time.monotonic()
    while sum(child.name() == "sleep" for child in launcher.children()) < JOBS:
        if time.monotonic() - began > _SETTLE_SECONDS:
            raise TimeoutError("not every job was started")
        await asyncio.sleep(0.5)
    seconds = time.monotonic() - began
    before = cpu_seconds(runner)
    while True:
        await asyncio.sleep(1)
        now = cpu_seconds(runner)
        if now - before < 0.02:
            return seconds
        before = now


async def measured(jobs: int) -> tuple[list[float], int, int]:
    """CPU shares, and own memory of runner and launcher, with so many jobs."""
    scripts = {f"job{number:04}": _SCRIPT for number in range(jobs)}
    async with live_stack(continuous=scripts) as stack:
        if jobs:
            note(f"idle_jobs: started {await started(stack):.1f} s after they were deployed")
        else:
            await asyncio.sleep(3)
        processes = [stack.process("webjobs_runner"), stack.launcher()]
        shares = await idle_shares(processes, f"{jobs} jobs")
        return shares, own_memory(processes[0]), own_memory(processes[1])


async def main() -> None:
    without, runner_before, launcher_before = await measured(0)
    shares, runner_after, launcher_after = await measured(JOBS)
    ordered = sorted(shares)
    tell(
        Figure(
            what=f"idle CPU of runner and launcher, {JOBS} continuous jobs",
            unit="% of a core",
            value=ordered[len(ordered) // 2],
            yardstick="the same without a job",
            yardstick_value=sorted(without)[len(without) // 2],
            ratio=ordered[len(ordered) // 2] / sorted(without)[len(without) // 2],
            goal=0.2,
            stretch=0.06,
            judged="value",
            better="lower",
            rounds=[round(share, 4) for share in shares],
        ),
        Figure(
            what="runner memory for each idle continuous job",
            unit="kB",
            value=(runner_after - runner_before) / JOBS / 1000,
            yardstick="supervisord's 13 kB",
            yardstick_value=13.0,
            ratio=(runner_after - runner_before) / JOBS / 13_000,
            goal=13.0,
            stretch=9.0,
            judged="value",
            better="lower",
            facts={
                "launcher_kb": (launcher_after - launcher_before) / JOBS / 1000,
                "runner_mb_without_jobs": runner_before / 1e6,
                "runner_mb": runner_after / 1e6,
            },
        ),
    )


if __name__ == "__main__":
    asyncio.run(main())
