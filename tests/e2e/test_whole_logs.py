"""A log that is read the moment its run is final is whole, however long it is and however slow its runner."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

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


async def test_windows_and_search_of_a_log_that_is_being_written(client: Client, tmp_path: Path) -> None:
    name, gate = unique("windows"), tmp_path / "gate"
    write = "seq -f 'line %.0f of it' {} {}"
    script = f"{write.format(1, 20000)}\nwhile [ ! -e {gate} ]; do sleep 0.05; done\n"
    script += f"echo 'no such file' >&2\n{write.format(20001, 30000)}\nexit 3\n"
    await client.put_script("triggered", name, script)
    run_id = await client.run(name)
    log = f"/api/jobs/triggered/{name}/history/{run_id}/log"

    async def found(text: str) -> int | None:
        result = await client.json(f"{log}/search?q={text}")
        return result["matches"][0] if result["complete"] and result["matches"] else None

    async def text_of(number: int) -> str:
        window = await client.json(f"{log}?line={number}&lines=1")
        return window["lines"][0]["text"] if window["lines"] else ""

    last = await eventually(lambda: found("line+20000+"), 30)
    assert last is not None
    for number in (1, 7_500, 20_000):  # the first lines are those of the runner
        assert await text_of(last - 20_000 + number) == f"line {number} of it"
    window = await client.json(f"{log}?tail=3")
    assert [window["last"], window["total"], window["ended"], window["first_error"]] == [
        last,
        last,
        False,
        None,
    ]
    gate.touch()

    async def at_its_end() -> dict[str, Any] | None:
        window: dict[str, Any] = await client.json(f"{log}?tail=1")
        return window if window["ended"] else None

    window = await eventually(at_its_end, 30)
    assert window is not None and window["lines"][0]["stream"] == "system"
    assert window["first_error"] == await found("no+such+file") == last + 1
    assert await text_of(last + 1 + 10_000) == "line 30000 of it"
