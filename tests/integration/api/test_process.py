"""The api as a process: how it starts, what it refuses, how it stops, and what it does while NATS is away."""

import asyncio
import contextlib
import json
import os
import re
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from support.eventually import eventually
from support.fake_backend import run_fake_backend
from webjobs_api.app import run_api
from webjobs_api.settings import ApiSettings
from webjobs_events.jetstream import connect_bus
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobType
from webjobs_stack.nats_server import run_nats_server

NOWHERE = "nats://127.0.0.1:9"


@contextlib.asynccontextmanager
async def api_process(
    open_files: tuple[int, int] | None = None, **variables: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {**os.environ, "WEBJOBS_PORT": "0", "WEBJOBS_LOG_FORMAT": "json", **variables}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "webjobs_api",
        env=environment,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, open_files)) if open_files else None,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def url_of(process: asyncio.subprocess.Process) -> str:
    """The address in the log of its start."""
    assert process.stderr is not None
    async with asyncio.timeout(30):
        while line := await process.stderr.readline():
            if line.startswith(b"{") and (told := json.loads(line)).get("message") == "the api is served":
                return str(told["url"])
    raise AssertionError("it ended without serving")


async def test_it_serves_until_it_is_asked_to_stop(nats_url: str, namespace: str) -> None:
    async with api_process(WEBJOBS_NATS_URL=nats_url, WEBJOBS_NAMESPACE=namespace) as process:
        url = await url_of(process)
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        async with aiohttp.ClientSession(url) as api, api.get("/healthz") as answer:
            assert answer.status == 503
            assert set((await answer.json())["missing"]) == {"runner", "history"}
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\n"])
async def test_more_idle_connections_than_open_files_do_not_keep_it_from_answering(
    nats_url: str, namespace: str, sent: bytes
) -> None:
    variables = {"WEBJOBS_USERNAME": "ann", "WEBJOBS_PASSWORD": "secret"}
    async with api_process(
        (400, 400), WEBJOBS_NATS_URL=nats_url, WEBJOBS_NAMESPACE=namespace, **variables
    ) as process:
        host, _, port = (await url_of(process)).removeprefix("http://").partition(":")
        crowd = [socket.create_connection((host, int(port))) for _ in range(420)]
        try:
            for each in crowd:
                with contextlib.suppress(ConnectionError):  # it had to make way for others already
                    each.sendall(sent)
            for _ in range(3):
                async with asyncio.timeout(30), aiohttp.ClientSession(f"http://{host}:{port}") as api:
                    async with api.get("/healthz") as answer:
                        assert answer.status == 503, "without a runner and a history, but it answers"
        finally:
            for each in crowd:
                each.close()


async def test_it_opens_as_many_files_as_it_may(nats_url: str, namespace: str) -> None:
    async with api_process((100, 900), WEBJOBS_NATS_URL=nats_url, WEBJOBS_NAMESPACE=namespace) as process:
        await url_of(process)
        assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE) == (900, 900)


async def test_it_stops_at_once_while_it_still_looks_for_nats() -> None:
    async with api_process(WEBJOBS_NATS_URL=NOWHERE) as process:
        assert process.stderr is not None
        assert b"connecting to nats" in await asyncio.wait_for(process.stderr.readline(), 30)
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 30) == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.1", "::", "example.org"])
async def test_without_credentials_it_refuses_every_address_but_loopback(host: str) -> None:
    async with api_process(WEBJOBS_HOST=host) as process:
        _, told = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 2
        assert b"WEBJOBS_USERNAME and WEBJOBS_PASSWORD too, or listen on 127.0.0.1" in told


async def test_while_nats_is_away_it_answers_503_and_recovers(tmp_path: Path, namespace: str) -> None:
    async with contextlib.AsyncExitStack() as servers, contextlib.AsyncExitStack() as stack:
        first = contextlib.AsyncExitStack()
        server = await first.enter_async_context(run_nats_server(tmp_path / "nats"))
        servers.push_async_exit(first)
        port = int(server.url.rpartition(":")[2])
        bus = await stack.enter_async_context(
            connect_bus(server.url, name="test", subjects=Subjects(namespace))
        )
        (tmp_path / "files").mkdir()
        backend = await stack.enter_async_context(run_fake_backend(bus, tmp_path / "files"))
        await backend.define(JobType.TRIGGERED, "hello")
        settings = ApiSettings(nats_url=server.url, namespace=namespace, port=0)
        api_url = await stack.enter_async_context(run_api(settings, {}))
        api = await stack.enter_async_context(aiohttp.ClientSession(api_url))
        job = "/api/jobs/triggered/hello"
        async with api.get(job) as answer:
            assert answer.status == 200
        await first.aclose()
        requests = (
            ("GET", "/api/jobs"),
            ("GET", job),
            ("GET", "/api/jobs/triggered/other"),
            ("GET", f"{job}/history"),
            ("POST", f"{job}/run"),
            ("DELETE", job),
            ("GET", "/jobs/triggered/hello"),
            ("GET", "/healthz"),
        )
        for method, path in requests:
            async with asyncio.timeout(30), api.request(method, path) as answer:
                assert answer.status == 503, (method, path, await answer.text())
        headers = {"Content-Disposition": "attachment; filename=run.sh"}
        async with asyncio.timeout(30), api.put(job, data=b"echo", headers=headers) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
        await servers.enter_async_context(run_nats_server(tmp_path / "nats", port=port))

        async def serves_again() -> bool:
            async with api.get(job) as answer:
                return answer.status == 200

        await eventually(serves_again, 20)
