"""A log that is read the moment its run is final is whole, however long it is and however slow its runner."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import aiohttp
import pytest
from support.client import TERMINAL, Client, job_url, unique
from support.eventually import eventually
from support.sse import reading
from support.stack import RunningStack

LINE = b"y" * 99


def writer(lines: int) -> str:
    return f"yes $(printf 'y%.0s' $(seq 99)) | head -n {lines}\necho done >&2\n"


@pytest.fixture
def stack(rough_stack: RunningStack) -> RunningStack:
    return rough_stack


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(120), read_bufsize=2**20) as made:
        yield made


async def run_to_its_end(client: Client, name: str) -> dict[str, str]:
    """Start a run, and ask again and again until it is final; returns at that moment."""
    run_id = await client.run(name)

    async def final() -> dict[str, str] | None:
        run: dict[str, str] = await client.run_of(name, run_id)
        return run if run["status"] in TERMINAL else None

    run = await eventually(final, 90)
    assert run is not None and run["status"] == "Success", run
    return run


async def lines_in(session: aiohttp.ClientSession, url: str) -> int:
    """How many whole lines of the script a log holds; the answer must end in good order."""
    count, rest = 0, b""
    async with session.get(url) as answer:
        assert answer.status == 200
        async for data in answer.content.iter_any():
            *lines, rest = (rest + data).split(b"\n")
            count += sum(line.endswith(b": INFO] " + LINE) for line in lines)
    assert rest == b""
    return count


async def test_a_hundred_megabytes_read_at_once_are_whole(
    client: Client, session: aiohttp.ClientSession
) -> None:
    name = unique("large")
    await client.put_script("triggered", name, writer(1_000_000))
    run = await run_to_its_end(client, name)
    assert await lines_in(session, run["output_url"]) == 1_000_000
    kudu = await client.json(f"/api/triggeredwebjobs/{name}/history/{run['id']}")
    assert kudu["dropped_lines"] == 0
    async with session.head(kudu["output_url"]) as head:
        assert int(head.headers["Content-Length"]) == kudu["output_log_bytes"] > 130_000_000
    part = {"Range": f"bytes={kudu['output_log_bytes'] - 200}-"}
    async with session.get(kudu["output_url"], headers=part) as answer:
        assert answer.status == 206
        assert (await answer.read()).endswith(b"Status changed to Success\n")


async def test_four_logs_at_once_are_whole_in_either_dialect_and_followed(
    client: Client, session: aiohttp.ClientSession
) -> None:
    names = [unique(f"four-{number}") for number in range(4)]
    for name in names:
        await client.put_script("triggered", name, writer(100_000))

    async def one(number: int, name: str) -> int:
        run = await run_to_its_end(client, name)
        kudu = f"/api/triggeredwebjobs/{name}/history/{run['id']}"
        urls = [
            run["output_url"],
            (await client.json(kudu))["output_url"],
            f"{run['output_url']}?follow=1",
            f"{client.base}{kudu}/log",
        ]
        return await lines_in(session, urls[number])

    counts = await asyncio.gather(*(one(number, name) for number, name in enumerate(names)))
    assert counts == [100_000] * 4


async def test_readers_wait_for_a_runner_that_stands_still_at_the_end(
    client: Client, stack: RunningStack, session: aiohttp.ClientSession
) -> None:
    name = unique("still")
    await client.put_script("triggered", name, writer(600_000))
    runner = stack.pid_of("runner")
    run = await run_to_its_end(client, name)
    os.kill(runner, signal.SIGSTOP)
    try:
        log = f"{stack.url}{job_url('triggered', name)}/history/{run['id']}/log"
        urls = [run["output_url"], f"{run['output_url']}?follow=1", log]
        readers = [asyncio.create_task(lines_in(session, url)) for url in urls]
        events = asyncio.create_task(_lines_told(session, log))
        await asyncio.wait([*readers, events], timeout=8)
    finally:
        os.kill(runner, signal.SIGCONT)
    assert await asyncio.gather(*readers, events) == [600_000] * 4
    assert await lines_in(session, run["error_url"]) == 0


async def _lines_told(session: aiohttp.ClientSession, url: str) -> int:
    """How many lines of the script server-sent events tell until the one that says the log has ended."""
    count = 0
    async with reading(session, url) as events:
        while (event := await events.next(60)) is not None:
            if event.name == "end":
                return count
            if event.name == "partial":
                continue  # a line that has not ended comes again, whole, in a message
            assert event.name == "message"
            count += sum(line.endswith(": INFO] " + LINE.decode()) for line in event.data.split("\n"))
    raise AssertionError("the answer ended without an event that says so")
