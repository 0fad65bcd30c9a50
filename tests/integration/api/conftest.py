"""The api on a real NATS, with a fake runner and history."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Browser
from support.browser import chromium
from support.eventually import eventually
from support.fake_backend import FakeBackend, run_fake_backend
from webjobs_api.app import run_api
from webjobs_api.http.terms import LiveTerms
from webjobs_api.jobs.commands import Patience
from webjobs_api.settings import ApiSettings
from webjobs_events.jetstream import Bus, connect_bus
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobType
from webjobs_stack.nats_server import NatsServer, run_nats_server

SHORT = Patience(turn=3.0, reply=3.0, work=3.0, deployment=3.0, last_words=0.5, runners_gone=0.5)

QUICK = LiveTerms(heartbeat=0.2, log_heartbeat=0.2, retry_delay=0.05, log_patience=3)


@pytest.fixture
async def backend(bus: Bus, tmp_path: Path) -> AsyncIterator[FakeBackend]:
    async with run_fake_backend(bus, tmp_path) as running:
        yield running


@pytest.fixture
def settings(settings: ApiSettings) -> ApiSettings:
    return settings.model_copy(update={"upload_limit_mb": 1})


@pytest.fixture
async def api_url(settings: ApiSettings, backend: FakeBackend) -> AsyncIterator[str]:
    async with run_api(settings, {}, SHORT, QUICK) as url:
        yield url


@pytest.fixture
async def api(api_url: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(api_url, headers={"User-Agent": "tests/1"}) as session:
        yield session


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A real Chromium."""
    async with chromium() as running:
        yield running


@dataclass(frozen=True)
class OwnNats:
    """An api with a nats-server of its own, which the test may end."""

    server: NatsServer
    bus: Bus
    backend: FakeBackend
    url: str
    api: aiohttp.ClientSession


@pytest.fixture
async def own_nats(tmp_path: Path, namespace: str) -> AsyncIterator[OwnNats]:
    async with run_nats_server(tmp_path / "nats") as server:
        settings = ApiSettings(nats_url=server.url, namespace=namespace, port=0)
        async with (
            connect_bus(server.url, name="test", subjects=Subjects(namespace)) as bus,
            run_fake_backend(bus, tmp_path / "backend") as backend,
            run_api(settings, {}, SHORT, QUICK) as url,
            aiohttp.ClientSession(url) as api,
        ):
            yield OwnNats(server, bus, backend, url, api)


@pytest.fixture
async def run_id(api: aiohttp.ClientSession, backend: FakeBackend) -> str:
    """A run that goes on."""
    await backend.define(JobType.TRIGGERED, "hello")
    async with api.post("/api/jobs/triggered/hello/run") as answer:
        run_id = answer.headers["Location"].rpartition("/")[2]
    await eventually(lambda: backend.position == 2)
    return run_id
