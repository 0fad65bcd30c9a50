"""How long `webjobs up` takes until everything is ready: with an empty folder, and with one it knows."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from figures import Figure, tell
from live_stack import fresh_folder
from webjobs_stack.ports import free_port

ROUNDS = 5
_READY = "webjobs is ready"


def seconds_to_ready(folder: Path) -> float:
    """Start the stack, wait for its word that it is ready, and stop it."""
    webjobs = Path(sys.executable).with_name("webjobs")
    command = [str(webjobs), "up", "--data", str(folder), "--port", str(free_port("127.0.0.1"))]
    began = time.monotonic()
    stack = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert stack.stdout is not None
    try:
        next(line for line in stack.stdout if _READY in line)
        return time.monotonic() - began
    finally:
        stack.terminate()
        stack.stdout.read()
        stack.wait()


def main() -> None:
    cold, warm = [], []
    with fresh_folder() as folder:
        for number in range(ROUNDS):
            cold.append(seconds_to_ready(folder / str(number)))
            warm.append(seconds_to_ready(folder / str(number)))
    names = {"cold start, initdb included": (cold, 8.0, 4.0), "warm start": (warm, 4.0, 2.0)}
    tell(
        *(
            Figure(
                what=what,
                unit="s",
                value=statistics.median(rounds),
                goal=goal,
                stretch=stretch,
                better="lower",
                judged="value",
                rounds=rounds,
            )
            for what, (rounds, goal, stretch) in names.items()
        )
    )


if __name__ == "__main__":
    main()
