"""A bus, a caller and a witness for tests that run whole runners."""

from collections.abc import AsyncIterator

import pytest
from support.runners import Caller
from support.witness import Witness, witness_of
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
async def witness(bus: Bus) -> AsyncIterator[Witness]:
    async with witness_of(bus) as following:
        yield following
