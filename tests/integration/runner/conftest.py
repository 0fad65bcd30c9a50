"""A bus, a caller and a witness for tests that run whole runners."""

import secrets
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


@pytest.fixture
def instance_id() -> str:
    """An id for a runner that is started more than once; no other test on this machine has it."""
    return secrets.token_hex(3)
