"""How many runs a second are asked for by HTTP, run, logged and projected, beside a bare loop of spawns."""

import asyncio
import time
from collections.abc import Iterator, Sequence

import asyncpg
from cpu import CpuMeter, cpu_figure, without_scripts
from figures import Figure, Rounds, note, tell
from live_stack import LiveStack, ended_runs, fresh_folder, live_stack
from spawning import SpawnLoop

ROUNDS = 5
JOBS = 500
SLOTS = 8
SCRIPT = "echo hello\n"
_CONNECTIONS = 8
_ROUND_SECONDS = 60.0
_REQUEST = "POST /api/jobs/triggered/{job}/run HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"


async def post_all(port: int, jobs: Sequence[str]) -> None:
    """Start every job: a few connections, each kept alive, one request at a time on each."""
    waiting = iter(jobs)
    await asyncio.gather(*(_post_in_turn(port, waiting) for _ in range(_CONNECTIONS)))


async def _post_in_turn(port: int, waiting: Iterator[str]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for job in waiting:
            writer.write(_REQUEST.format(job=job).encode())
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 202"):
                raise RuntimeError(f"{job}: {head.decode()}")
            assert b"content-length: 0" in head.lower()
    finally:
        writer.close()


async def our_rate(stack: LiveStack, jobs: Sequence[str]) -> float:
    """Runs a second, from the first request until the last end of a run is in Postgres."""
    connection = await asyncpg.connect(stack.database_url)
    try:
        wanted = await ended_runs(connection) + len(jobs)
        began = time.perf_counter()
        posting = asyncio.create_task(post_all(stack.port, jobs))
        while await ended_runs(connection) < wanted:
            if time.perf_counter() - began > _ROUND_SECONDS:
                raise TimeoutError(f"{wanted - await ended_runs(connection)} runs have not ended")
            await asyncio.sleep(0.02)
        seconds = time.perf_counter() - began
        await posting
        return len(jobs) / seconds
    finally:
        await connection.close()


def captured(stack: LiveStack, jobs: Sequence[str]) -> int:
    """How many of the runs have what the script wrote in their log."""
    folder = stack.folder / "data" / "jobs" / "triggered"
    logs = (log for job in jobs for log in (folder / job).glob("*/output_*.log"))
    return sum("INFO] hello\n" in log.read_text() for log in logs)


async def main() -> None:
    jobs = [f"job{number:03}" for number in range(JOBS)]
    rounds = Rounds("throughput", "runs/s")
    used: list[dict[str, float]] = []
    with fresh_folder() as folder:
        script = folder / "run.sh"
        script.write_text(SCRIPT)
        loop = SpawnLoop(folder)
        async with live_stack(
            dict.fromkeys(jobs, SCRIPT), environment={"WEBJOBS_SLOTS": str(SLOTS)}
        ) as stack:
            await our_rate(stack, jobs)  # makes the working copies, which later runs share
            for _ in range(ROUNDS):
                bare = await asyncio.to_thread(loop.rate, JOBS, ["bash", str(script)])
                cpu = CpuMeter(stack)
                rounds.add(await our_rate(stack, jobs), bare)
                used.append(cpu.milliseconds(JOBS))
                note(f"throughput: {without_scripts(used[-1]):.2f} ms of CPU a run")
            if (logs := captured(stack, jobs)) != (ROUNDS + 1) * JOBS:
                raise RuntimeError(f"only {logs} of {(ROUNDS + 1) * JOBS} logs are whole")
    tell(
        Figure(
            what=f"completed runs of {JOBS} jobs, {SLOTS} slots",
            unit="runs/s",
            yardstick=loop.name,
            goal=0.33,
            stretch=0.40,
            better="higher",
            value=rounds.value,
            yardstick_value=rounds.yardstick_value,
            ratio=rounds.ratio,
            rounds=rounds.ratios,
        ),
        cpu_figure(f"CPU a run of {JOBS} jobs, {SLOTS} slots", used),
    )


if __name__ == "__main__":
    asyncio.run(main())
