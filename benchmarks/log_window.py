"""How long a window of a long log takes, and a search of all of it, beside sed and grep on the file."""

import asyncio
import json
import os
import random
import subprocess
import time
from pathlib import Path
from typing import Any

from figures import Rounds, in_milliseconds, tell
from live_stack import Client, fresh_folder, live_stack, timed

ROUNDS = 5
LINES = 1_000_000
_JOB = "writer"
_SCRIPT = f"seq -f 'order %07.0f of this day was processed in 35 ms, queue is empty' {LINES}\n"
_SHIPPED_WITHIN = 60  # seconds


def timed_ms(client: Client, path: str) -> tuple[float, Any]:
    """Milliseconds until the whole answer is at the client, and the answer."""
    took, body = timed(lambda: client.ask("GET", path))
    return took, json.loads(body)


def bare_ms(*command: str) -> float:
    """Milliseconds of a command on the file of the log."""
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False, env={**os.environ, "LC_ALL": "C"})
    return 1000 * (time.perf_counter() - began)


def shipped(client: Client, log: str) -> None:
    """Wait until the stream of logs has all of it."""
    give_up_at = time.monotonic() + _SHIPPED_WITHIN
    while not timed_ms(client, f"{log}?tail=1")[1]["ended"]:
        if time.monotonic() > give_up_at:
            raise TimeoutError("the log does not become complete")
        time.sleep(0.2)


def measured(client: Client, log: str, file: Path) -> tuple[Rounds, Rounds]:
    """Windows at random lines, and searches of a text that no line holds."""
    windows, searches = Rounds("window", "ms"), Rounds("search", "ms")
    choice = random.Random(1)
    for _ in range(ROUNDS):
        line = choice.randrange(1, LINES - 500)
        took, window = timed_ms(client, f"{log}?line={line}")
        assert [window["first"], window["last"]] == [line, line + 499]
        windows.add(took, bare_ms("sed", "-n", f"{line},{line + 499}p;{line + 500}q", str(file)))
        took, found = timed_ms(client, f"{log}/search?q=no-such-order")
        assert found == {"matches": [], "count": 0, "complete": True}, found
        searches.add(took, bare_ms("grep", "-ciF", "no-such-order", str(file)))
    return windows, searches


async def main() -> None:
    with fresh_folder():
        async with live_stack({_JOB: _SCRIPT}) as stack:
            client = Client(stack.port)
            path = await asyncio.to_thread(client.run, _JOB)
            await asyncio.to_thread(client.finished, path)
            run_id = path.rsplit("/", 1)[1]
            await asyncio.to_thread(shipped, client, f"{path}/log")
            folder = stack.folder / "data" / "jobs" / "triggered" / _JOB / run_id
            file = folder / f"output_{run_id}.log"
            windows, searches = await asyncio.to_thread(measured, client, f"{path}/log", file)
            size = round(file.stat().st_size / 1_000_000, 1)
    tell(
        in_milliseconds(
            f"window of 500 among {LINES:,} lines", windows, "sed on the file", 1000, 200, megabytes=size
        ),
        in_milliseconds(f"search of {LINES:,} lines", searches, "grep on the file", 500, 250, megabytes=size),
    )


if __name__ == "__main__":
    asyncio.run(main())
