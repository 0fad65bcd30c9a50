"""Buses that are looked over when they are closed: nothing of theirs may be left."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from support.eventually import eventually
from webjobs_events.jetstream import Bus, connect_bus
from webjobs_events.subjects import Subjects
from webjobs_stack.nats_server import NatsServer, run_nats_server


@contextlib.asynccontextmanager
async def _looked_over(url: str, subjects: Subjects) -> AsyncIterator[Bus]:
    before = asyncio.all_tasks()
    async with connect_bus(url, name="test", subjects=subjects) as bus:
        connection = bus.connection
        subscribed = connection.client._subs
        await eventually(lambda: connection._on_reconnect)  # the watch of the streams has begun
        own_hooks = len(connection._on_disconnect), len(connection._on_reconnect)
        own_subscriptions = len(subscribed)
        yield bus
        assert (len(connection._on_disconnect), len(connection._on_reconnect)) == own_hooks
        await eventually(lambda: not connection._asking)  # the watch of the streams may be at it
        await eventually(lambda: len(subscribed) <= own_subscriptions + 1)  # the inbox of questions stays
    await eventually(lambda: not _left_over(before))


def _left_over(before: set["asyncio.Task[object]"]) -> list["asyncio.Task[object]"]:
    left = [task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()]
    assert not left, left
    return left


@pytest_asyncio.fixture
async def bus(nats_url: str, namespace: str) -> AsyncIterator[Bus]:
    """On the module's server, in a namespace of its own."""
    async with _looked_over(nats_url, Subjects(namespace)) as connected:
        yield connected


@pytest_asyncio.fixture
async def own_server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A server that the test may kill."""
    async with run_nats_server(tmp_path / "nats") as running:
        yield running


@pytest_asyncio.fixture
async def own_bus(own_server: NatsServer) -> AsyncIterator[Bus]:
    """On the test's own server."""
    async with _looked_over(own_server.url, Subjects()) as connected:
        yield connected
