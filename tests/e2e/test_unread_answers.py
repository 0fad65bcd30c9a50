"""Clients that ask and never read cost the api little memory, and are cut off after a while."""

import contextlib
import os
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest
from support.background import in_background
from support.client import Client, client_of
from support.eventually import eventually, stays
from support.stack import RunningStack, webjobs_up

READERS = 60
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    data = tmp_path_factory.mktemp("unread") / "data"
    with in_background(webjobs_up(data, WEBJOBS_STALLED_CLIENT_SECONDS="8")) as running:
        yield running


@pytest.fixture
async def client(stack: RunningStack) -> AsyncIterator[Client]:
    async with client_of(stack.url) as speaking:
        yield speaking


def memory_of(pid: int) -> int:
    """Bytes of memory that a process has."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


@contextlib.contextmanager
def asked(base: str, paths: list[str]) -> Iterator[list[socket.socket]]:
    """Connections on each of which something is asked for, and nothing is read."""
    host, port = base.removeprefix("http://").split(":")
    with contextlib.ExitStack() as opened:
        connections = []
        for path in paths:
            connection = opened.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect((host, int(port)))
            accept = "Accept: text/event-stream\r\n" if path.endswith(("/log", "=first")) else ""
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n{accept}\r\n".encode())
            connections.append(connection)
        yield connections


async def addresses(client: Client, stack: RunningStack) -> list[str]:
    """One of each kind of answer that is long."""
    await client.put_script("triggered", "big", "yes $(printf 'y%.0s' $(seq 99)) | head -n 150000")
    await client.put_script(
        "triggered", "live", "while :; do yes $(printf 'y%.0s' $(seq 99)) | head -n 2000; sleep 0.05; done"
    )
    big = await client.ended("big", await client.run("big"))
    live = await client.run("live")
    folder = stack.data / "folder"
    folder.mkdir()
    (folder / "large.bin").write_bytes(os.urandom(20 * MEGABYTE))
    log = big["output_url"].removeprefix(stack.url)
    return [
        log,
        f"{log}?follow=1",
        f"/api/jobs/triggered/big/history/{big['id']}/log",
        f"/api/jobs/triggered/live/history/{live}/log",
        "/api/logstream",
        f"/api/logstream/triggered/live/{live}",
        "/api/events?from=first",
        "/api/vfs/folder/large.bin",
        "/api/zip/folder/",
        "/api/vfs/data/jobs/triggered/big/" + f"{big['id']}/output_log.txt",
    ]


@pytest.mark.timeout(400)
async def test_readers_that_never_read_cost_little_and_are_cut_off(
    client: Client, stack: RunningStack
) -> None:
    paths = await addresses(client, stack)
    assert len((await client.get(paths[0])).body) > 19 * MEGABYTE  # what one reader costs is there before
    api = stack.pid_of("api")
    before = memory_of(api)
    wanted = [paths[number % len(paths)] for number in range(READERS)]
    with asked(stack.url, wanted) as connections:
        await stays(lambda: memory_of(api) - before < 40 * MEGABYTE, 6, interval=0.25)

        # All that happened so far fits into the buffers of the operating system.
        long = {
            each.getsockname()[1]: path
            for each, path in zip(connections, wanted, strict=True)
            if "/events" not in path
        }

        def are_cut_off() -> bool:
            held = Counter(path for port, path in long.items() if port in clients_of(api))
            assert not held, f"still connected: {held}"
            return True

        await eventually(are_cut_off, 180, interval=0.5)
    await eventually(lambda: memory_of(api) - before < 12 * MEGABYTE, 60, interval=0.5)
    assert (await client.get("/api/jobs")).status == 200


def clients_of(pid: int) -> set[int]:
    """The ports from which a process's clients speak to it, as that process holds them.

    A client cannot tell: its full window drops the very packet that breaks the connection off.
    """
    connections = psutil.Process(pid).net_connections("tcp")
    return {each.raddr.port for each in connections if each.raddr}
