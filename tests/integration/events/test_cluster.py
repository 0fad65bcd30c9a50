"""What a service does on NATS goes on in a cluster of three servers, each stream on all of them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from support.nats_cluster import NatsCluster, run_nats_cluster
from webjobs_events.jetstream import Bus, StreamMessage, connect_bus
from webjobs_events.jetstream.lookup import first_from
from webjobs_events.subjects import Subjects
from webjobs_stack.nats_config import NatsLogins

pytestmark = pytest.mark.asyncio(loop_scope="module")
SUBJECTS = Subjects()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NatsCluster]:
    async with run_nats_cluster(tmp_path_factory.mktemp("cluster"), logins=NatsLogins()) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bus(cluster: NatsCluster) -> AsyncIterator[Bus]:
    """A runner's."""
    async with connect_bus(cluster.url_of("runner"), name="test", subjects=SUBJECTS, replicas=3) as connected:
        yield connected


async def test_a_read_sees_what_was_written_just_before(cluster: NatsCluster, bus: Bus) -> None:
    """A server that is not the leader would answer a direct read itself, a few of a hundred too early."""
    leader = await cluster.leader_of(bus.leases.stream)

    async def write_and_read(reader: Bus, key: str, times: int, value: bytes) -> None:
        for _ in range(times):
            revision = await reader.leases.put(key, value)
            entry = await reader.leases.get(key)
            assert entry is not None and entry.revision == revision
            found, more = await reader.messages_from(
                reader.leases.stream, reader.leases.subject_of(key), start_sequence=revision
            )
            assert ([message.sequence for message in found], more) == ([revision], 0)

    for node in cluster.nodes:
        if node is not leader:
            async with connect_bus(node.url_of("operator"), name="test", subjects=SUBJECTS) as reader:
                await write_and_read(reader, "test.small", 150, b"")
                await asyncio.gather(
                    *(write_and_read(reader, f"test.{writer}", 5, b"x" * 100_000) for writer in range(20))
                )


async def test_what_a_stream_holds_is_read_to_its_end(bus: Bus) -> None:
    for number in range(50):
        sequence = await bus.publish(f"webjobs.events.end.{number}.a", b"")
        read = [
            message.sequence
            async for batch in bus.stored(SUBJECTS.events_stream, ["webjobs.events.end.>"], latest_only=True)
            for message in batch
        ]
        assert len(read) == number + 1 and read[-1] == sequence


async def test_a_handful_is_read_in_order_with_what_follows_it(bus: Bus) -> None:
    sent = [
        await bus.publish(f"webjobs.events.handful.{number % 2}.a", b"%d" % number) for number in range(7)
    ]
    stream, pattern = SUBJECTS.events_stream, "webjobs.events.handful.*.a"
    found, more = await bus.messages_from(stream, pattern, start_sequence=sent[1], count=3)
    assert [(message.sequence, message.data) for message in found] == [
        (sent[1], b"1"),
        (sent[2], b"2"),
        (sent[3], b"3"),
    ]
    assert more
    found, more = await bus.messages_from(stream, pattern, start_sequence=sent[4], count=3)
    assert ([message.sequence for message in found], more) == (sent[4:], 0)
    assert await bus.messages_from(stream, pattern, start_sequence=sent[-1] + 1) == ([], 0)
    assert await bus.last_message(stream, "webjobs.events.handful.2.a") is None


async def test_headers_and_instants_of_a_message_are_read(bus: Bus) -> None:
    sequence = await bus.publish("webjobs.events.test.headers.a", b"\x00\xff", message_id="id: 1")
    message = await bus.last_message(SUBJECTS.events_stream, "webjobs.events.test.headers.a")
    assert message is not None
    assert message.data == b"\x00\xff"
    assert message.headers["Nats-Msg-Id"] == "id: 1"
    batches = bus.read_stream(SUBJECTS.events_stream, start_sequence=sequence).batches()
    async for batch in batches:
        assert batch[0].stored_at_ns == message.stored_at_ns
        break
    await batches.aclose()


async def test_a_stream_that_only_grows_is_read_in_bulk_to_the_end_of_its_leader(
    cluster: NatsCluster, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One question to the leader for each message would take a second for each thousand."""
    asked = 0

    async def counted(*args: Any) -> StreamMessage | None:
        nonlocal asked
        asked += 1
        return await first_from(*args)

    monkeypatch.setattr("webjobs_events.jetstream.batch.first_from", counted)
    stream, pattern = SUBJECTS.events_stream, "webjobs.events.grows.*.a"
    first = await bus.publish("webjobs.events.grows.0.a", b"")
    leader = await cluster.leader_of(stream)
    for node in cluster.nodes:
        if node is leader:
            continue
        async with connect_bus(node.url_of("operator"), name="test", subjects=SUBJECTS) as reader:
            for _ in range(100):
                last = await reader.publish("webjobs.events.grows.0.a", b"")
                found, more = await reader.messages_from(
                    stream, pattern, start_sequence=first, is_append_only=True
                )
                assert (found[0].sequence, found[-1].sequence, more) == (first, last, 0)
    assert asked <= 4 * 200  # at the end of each of 200 reads of up to 201 messages
