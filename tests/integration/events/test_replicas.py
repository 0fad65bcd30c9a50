"""Streams on several servers: made so, raised, and refused where there is one server only."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest
import pytest_asyncio
from nats.js.api import StreamInfo
from nats.js.errors import NotFoundError
from support.eventually import eventually
from support.nats_cluster import NatsCluster, run_nats_cluster
from webjobs_events.errors import BusUnavailable, ReplicasUnsupported
from webjobs_events.jetstream import Bus, connect_bus
from webjobs_events.jetstream.streams import stream_configs
from webjobs_events.subjects import Subjects
from webjobs_stack.nats_config import NatsLogins
from webjobs_stack.nats_server import NatsServer, run_nats_server

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NatsCluster]:
    async with run_nats_cluster(tmp_path_factory.mktemp("cluster"), logins=NatsLogins()) as running:
        yield running


async def replicas(cluster: NatsCluster, subjects: Subjects) -> set[int]:
    """Of the streams of one namespace; all of them must exist."""
    names = [str(config.name) for config in stream_configs(subjects)]
    found = await asyncio.gather(*(cluster.info(name) for name in names))
    return {info.config.num_replicas or 1 for info in found}


async def test_streams_are_made_with_the_replicas_of_the_setting(
    cluster: NatsCluster, namespace: str
) -> None:
    subjects = Subjects(namespace)
    url = cluster.url_of("operator")
    async with connect_bus(url, name="test", subjects=subjects, replicas=3) as bus:
        assert await replicas(cluster, subjects) == {3}
        created_at = (await cluster.info(bus.hooks.stream)).created
        await bus.connection.js.delete_stream(bus.hooks.stream)
        made_anew = await eventually(lambda: is_made_anew(cluster, bus.hooks.stream, created_at))
        assert made_anew.config.num_replicas == 3


async def is_made_anew(cluster: NatsCluster, stream: str, before: datetime | None) -> StreamInfo | None:
    with contextlib.suppress(NotFoundError):
        info = await cluster.info(stream)
        return info if info.created != before else None
    return None


async def test_streams_with_messages_are_raised_by_several_services_at_once_and_never_lowered(
    cluster: NatsCluster, namespace: str
) -> None:
    subjects = Subjects(namespace)
    url = cluster.url_of("operator")
    async with connect_bus(url, name="before", subjects=subjects) as before:
        assert await replicas(cluster, subjects) == {1}
        await before.requests.put("a", b"1")
        await set_limit(before, subjects.logs_stream, 123_456_789)
        async with (
            connect_bus(url, name="api", subjects=subjects, replicas=3),
            connect_bus(url, name="runner", subjects=subjects, replicas=3),
            connect_bus(url, name="history", subjects=subjects, replicas=3) as after,
        ):
            await eventually(lambda: is_raised(cluster, subjects))
            entry = await after.requests.get("a")
            assert entry is not None and entry.value == b"1"
            assert "replicas" not in after.streams.notes()
            limit = (await after.connection.js.stream_info(subjects.logs_stream)).config.max_bytes
            assert limit == 123_456_789
    async with connect_bus(url, name="later", subjects=subjects, replicas=1) as later:
        await eventually(lambda: later.streams.created_at(subjects.logs_stream))  # all were looked at
        assert await replicas(cluster, subjects) == {3}


async def is_raised(cluster: NatsCluster, subjects: Subjects) -> bool:
    return await replicas(cluster, subjects) == {3}


async def set_limit(bus: Bus, stream: str, max_bytes: int) -> None:
    """As an operator does, whose limits must stay."""
    config = (await bus.connection.js.stream_info(stream)).config
    config.max_bytes = max_bytes
    await bus.connection.js.update_stream(config)


async def test_a_user_that_may_not_raise_says_what_to_do(cluster: NatsCluster) -> None:
    subjects = Subjects()
    async with connect_bus(cluster.url_of("runner"), name="before", subjects=subjects):
        pass
    async with connect_bus(cluster.url_of("runner"), name="runner", subjects=subjects, replicas=3) as bus:
        edit = "`nats stream edit WEBJOBS_EVENTS --replicas 3`"  # one stream after the other is refused
        await eventually(lambda: edit in bus.streams.notes().get("replicas", ""), 60)
        note = bus.streams.notes()["replicas"]
        assert "WEBJOBS_NATS_REPLICAS=3" in note
        assert "$JS.API.STREAM.UPDATE.WEBJOBS_EVENTS" in note
        await bus.publish("webjobs.deadletters.runner", b"goes on")
    assert await replicas(cluster, subjects) == {1}


async def test_a_server_alone_keeps_no_replicas(own_server: NatsServer) -> None:
    with pytest.raises(ReplicasUnsupported, match="not part of a cluster") as raised:
        async with connect_bus(own_server.url, name="test", subjects=Subjects(), replicas=3):
            pass
    assert "WEBJOBS_NATS_REPLICAS=3: " in str(raised.value)
    assert "Set WEBJOBS_NATS_REPLICAS=1" in str(raised.value)


async def test_a_client_goes_on_to_the_other_servers_as_the_same_user(cluster: NatsCluster) -> None:
    """Also to those that only the cluster names: the first server is the only one that it is given."""
    async with connect_bus(cluster.url_of("operator"), name="before", subjects=Subjects()) as before:
        stored_by = (await cluster.info(before.leases.stream)).cluster
    assert stored_by is not None  # a stream without replicas is away for as long as its server
    first = next(node for node in cluster.nodes if node.name != stored_by.leader)
    others = {node.port for node in cluster.nodes} - {first.port}
    async with connect_bus(first.url_of("runner"), name="test", subjects=Subjects()) as bus:
        reconnected = asyncio.Event()
        bus.connection.on_reconnect(reconnected.set)
        await first.kill()
        try:
            await reconnected.wait()
            url = bus.connection.client.connected_url
            assert url is not None and url.port in others
            await eventually(lambda: is_stored(bus))
        finally:
            await cluster.restart(first)


async def is_stored(bus: Bus) -> bool:
    """Whether something is stored that only the runner may write; False while no leader is elected."""
    with contextlib.suppress(BusUnavailable):
        await bus.leases.put("test", b"")
        return True
    return False


async def test_of_several_servers_one_that_answers_is_taken(cluster: NatsCluster, tmp_path: Path) -> None:
    url = "nats://127.0.0.1:1, " + cluster.url_of("operator")
    async with connect_bus(url, name="test", subjects=Subjects()) as bus:
        assert bus.is_connected


async def test_a_password_may_have_every_character(tmp_path: Path) -> None:
    logins = NatsLogins(operator="p/%2F?#,@:w%")
    async with run_nats_server(tmp_path, logins=logins) as server:
        url = server.url.replace("nats://", "nats://operator:p%2F%252F%3F%23%2C%40%3Aw%25@")
        async with connect_bus(url, name="test", subjects=Subjects()) as bus:
            assert bus.is_connected
