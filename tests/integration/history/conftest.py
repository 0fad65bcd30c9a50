"""Fixtures of history's tests: its settings on real servers, a bus to ask on, and replicas to start."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from support.history import History, Process, Replica, process, serving
from webjobs_events.jetstream import Bus
from webjobs_history.settings import HistorySettings


@pytest.fixture
def settings(nats_url: str, database_url: str, namespace: str) -> HistorySettings:
    return HistorySettings(
        nats_url=nats_url, database_url=database_url, namespace=namespace, health_port=0, history_size=1000
    )


@pytest.fixture
def history(bus: Bus) -> History:
    return History(bus)


@pytest.fixture
def replica() -> Replica:
    """Starts a replica in this process."""
    return serving


@pytest_asyncio.fixture
async def served(settings: HistorySettings) -> AsyncIterator[None]:
    """A replica is running."""
    async with serving(settings):
        yield


@pytest.fixture
def history_process() -> Process:
    """Starts a replica, or a command, as a process of its own."""
    return process
