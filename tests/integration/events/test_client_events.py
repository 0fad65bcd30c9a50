"""`AsyncClient(nats=…).events`: each event once and in order, over ends of consumers and servers."""

import asyncio
import contextlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.eventually import eventually
from webjobs_client import AsyncClient, ContactLost
from webjobs_client.models import Event
from webjobs_events.events import InstanceStopped
from webjobs_events.jetstream import Bus, connect_bus
from webjobs_events.subjects import Subjects
from webjobs_stack.nats_server import run_nats_server


async def publish(bus: Bus, *instances: str) -> int:
    """Publish an event of each instance; returns the sequence of the last."""
    sequence = 0
    for each in instances:
        sequence = await bus.publish_event(
            InstanceStopped(
                about_instance=each, boot="202601020304050000", instance=each, at=datetime.now(UTC)
            )
        )
    return sequence


@contextlib.asynccontextmanager
async def following(client: AsyncClient, **selection: object):
    """A list that grows by the events that come, while the body runs."""
    found: list[Event] = []

    async def follow() -> None:
        async for event in client.events(**selection):
            found.append(event)

    task = asyncio.create_task(follow())
    try:
        yield found
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def names(found: list[Event]) -> list[object]:
    return [event.data["instance"] for event in found]


async def test_events_go_on_where_they_were_when_the_consumer_or_the_server_is_gone(
    tmp_path: Path, namespace: str
) -> None:
    async with run_nats_server(tmp_path) as server:
        async with (
            connect_bus(server.url, name="test", subjects=Subjects(namespace)) as bus,
            AsyncClient(nats=server.url, nats_namespace=namespace) as client,
        ):
            await publish(bus, "aaaaaa", "bbbbbb")
            async with following(client, from_first=True, patience=60.0) as found:
                await eventually(lambda: names(found) == ["aaaaaa", "bbbbbb"])
                stream = bus.subjects.events_stream
                for consumer in await bus.connection.js.consumers_info(stream):
                    await bus.connection.js.delete_consumer(stream, consumer.name)
                await publish(bus, "cccccc")
                await eventually(lambda: names(found)[2:] == ["cccccc"])
                await server.stop()
                await server.start()
                await eventually(lambda: bus.is_connected)
                await publish(bus, "dddddd")
                await eventually(lambda: names(found)[3:] == ["dddddd"])
            assert [event.sequence for event in found] == [1, 2, 3, 4]
            async with following(client, after=2, job_type="instance", event="InstanceStopped") as found:
                await eventually(lambda: names(found) == ["cccccc", "dddddd"])
            async with following(client, after=1, job="other") as found:
                await publish(bus, "eeeeee")
                async with following(client, after=4) as others:
                    await eventually(lambda: names(others) == ["eeeeee"])
                assert found == []
            await bus.connection.js.purge_stream(stream, seq=4)
            async with following(client, after=1) as found:
                await eventually(lambda: len(found) == 3)
            assert (found[0].name, found[0].data) == ("gap", {"after": 1, "until": 3})


async def test_a_server_that_is_not_there_is_given_up() -> None:
    async with AsyncClient(nats="nats://ann:secret@127.0.0.1:1", retry_for=0.5) as client:
        with pytest.raises(ContactLost) as caught:
            await anext(client.events())
    assert str(caught.value).startswith("There is no contact with NATS at nats://127.0.0.1:1: ")
    assert "secret" not in str(caught.value)
