"""The api and a runner on a real NATS, with nothing between them but it."""

import secrets
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from support.background import in_background
from support.eventually import eventually
from support.runners import Caller, running_runner
from webjobs_api.app import run_api
from webjobs_api.settings import ApiSettings
from webjobs_events.jetstream import connect_bus
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobType

SERVER = (Path(__file__).parent / "echo_server.py").read_text()
FILES = {"run.sh": f"exec {sys.executable} echo_server.py", "echo_server.py": SERVER}
PASS = "/api/continuouswebjobs/echo/passthrough"


@dataclass(frozen=True)
class Served:
    """An api, and the runner on which the job `echo` answers."""

    url: str
    runner_id: str
    data: Path
    namespace: str


@pytest.fixture(scope="module")
def served(nats_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One for all tests of a module that leave it as it was."""
    with in_background(_serving(nats_url, tmp_path_factory.mktemp("served"))) as found:
        yield found


@pytest.fixture
async def client(served: Served) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of that api."""
    async with aiohttp.ClientSession(served.url, auto_decompress=False) as session:
        yield session


@pytest.fixture
async def api(settings: ApiSettings) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of an api of the test's own."""
    async with run_api(settings, {}) as url, aiohttp.ClientSession(url) as session:
        yield session


async def until_served(api: aiohttp.ClientSession) -> None:
    """Wait until the job answers."""

    async def is_served() -> bool:
        async with api.get(f"{PASS}/") as answer:
            return answer.status == 200

    await eventually(is_served)


@asynccontextmanager
async def _serving(nats_url: str, folder: Path) -> AsyncIterator[Served]:
    subjects = Subjects(f"t{secrets.token_hex(5)}")
    settings = ApiSettings(nats_url=nats_url, namespace=subjects.namespace, port=0)
    async with (
        connect_bus(nats_url, name="test", subjects=subjects) as bus,
        running_runner(bus, nats_url, folder) as runner,
        run_api(settings, {}) as url,
        aiohttp.ClientSession(url) as client,
    ):
        await Caller(bus).deploy(JobType.CONTINUOUS, "echo", FILES)
        await until_served(client)
        yield Served(url, runner.id, runner.settings.data, subjects.namespace)
