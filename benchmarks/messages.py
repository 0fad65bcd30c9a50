"""How many messages a short run appends to JetStream, and how much nats-server writes for it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import nats
import psutil
from figures import Figure, note, tell
from live_stack import LiveStack, ended_runs, live_stack
from nats.js import JetStreamContext
from throughput import SCRIPT, SLOTS, our_rate, post_all
from webjobs_events.subjects import Subjects

RUNS = 100
ROUNDS = 3
_SUBJECTS = Subjects()
_LEAST_SECONDS = 12.0  # a measurement lasts: nats-server writes indexes and shrinks files every 10 s
_RUN_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Written:
    """What the server has written; a state since its start, or the difference of two.

    Attributes:
        appends: Messages stored in each stream, buckets included, those removed later too.
        event_bytes: Size of the messages in the event stream, before compression.
        disk_bytes: `write_bytes` of /proc/<pid>/io: pages of files that were changed, whole.
        call_bytes: `wchar` of the same file: what was given to write(), to sockets too.
    """

    appends: dict[str, float]
    event_bytes: float
    disk_bytes: float
    call_bytes: float

    def less(self, other: "Written", factor: float = 1.0) -> "Written":
        """The difference to so many times another."""
        return Written(
            {name: count - factor * other.appends.get(name, 0) for name, count in self.appends.items()},
            self.event_bytes - factor * other.event_bytes,
            self.disk_bytes - factor * other.disk_bytes,
            self.call_bytes - factor * other.call_bytes,
        )


class Meter:
    """Counts what a load makes the server write, beyond what it writes in the same time without one."""

    def __init__(self, js: JetStreamContext, server: psutil.Process) -> None:
        self._js = js
        self._io = Path(f"/proc/{server.pid}/io")
        self._idle = Written({}, 0, 0, 0)
        self._idle_seconds = 1.0

    async def measure_idle(self) -> None:
        """Take as the base what is written while no job runs: heartbeats."""
        began, before = time.perf_counter(), await self._written()
        await asyncio.sleep(_LEAST_SECONDS)
        self._idle = (await self._written()).less(before)
        self._idle_seconds = time.perf_counter() - began

    async def measure(self, load: Callable[[], Awaitable[object]]) -> Written:
        """What a load writes."""
        began, before = time.perf_counter(), await self._written()
        await load()
        await asyncio.sleep(began + _LEAST_SECONDS - time.perf_counter())
        after = await self._written()
        return after.less(before).less(self._idle, (time.perf_counter() - began) / self._idle_seconds)

    async def _written(self) -> Written:
        streams = {str(info.config.name): info.state for info in await self._js.streams_info()}
        io = dict(line.split(": ") for line in self._io.read_text().splitlines())
        return Written(
            {name: state.last_seq for name, state in streams.items()},
            streams[_SUBJECTS.events_stream].bytes,
            int(io["write_bytes"]),
            int(io["wchar"]),
        )


async def one_after_another(stack: LiveStack, jobs: Sequence[str]) -> None:
    """Run every job once, each when the run before has ended."""
    connection = await asyncpg.connect(stack.database_url)
    try:
        for wanted, job in enumerate(jobs, await ended_runs(connection) + 1):
            await post_all(stack.port, [job])
            give_up_at = time.perf_counter() + _RUN_SECONDS
            while await ended_runs(connection) < wanted:
                assert time.perf_counter() < give_up_at
                await asyncio.sleep(0.01)
    finally:
        await connection.close()


def figures(how: str, rounds: list[Written]) -> list[Figure]:
    """Figures of one kind of load."""

    def figure(what: str, unit: str, goal: float, values: list[float], facts: dict[str, float]) -> Figure:
        return Figure(
            what=f"{what}, {how}",
            unit=unit,
            goal=goal,
            stretch=goal,
            judged="value",
            better="lower",
            value=sorted(values)[len(values) // 2],
            rounds=[round(value, 2) for value in values],
            facts={name: round(value, 2) for name, value in facts.items() if abs(value) >= 0.005},
        )

    last = rounds[-1]
    for name, count in sorted(last.appends.items()):
        if count >= RUNS / 100:
            note(f"messages, {how}: {count / RUNS:.2f} a run in {name}")
    return [
        figure(
            "JetStream appends a run",
            "messages",
            5.0,
            [sum(one.appends.values()) / RUNS for one in rounds],
            {name: count / RUNS for name, count in last.appends.items()},
        ),
        figure(
            "written to disk by nats-server a run (write_bytes)",
            "kB",
            12.0,
            [one.disk_bytes / RUNS / 1000 for one in rounds],
            {"wchar_kb": last.call_bytes / RUNS / 1000},
        ),
        figure(
            "event stream a run, before compression",
            "kB",
            1.0,
            [one.event_bytes / RUNS / 1000 for one in rounds],
            {},
        ),
    ]


async def main() -> None:
    jobs = [f"job{number:03}" for number in range(RUNS)]
    apart, at_once = [], []
    scripts = dict.fromkeys(jobs, SCRIPT)
    async with live_stack(scripts, environment={"WEBJOBS_SLOTS": str(SLOTS)}) as stack:
        client = await nats.connect(stack.nats_url)
        try:
            meter = Meter(client.jetstream(), stack.nats_server())
            await our_rate(stack, jobs)  # makes the working copies, which later runs share
            await meter.measure_idle()
            for _ in range(ROUNDS):
                apart.append(await meter.measure(lambda: one_after_another(stack, jobs)))
                at_once.append(await meter.measure(lambda: our_rate(stack, jobs)))
        finally:
            await client.close()
    tell(*figures("one after another", apart), *figures("at once", at_once))


if __name__ == "__main__":
    asyncio.run(main())
