"""How long from POST to the first instruction of the script, beside spawning the same script directly."""

import asyncio
import os
import select
import statistics
import subprocess
import time
from itertools import chain
from pathlib import Path

from figures import Figure, Rounds, note, percentile, tell
from live_stack import Client, LiveStack, fresh_folder, live_stack

ROUNDS = 6
SAMPLES = 60  # a round, of each kind, taken in turns
JOBS = 5
_WARM_UP = 20
_REST = 0.02  # seconds between a run's end and the next one: idle is what is asked about


class Stamps:
    """Takes the instants that scripts write into a pipe with a name, so that nobody has to poll."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._descriptor = os.open(path, os.O_RDWR)
        # The instant is taken first and written afterwards: what writing costs is not measured.
        self.script = f"at=$EPOCHREALTIME\necho $at > {path}\n"

    def take(self) -> float:
        """Wait for the next instant, in seconds since the epoch."""
        if not select.select([self._descriptor], [], [], 10)[0]:
            raise TimeoutError("the script did not start")
        return float(os.read(self._descriptor, 64).decode().replace(",", "."))


def direct(script: Path, stamps: Stamps) -> float:
    """Seconds from the call that spawns the script to its first instruction."""
    asked_at = time.time()
    with subprocess.Popen(["bash", script], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL):
        return stamps.take() - asked_at


def by_post(client: Client, job: str, stamps: Stamps) -> float:
    """Seconds from the request to the script's first instruction; returns when the run is over."""
    asked_at = time.time()
    run = client.run(job)
    seconds = stamps.take() - asked_at
    client.finished(run)
    return seconds


def measure(stack: LiveStack, script: Path, stamps: Stamps) -> tuple[list[list[float]], list[list[float]]]:
    """Milliseconds of every sample, round by round: ours, and the yardstick's."""
    client = Client(stack.port)
    for number in range(_WARM_UP):
        by_post(client, f"job{number % JOBS}", stamps)
        direct(script, stamps)
    ours: list[list[float]] = [[] for _ in range(ROUNDS)]
    theirs: list[list[float]] = [[] for _ in range(ROUNDS)]
    for number in range(ROUNDS):
        for sample in range(SAMPLES):
            time.sleep(_REST)
            theirs[number].append(1000 * direct(script, stamps))
            time.sleep(_REST)
            ours[number].append(1000 * by_post(client, f"job{sample % JOBS}", stamps))
        note(f"invoke: round {number + 1} of {ROUNDS}")
    return ours, theirs


async def main() -> None:
    with fresh_folder() as folder:
        stamps = Stamps(folder / "stamps")
        script = folder / "run.sh"
        script.write_text(stamps.script)
        async with live_stack({f"job{number}": stamps.script for number in range(JOBS)}) as stack:
            ours, theirs = await asyncio.to_thread(measure, stack, script, stamps)
    rounds = Rounds("invoke", "ms")
    for ours_of_round, theirs_of_round in zip(ours, theirs, strict=True):
        rounds.add(statistics.median(ours_of_round), statistics.median(theirs_of_round))
    all_ours = list(chain.from_iterable(ours))
    all_theirs = list(chain.from_iterable(theirs))
    p50, p99 = percentile(all_ours, 50), percentile(all_ours, 99)
    tell(
        Figure(
            what="POST to the script's first instruction, p50",
            unit="ms",
            yardstick="subprocess.Popen of the same script",
            goal=2.2,
            stretch=1.9,
            better="lower",
            value=rounds.value,
            yardstick_value=rounds.yardstick_value,
            ratio=rounds.ratio,
            rounds=rounds.ratios,
        ),
        Figure(
            what="the same, p99",
            unit="ms",
            value=p99,
            yardstick="own p50",
            yardstick_value=p50,
            ratio=p99 / p50,
            goal=3.0,
            stretch=2.0,
            better="lower",
            rounds=[round(percentile(part, 99) / percentile(part, 50), 3) for part in ours],
            facts={
                "p90_ms": percentile(all_ours, 90),
                "worst_ms": max(all_ours),
                "samples": len(all_ours),
                "direct_p99_by_p50": percentile(all_theirs, 99) / percentile(all_theirs, 50),
            },
        ),
    )


if __name__ == "__main__":
    asyncio.run(main())
