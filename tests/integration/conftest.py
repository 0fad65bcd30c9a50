"""A bus, a caller, a runner and settings of an api for each test; folders that need others override them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.runners import Caller, RunningRunner, running_runner
from webjobs_api.settings import ApiSettings
from webjobs_events.jetstream import Bus, connect_bus
from webjobs_events.subjects import Subjects


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
    """Of an api."""
    return ApiSettings(nats_url=nats_url, namespace=namespace, port=0)
