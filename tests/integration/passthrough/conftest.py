"""The api and a runner on a real NATS, with nothing between them but it."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from support.eventually import eventually
from support.runners import Caller, RunningRunner, running_runner
from webjobs_api.app import run_api
from webjobs_api.settings import ApiSettings
from webjobs_events.jetstream import Bus, connect_bus
from webjobs_events.job import JobType
from webjobs_events.subjects import Subjects

SERVER = (Path(__file__).parent / "echo_server.py").read_text()
FILES = {"run.sh": f"exec {sys.executable} echo_server.py", "echo_server.py": SERVER}
PASS = "/api/continuouswebjobs/echo/passthrough"


@pytest.fixture
async def bus(nats_url: str, namespace: str) -> AsyncIterator[Bus]:
    async with connect_bus(nats_url, name="test", subjects=Subjects(namespace)) as connected:
        yield connected


@pytest.fixture
def caller(bus: Bus) -> Caller:
    return Caller(bus)


@pytest.fixture
async def runner(bus: Bus, nats_url: str, tmp_path: Path) -> AsyncIterator[RunningRunner]:
    async with running_runner(bus, nats_url, tmp_path) as running:
        yield running


@pytest.fixture
def settings(nats_url: str, namespace: str) -> ApiSettings:
    return ApiSettings(nats_url=nats_url, namespace=namespace, port=0)


@pytest.fixture
async def api(settings: ApiSettings) -> AsyncIterator[aiohttp.ClientSession]:
    async with (
        run_api(settings, {}) as url,
        aiohttp.ClientSession(url, auto_decompress=False, max_line_size=65536) as session,
    ):
        yield session


@pytest.fixture
async def served(api: aiohttp.ClientSession, runner: RunningRunner, caller: Caller) -> RunningRunner:
    """The runner, once the job `echo` answers."""
    await caller.deploy(JobType.CONTINUOUS, "echo", FILES)
    await until_served(api)
    return runner


async def until_served(api: aiohttp.ClientSession) -> None:
    async def is_served() -> bool:
        async with api.get(f"{PASS}/") as answer:
            return answer.status == 200

    await eventually(is_served)
