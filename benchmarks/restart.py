"""How exactly a continuous job is started again after its second of rest, beside a loop in the shell."""

import asyncio
import contextlib
import os
import signal
import statistics
import subprocess
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from figures import Figure, note, percentile, tell
from live_stack import fresh_folder, live_stack

ROUNDS = 5
ROUND_SECONDS = 6.0
JOBS = 4
DELAY = 1.0  # seconds
_LOOP = f"while :; do bash {{script}}; sleep {DELAY:g}; done"


def script(stamps: Path) -> str:
    """Notes the instants of its first and its last instruction, and lives for a moment between them."""
    return f"began=$EPOCHREALTIME\nsleep 0.0$((RANDOM % 90 + 10))\necho $began $EPOCHREALTIME >> {stamps}\n"


def errors_ms(stamps: Path, since: float) -> list[float]:
    """How much longer than the delay each rest since an instant was, in milliseconds."""
    lives = [tuple(map(float, line.split())) for line in stamps.read_text().splitlines()]
    pairs = pairwise(lives)
    return [1000 * (later[0] - earlier[1] - DELAY) for earlier, later in pairs if earlier[0] > since]


@contextlib.contextmanager
def shell_loops(folder: Path) -> Iterator[list[Path]]:
    """The yardstick: as many jobs, each in a loop of a shell; yields where they note their instants."""
    stamps, loops = [], []
    for number in range(JOBS):
        stamps.append(folder / f"loop{number}")
        stamps[-1].touch()
        file = folder / f"loop{number}.sh"
        file.write_text(script(stamps[-1]))
        loops.append(subprocess.Popen(["bash", "-c", _LOOP.format(script=file)], start_new_session=True))
    try:
        yield stamps
    finally:
        for loop in loops:
            os.killpg(loop.pid, signal.SIGKILL)
            loop.wait()


async def main() -> None:
    with fresh_folder() as folder:
        files = [folder / f"job{number}" for number in range(JOBS)]
        for file in files:
            file.touch()
        jobs = {file.name: script(file) for file in files}
        environment = {"WEBJOBS_RESTART_TIME": f"{DELAY:g}"}
        ours: list[list[float]] = []
        theirs: list[list[float]] = []
        async with live_stack(continuous=jobs, environment=environment) as stack:
            del stack
            with shell_loops(folder) as loops:  # both rest nearly all the time, so they run side by side
                await asyncio.sleep(2 * DELAY)
                for number in range(ROUNDS):
                    since = time.time()
                    await asyncio.sleep(ROUND_SECONDS)
                    ours.append([error for file in files for error in errors_ms(file, since)])
                    theirs.append([error for file in loops for error in errors_ms(file, since)])
                    medians = (statistics.median(ours[-1]), statistics.median(theirs[-1]))
                    note("restart, round {}: {:.2f} ms late, shell {:.2f} ms".format(number + 1, *medians))
    late = [error for part in ours for error in part]
    tell(
        Figure(
            what="continuous restart after 1 s: end to first instruction, minus 1 s, median",
            unit="ms",
            value=statistics.median(late),
            yardstick="while :; do bash run.sh; sleep 1; done",
            yardstick_value=statistics.median(error for part in theirs for error in part),
            ratio=statistics.median(
                statistics.median(a) / statistics.median(b) for a, b in zip(ours, theirs, strict=True)
            ),
            goal=9.0,
            stretch=9.0 * 0.6,
            judged="value",
            better="lower",
            rounds=[round(statistics.median(part), 3) for part in ours],
            facts={
                "p95_ms": percentile(late, 95),
                "worst_ms": max(late),
                "earliest_ms": min(late),
                "restarts": len(late),
                "shell_p95_ms": percentile([error for part in theirs for error in part], 95),
            },
        )
    )


if __name__ == "__main__":
    asyncio.run(main())
