"""How many megabytes a second of a script's output reach its log, marked, beside a bare pipe."""

import asyncio
import shlex
import subprocess
import time
from pathlib import Path

from figures import Figure, Rounds, tell
from live_stack import Client, LiveStack, fresh_folder, live_stack
from webjobs_events.jetstream import connect_bus
from webjobs_events.subjects import Subjects

ROUNDS = 5
MEGABYTES = 100
_LINE = (
    "2026-11-22 10:00:00,123 INFO worker 7: processed order 0123456789 in 35 ms, 0 retries, queue is empty\n"
)
_JOB = "writer"


def pipe_rate(file: Path) -> float:
    """Megabytes a second of one cat that writes into another."""
    began = time.perf_counter()
    subprocess.run(["bash", "-c", f"cat {shlex.quote(str(file))} | cat > /dev/null"], check=True)
    return MEGABYTES / (time.perf_counter() - began)


def our_rate(stack: LiveStack, client: Client, whole_bytes: int) -> float:
    """Megabytes a second from the script's first instruction until its log on disk is complete."""
    path = client.run(_JOB)
    run_id = path.rsplit("/", 1)[1]
    folder = stack.folder / "data" / "jobs" / "triggered" / _JOB / run_id
    log, stamp = folder / f"output_{run_id}.log", stack.folder / "stamp"
    give_up_at = time.monotonic() + 60
    while not log.exists() or log.stat().st_size < whole_bytes:
        if time.monotonic() > give_up_at:
            raise TimeoutError("the log does not become complete")
        time.sleep(0.002)
    ended_at = time.time()
    client.finished(path)
    return MEGABYTES / (ended_at - float(stamp.read_text()))


async def shipped(nats_url: str, whole_bytes: int) -> None:
    """Wait until so many bytes are in the stream of logs, so that rounds do not meet."""
    subjects = Subjects("webjobs")
    async with connect_bus(nats_url, name="benchmark", subjects=subjects) as bus, asyncio.timeout(60):
        while (await bus.connection.js.stream_info(subjects.logs_stream)).state.bytes < whole_bytes:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def main() -> None:
    rounds = Rounds("capture", "MB/s")
    with fresh_folder() as folder:
        file = folder / "output.txt"
        lines = MEGABYTES * 1_000_000 // len(_LINE)
        file.write_text(_LINE * lines)
        marked_bytes = lines * (len(_LINE) + len("[11/08/2013 02:56:00 > 327e1e: INFO] "))
        script = (
            f'echo $EPOCHREALTIME > "$WEBJOBS_DATA_PATH/../../../../stamp"\ncat {shlex.quote(str(file))}\n'
        )
        async with live_stack({_JOB: script}) as stack:
            client = Client(stack.port)
            for number in range(ROUNDS + 1):
                bare = await asyncio.to_thread(pipe_rate, file)
                rate = await asyncio.to_thread(our_rate, stack, client, marked_bytes)
                await shipped(stack.nats_url, (number + 1) * marked_bytes)
                if number:  # the first one warms up
                    rounds.add(rate, bare)
    tell(
        Figure(
            what="log capture with marks, shipping on",
            unit="MB/s",
            yardstick="cat FILE | cat > /dev/null",
            goal=0.25,
            stretch=0.4,
            better="higher",
            value=rounds.value,
            yardstick_value=rounds.yardstick_value,
            ratio=rounds.ratio,
            rounds=rounds.ratios,
        )
    )


if __name__ == "__main__":
    asyncio.run(main())
