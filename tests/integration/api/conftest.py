"""The api on a real NATS, with a fake runner and history."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from support.eventually import eventually
from support.fake_backend import FakeBackend, run_fake_backend
from webjobs_api.app import run_api
from webjobs_api.http.terms import LiveTerms
from webjobs_api.jobs.commands import Patience
from webjobs_api.settings import ApiSettings
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobType

SHORT = Patience(turn=3.0, reply=3.0, last_words=0.5, runners_gone=0.5)

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
async def run_id(api: aiohttp.ClientSession, backend: FakeBackend) -> str:
    """A run that goes on."""
    await backend.define(JobType.TRIGGERED, "hello")
    async with api.post("/api/jobs/triggered/hello/run") as answer:
        run_id = answer.headers["Location"].rpartition("/")[2]
    await eventually(lambda: backend.position == 2)
    return run_id
