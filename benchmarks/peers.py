"""Runs a second and CPU a run beside Celery and Huey, which run the same script by subprocess.

They are no dependencies of webjobs. `WEBJOBS_BENCH_PEERS` names a Python that has the packages
`celery[redis]` and `huey`; it is this one by default. `redis-server` must be on the path. A peer that is
missing is skipped.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from cpu import SCRIPTS, CpuMeter, without_scripts
from figures import Figure, Rounds, note, tell
from live_stack import fresh_folder, live_stack
from throughput import JOBS, SCRIPT, SLOTS, our_rate
from webjobs_stack.ports import free_port

ROUNDS = 5
_PYTHON = os.environ.get("WEBJOBS_BENCH_PEERS", sys.executable)
_TASKS = Path(__file__).parent / "peer_tasks"
_COMMANDS = {
    "celery": ["-m", "celery", "-A", "celery_tasks", "worker", "--pool", "prefork", "-c", str(SLOTS)],
    "huey": ["-m", "huey.bin.huey_consumer", "huey_tasks.huey", "-k", "process", "-w", str(SLOTS)],
}
_READY_SECONDS = 30.0


@dataclass(slots=True)
class Peer:
    """A running peer with a Redis of its own.

    Attributes:
        name: As its package is called.
        environment: Of its programs.
        redis: Process of its Redis.
        workers: First process of its workers.
        script: What it runs.
        rates: Runs a second, round by round.
        cpu: Milliseconds of CPU a run, round by round, without those of the scripts.
    """

    name: str
    environment: dict[str, str]
    redis: psutil.Process
    workers: psutil.Process
    script: Path
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def measure(self, runs: int) -> None:
        """One round."""
        used_before = self._used()
        produced = self._produce(runs)
        self.rates.append(runs / produced["seconds"])
        self.cpu.append(1000 * (self._used() - used_before + produced["cpu"]) / runs)
        note(f"peers, {self.name}: {self.rates[-1]:.3g} runs/s, {self.cpu[-1]:.2f} ms of CPU a run")

    def warm_up(self) -> None:
        """Wait until every worker has had something to do."""
        give_up_at = time.monotonic() + _READY_SECONDS
        while len(self.workers.children(recursive=True)) < SLOTS:
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"{self.name} has not started {SLOTS} workers")
            time.sleep(0.1)
        self._produce(10 * SLOTS)

    def _produce(self, runs: int) -> dict[str, float]:
        command = [_PYTHON, f"{self.name}_tasks.py", str(runs), str(self.script)]
        done = subprocess.run(
            command, cwd=_TASKS, env=self.environment, stdout=subprocess.PIPE, check=True, timeout=90
        )
        return dict(json.loads(done.stdout.splitlines()[-1]))

    def _used(self) -> float:
        """Seconds of CPU of workers and Redis; a worker's own, without those of the scripts it waited for."""
        processes = [self.redis, self.workers, *self.workers.children(recursive=True)]
        return sum(times.user + times.system for times in (one.cpu_times() for one in processes))


def missing(name: str) -> str:
    """Why a peer cannot be measured; empty if it can."""
    if shutil.which("redis-server") is None:
        return "there is no redis-server on the path"
    done = subprocess.run(
        [_PYTHON, "-c", f"import redis, {name}"], capture_output=True, text=True, check=False
    )
    return done.stderr.strip().rpartition("\n")[2]


@contextmanager
def running(
    folder: Path, log: Path, command: list[str], environment: dict[str, str]
) -> Iterator[psutil.Process]:
    """A program in a session of its own, ended at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
    try:
        yield psutil.Process(process.pid)
    except Exception:
        note(f"{log.name} ends with:\n{log.read_text(errors='replace')[-2000:]}")
        raise
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def peer(name: str, folder: Path, script: Path) -> Iterator[Peer]:
    """A peer for the time of the body."""
    port = free_port()
    environment = {**os.environ, "PEER_REDIS": f"redis://127.0.0.1:{port}/0", "PYTHONDONTWRITEBYTECODE": "1"}
    redis = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    with (
        running(folder, folder / f"{name}-redis.log", redis, environment) as server,
        running(_TASKS, folder / f"{name}.log", [_PYTHON, *_COMMANDS[name]], environment) as workers,
    ):
        started = Peer(name, environment, server, workers, script)
        started.warm_up()
        yield started


def figures(one: Peer, rates: list[float], cpu: list[float]) -> list[Figure]:
    """Ours beside a peer's."""
    by_rate, by_cpu = Rounds(f"peers, {one.name}", "runs/s"), Rounds(f"peers, {one.name}, CPU", "ms")
    for ours, theirs in zip(rates, one.rates, strict=True):
        by_rate.add(ours, theirs)
    for ours, theirs in zip(cpu, one.cpu, strict=True):
        by_cpu.add(ours, theirs)
    return [
        Figure(
            what=f"completed runs of {JOBS} jobs, {SLOTS} slots",
            unit="runs/s",
            yardstick=f"{one.name}, {SLOTS} worker processes",
            goal=1.0,
            stretch=1.2,
            better="higher",
            value=by_rate.value,
            yardstick_value=by_rate.yardstick_value,
            ratio=by_rate.ratio,
            rounds=by_rate.ratios,
        ),
        Figure(
            what="CPU a run without the script's",
            unit="ms",
            yardstick=f"{one.name}, Redis and producer included",
            goal=0.85,
            stretch=0.7,
            better="lower",
            value=by_cpu.value,
            yardstick_value=by_cpu.yardstick_value,
            ratio=by_cpu.ratio,
            rounds=by_cpu.ratios,
        ),
    ]


async def main() -> None:
    names = []
    for name in _COMMANDS:
        if reason := missing(name):
            note(f"peers: {name} is skipped: {reason}")
        else:
            names.append(name)
    if not names:
        tell()
        return
    jobs = [f"job{number:03}" for number in range(JOBS)]
    rates, cpu = [], []
    with fresh_folder() as folder, ExitStack() as stack_of_peers:
        script = folder / "run.sh"
        script.write_text(SCRIPT)
        async with live_stack(
            dict.fromkeys(jobs, SCRIPT), environment={"WEBJOBS_SLOTS": str(SLOTS)}
        ) as stack:
            peers = [stack_of_peers.enter_context(peer(name, folder, script)) for name in names]
            await our_rate(stack, jobs)  # makes the working copies, which later runs share
            for _ in range(ROUNDS):
                meter = CpuMeter(stack)
                rates.append(await our_rate(stack, jobs))
                used = meter.milliseconds(JOBS)
                cpu.append(without_scripts(used))
                note(f"peers, ours: {rates[-1]:.3g} runs/s, {cpu[-1]:.2f} ms, script {used[SCRIPTS]:.2f} ms")
                for one in peers:
                    await asyncio.to_thread(one.measure, JOBS)
    tell(*(figure for one in peers for figure in figures(one, rates, cpu)))


if __name__ == "__main__":
    asyncio.run(main())
