"""A bus, a caller and a runner of the test's own; a folder or file that needs others overrides them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.runners import Caller, RunningRunner, running_runner
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
