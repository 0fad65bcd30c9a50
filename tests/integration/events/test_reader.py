"""Readers at their edges: requests that expire, streams that shrink, loops that are left."""

import asyncio
import contextlib
import gc
from typing import Any

import pytest
from nats.aio.msg import Msg
from nats.js import api
from support.eventually import eventually
from webjobs_events.jetstream import Bus, StreamReader
from webjobs_events.jetstream.pull import Pull, PullStatus
from webjobs_events.jetstream.reader import Delivery, delivery_of
from webjobs_events.jetstream.streams import ensure_streams
from webjobs_rules.job import JobType


async def publish(bus: Bus, *numbers: int) -> None:
    async with bus.pipeline() as pipeline:
        subject = bus.subjects.job_event("triggered", "hello", "Running")
        await asyncio.gather(*[await pipeline.send(subject, str(number).encode(), {}) for number in numbers])


async def take(reader: StreamReader, count: int) -> list[int]:
    got: list[int] = []
    async with asyncio.timeout(30), contextlib.aclosing(reader.batches()) as batches:
        async for batch in batches:
            got += [int(message.data) for message in batch]
            if len(got) >= count:
                break
    return got


async def test_a_request_that_expires_partly_fulfilled_is_no_longer_counted(bus: Bus) -> None:
    stream = bus.subjects.events_stream
    config = api.ConsumerConfig(ack_policy=api.AckPolicy.NONE, mem_storage=True)
    consumer = (await bus.connection.js.add_consumer(stream, config)).name
    got: list[Msg] = []
    status: list[PullStatus] = []
    pull = Pull(
        bus.connection,
        stream,
        consumer,
        on_message=got.append,
        on_status=status.append,
        expires=0.5,
        heartbeat=0.15,
    )
    await pull.start()
    await pull.request(10)
    await pull.request(5)
    await publish(bus, *range(12))
    await eventually(lambda: len(got) == 12)
    assert pull.outstanding == 3
    await eventually(lambda: PullStatus.ENDED in status)
    assert pull.outstanding == 0 and PullStatus.LOST not in status
    await pull.request(1)
    await eventually(lambda: PullStatus.IDLE in status)
    await bus.connection.js.delete_consumer(stream, consumer)
    await eventually(lambda: PullStatus.LOST in status)
    assert pull.outstanding == 0
    await pull.stop()
    await pull.stop()


async def test_a_request_to_a_consumer_that_is_gone_is_noticed(bus: Bus) -> None:
    status: list[PullStatus] = []
    pull = Pull(
        bus.connection,
        bus.subjects.events_stream,
        "nobody",
        on_message=lambda _: None,
        on_status=status.append,
        expires=0.5,
        heartbeat=0.1,
    )
    await pull.start()
    await pull.request(1)
    await eventually(lambda: status == [PullStatus.LOST])
    await pull.finish()


async def test_a_reader_goes_on_when_its_requests_expire(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = 0

    class ImpatientPull(Pull):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options, expires=0.6, heartbeat=0.29)

        async def request(self, count: int, max_bytes: int = 0) -> None:
            nonlocal requests
            requests += 1
            await super().request(count, max_bytes)

    monkeypatch.setattr("webjobs_events.jetstream.reader.Pull", ImpatientPull)
    async with bus.read_stream(bus.subjects.events_stream, window=10) as reader:
        task = asyncio.create_task(take(reader, 33))
        for first in range(0, 33, 11):
            before = requests
            await eventually(lambda: requests >= before + 2)  # noqa: B023
            await publish(bus, *range(first, first + 11))
        assert await task == list(range(33))
        assert reader._consumer_sequence == 33  # one consumer all the while


async def test_a_reader_whose_consumer_was_deleted_goes_on(bus: Bus) -> None:
    await publish(bus, 1, 2)
    async with bus.read_stream(bus.subjects.events_stream) as reader:
        task = asyncio.create_task(take(reader, 4))
        await eventually(lambda: reader._next_sequence == 3)
        await bus.connection.js.delete_consumer(bus.subjects.events_stream, reader._consumer)
        await publish(bus, 3, 4)
        assert await task == [1, 2, 3, 4]


async def test_a_reader_passes_over_what_was_purged(bus: Bus) -> None:
    stream, subject = bus.subjects.logs_stream, bus.subjects.log(JobType.TRIGGERED, "a", "r1")
    other = bus.subjects.log(JobType.TRIGGERED, "a", "r2")
    async with bus.pipeline() as pipeline:
        for name, number in ((subject, 0), (subject, 1), (other, 2), (subject, 3)):
            await (await pipeline.send(name, str(number).encode(), {}))
        async with bus.read_stream(stream) as reader:
            task = asyncio.create_task(take(reader, 6))
            await eventually(lambda: reader._next_sequence == 5)
            await bus.purge_subject(stream, subject)
            await (await pipeline.send(other, b"4", {}))
            await bus.purge_subject(stream, bus.subjects.all_logs)
            await (await pipeline.send(other, b"5", {}))
            assert await task == [0, 1, 2, 3, 4, 5]
    assert await take(bus.read_stream(stream), 1) == [5]
    assert await take(bus.read_stream(stream, start_sequence=6), 1) == [5]


async def test_a_reader_reads_a_stream_that_was_made_anew_and_says_so(
    bus: Bus, capsys: pytest.CaptureFixture[str]
) -> None:
    await publish(bus, 1, 2, 3)
    async with bus.read_stream(bus.subjects.events_stream) as reader:
        task = asyncio.create_task(take(reader, 5))
        await eventually(lambda: reader._next_sequence == 4)
        await bus.connection.js.delete_stream(bus.subjects.events_stream)
        await ensure_streams(bus.connection.js, bus.subjects)
        await publish(bus, 4, 5)
        assert await task == [1, 2, 3, 4, 5]
    assert "stream lost messages that were read" in capsys.readouterr().out


async def test_a_reader_that_begins_after_the_end_gets_what_comes(bus: Bus) -> None:
    await publish(bus, 1, 2)
    async with bus.read_stream(bus.subjects.events_stream, start_sequence=3) as reader:
        await reader.open()
        assert reader.pending_at_start == 0
        await publish(bus, 3)
        assert await take(reader, 1) == [3]


async def test_a_batch_waits_for_more_only_as_long_as_it_was_told_to(bus: Bus) -> None:
    await publish(bus, *range(7))
    reader = bus.read_stream(bus.subjects.events_stream)
    async with contextlib.aclosing(reader.batches(max_messages=5, max_wait=0.05)) as batches:
        assert len(await anext(batches)) == 5
        assert len(await anext(batches)) == 2


async def test_a_cancelled_wait_for_a_batch_loses_nothing_and_leaves_nothing(bus: Bus) -> None:
    reader = bus.read_stream(bus.subjects.events_stream)
    await reader.open()
    waiting = asyncio.create_task(anext(reader.batches()))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert reader._pull is None
    stream = bus.subjects.events_stream

    async def consumers() -> list[api.ConsumerInfo]:
        return await bus.connection.js.consumers_info(stream)

    assert await eventually(lambda: _is_empty(consumers))


async def _is_empty(listing) -> bool:  # type: ignore[no-untyped-def]
    return not await listing()


async def test_a_closed_reader_ends_the_loop_of_whoever_reads(bus: Bus) -> None:
    reader = bus.read_stream(bus.subjects.events_stream)

    async def read() -> str:
        async for _ in reader.batches():
            raise AssertionError("nothing was published")
        return "ended"

    task = asyncio.create_task(read())
    await eventually(lambda: reader._pull is not None)
    await reader.close()
    await reader.close()
    assert await asyncio.wait_for(task, 30) == "ended"


async def test_a_subscription_that_is_left_behind_is_cleared_away(bus: Bus) -> None:
    await publish(bus, 1)
    before = list(bus.connection._on_reconnect)
    with contextlib.suppress(Exception):
        async for _ in bus.subscribe_events():
            raise AssertionError("1 is no event")
    gc.collect()
    await eventually(lambda: bus.connection._on_reconnect == before)


@pytest.mark.parametrize(
    "reply",
    [
        "$JS.ACK.STREAM.consumer.2.30.4.1760000000000000000.5",
        "$JS.ACK.domain.hash.STREAM.consumer.2.30.4.1760000000000000000.5.token",
        "$JS.ACK._.hash.STREAM.consumer.2.30.4.1760000000000000000.5",
    ],
)
def test_a_reply_subject_tells_of_its_delivery(reply: str) -> None:
    assert delivery_of(reply) == Delivery(2, 30, 4, 1760000000000000000)


@pytest.mark.parametrize("sizes", [[100] * 500, [60_000] * 40, [10, 200_000, 10, 60_000, 900_000, 10, 10]])
async def test_a_window_of_bytes_loses_nothing_and_holds_little(bus: Bus, sizes: list[int]) -> None:
    stream, subject = bus.subjects.logs_stream, bus.subjects.log(JobType.TRIGGERED, "job", "1")
    for number, size in enumerate(sizes):
        await bus.connection.js.publish(subject, number.to_bytes(4) + bytes(size))
    window = 68 * 1024
    reader = bus.read_stream(stream, [subject], window=64, window_bytes=window)
    found: list[int] = []
    async with reader, contextlib.aclosing(reader.batches(max_messages=1)) as batches, asyncio.timeout(30):
        async for (message,) in batches:
            found.append(int.from_bytes(message.data[:4]))
            held = sum(len(each.data) for each in reader._buffer)
            assert held <= max(2 * window, 2 * max(sizes))
            if len(found) == len(sizes):
                break
        await bus.connection.js.publish(subject, len(sizes).to_bytes(4))  # and goes on live
        (message,) = await anext(batches)
    assert [*found, int.from_bytes(message.data[:4])] == list(range(len(sizes) + 1))
