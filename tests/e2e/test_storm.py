"""Runs are asked for while every part is killed: what was accepted ends, once, and ran at most once."""

import asyncio
from collections import Counter
from functools import partial
from pathlib import Path

import aiohttp
import pytest
from support.bus import replay
from support.client import TERMINAL, Client, job_url, unique
from support.eventually import eventually, pause
from support.stack import RunningStack
from webjobs_events.events import RunEnded

JOBS = 6
PACE_SECONDS = 0.5
PARTS = ("runner", "api", "nats", "history", "postgres")


@pytest.fixture
def stack(rough_stack: RunningStack) -> RunningStack:
    return rough_stack


class Asker:
    """Asks for runs of one job again and again, and remembers those that were accepted."""

    def __init__(self, client: Client, name: str) -> None:
        self.client = client
        self.name = name
        self.accepted: list[str] = []

    async def ask(self, enough: asyncio.Event) -> None:
        while not enough.is_set():
            try:
                answer = await self.client.post(f"{job_url('triggered', self.name)}/run")
            except (aiohttp.ClientError, ConnectionError):
                answer = None  # the api was killed: nobody knows whether this one was accepted
            if answer is not None and answer.status == 202:
                self.accepted.append(answer.headers["Location"].rpartition("/")[2])
            await pause(PACE_SECONDS, "slow enough for every run to be kept")

    async def all_ended(self) -> bool:
        runs = {run["id"]: run["status"] for run in await self.client.runs_of(self.name)}
        assert set(self.accepted) <= runs.keys(), "accepted runs are missing"
        return set(runs.values()) <= TERMINAL


async def killed_and_back(stack: RunningStack, part: str) -> None:
    pid = stack.pid_of(part)
    stack.kill(part)

    def is_another() -> bool:
        try:
            return stack.pid_of(part) != pid
        except FileNotFoundError:  # Postgres has no pid file between its end and its next start
            return False

    await eventually(is_another, 60, interval=0.1)


async def test_a_storm_of_runs_while_every_part_is_killed(client: Client, stack: RunningStack) -> None:
    askers = [Asker(client, unique("storm")) for _ in range(JOBS)]
    for asker in askers:
        await client.put_script("triggered", asker.name, 'echo "$WEBJOBS_RUN_ID" >> "$WEBJOBS_DATA_PATH/ran"')

    def accepted() -> int:
        return sum(len(asker.accepted) for asker in askers)

    def has_accepted(wanted: int) -> bool:
        return accepted() >= wanted

    enough = asyncio.Event()
    asking = asyncio.gather(*(asker.ask(enough) for asker in askers))
    for part in PARTS:
        wanted = accepted() + 2 * JOBS
        await eventually(partial(has_accepted, wanted), 60)
        await killed_and_back(stack, part)
    enough.set()
    await asking

    async def is_ready() -> bool:
        try:
            return (await client.get("/healthz")).status == 200
        except (aiohttp.ClientError, ConnectionError):
            return False

    await eventually(is_ready, 60, interval=0.2)
    for asker in askers:
        await eventually(asker.all_ended, 60, interval=0.2)
    events = [event for _, event in await replay(stack.nats_url) if isinstance(event, RunEnded)]
    ends = Counter((event.job_name, event.run_id) for event in events)
    ended = {(event.job_name, event.run_id): event for event in events}
    for asker in askers:
        assert asker.accepted, "some were accepted"
        ran = Counter(_lines(stack.data / "data" / "jobs" / "triggered" / asker.name / "ran"))
        for run in await client.runs_of(asker.name):
            assert ends[asker.name, run["id"]] == 1  # type: ignore[index]
            assert run["status"] == ended[asker.name, run["id"]].name  # type: ignore[index]
            assert ran[run["id"]] <= 1
            assert run["status"] != "Success" or ran[run["id"]] == 1


def _lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []
