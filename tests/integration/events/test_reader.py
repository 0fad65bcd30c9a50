"""Readers, mirrors and queues at their edges: requests that expire, streams that shrink, owners that go."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from nats.aio.msg import Msg
from nats.js import api
from support.eventually import eventually
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.errors import BusUnavailable, MessageTooLarge
from webjobs_events.jetstream import Bus, QueryRefused, QueuedMessage, StreamReader, connect_bus
from webjobs_events.jetstream.pull import News, Pull
from webjobs_events.jetstream.reader import Delivery, delivery_of
from webjobs_events.jetstream.streams import ensure_streams
from webjobs_events.job import JobName, JobType
from webjobs_events.run_id import RunId
from webjobs_events.subjects import Subjects


@pytest_asyncio.fixture
async def bus(nats_url: str, namespace: str) -> AsyncIterator[Bus]:
    before = asyncio.all_tasks()
    async with connect_bus(nats_url, name="test", subjects=Subjects(namespace)) as connected:
        yield connected
        connection = connected.connection
        assert not connection._on_reconnect and not connection._on_disconnect and not connection._asking
        await eventually(lambda: len(connection.client._subs) <= 1, 2)  # the inbox of requests
    await eventually(lambda: asyncio.all_tasks() - {asyncio.current_task()} <= before, 2)


async def publish(bus: Bus, *numbers: int) -> None:
    async with bus.pipeline() as pipeline:
        subject = bus.subjects.job_event("triggered", "hello", "Running")
        await asyncio.gather(*[await pipeline.send(subject, str(number).encode(), {}) for number in numbers])


async def take(reader: StreamReader, count: int) -> list[int]:
    got: list[int] = []
    async with asyncio.timeout(5), contextlib.aclosing(reader.batches()) as batches:
        async for batch in batches:
            got += [int(message.data) for message in batch]
            if len(got) >= count:
                break
    return got


def run_command(number: int) -> RunTriggeredJob:
    return RunTriggeredJob(
        command_id=f"run/{number}",
        job_type=JobType.TRIGGERED,
        job_name=JobName(f"job{number}"),
        requested_at=datetime(2026, 1, 2, tzinfo=UTC),
        requested_by="test",
        run_id=RunId("202601020304050000"),
    )


async def test_a_request_that_expires_partly_fulfilled_is_no_longer_counted(bus: Bus) -> None:
    stream = bus.subjects.events_stream
    config = api.ConsumerConfig(ack_policy=api.AckPolicy.NONE, mem_storage=True)
    consumer = (await bus.connection.js.add_consumer(stream, config)).name
    got: list[Msg] = []
    news: list[News] = []
    pull = Pull(
        bus.connection,
        stream,
        consumer,
        on_message=got.append,
        on_news=news.append,
        expires=0.5,
        heartbeat=0.15,
    )
    await pull.start()
    await pull.request(10)
    await pull.request(5)
    await publish(bus, *range(12))
    await eventually(lambda: len(got) == 12, 5)
    assert pull.outstanding == 3
    await eventually(lambda: News.ENDED in news, 5)
    assert pull.outstanding == 0 and News.LOST not in news
    await pull.request(1)
    await eventually(lambda: News.IDLE in news, 5)
    await bus.connection.js.delete_consumer(stream, consumer)
    await eventually(lambda: News.LOST in news, 5)
    assert pull.outstanding == 0
    await pull.stop()
    await pull.stop()


async def test_a_request_to_a_consumer_that_is_gone_is_noticed(bus: Bus) -> None:
    news: list[News] = []
    pull = Pull(
        bus.connection,
        bus.subjects.events_stream,
        "nobody",
        on_message=lambda _: None,
        on_news=news.append,
        expires=0.5,
        heartbeat=0.1,
    )
    await pull.start()
    await pull.request(1)
    await eventually(lambda: news == [News.LOST], 5)
    await pull.finish()


async def test_a_reader_goes_on_when_its_requests_expire(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = 0

    class ImpatientPull(Pull):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options, expires=0.3, heartbeat=0.1)

        async def request(self, count: int) -> None:
            nonlocal requests
            requests += 1
            await super().request(count)

    monkeypatch.setattr("webjobs_events.jetstream.reader.Pull", ImpatientPull)
    async with bus.read_stream(bus.subjects.events_stream, window=10) as reader:
        task = asyncio.create_task(take(reader, 33))
        for first in range(0, 33, 11):
            before = requests
            await eventually(lambda: requests >= before + 2, 5)  # noqa: B023
            await publish(bus, *range(first, first + 11))
        assert await task == list(range(33))
        assert reader._consumer_sequence == 33  # one consumer all the while


async def test_a_reader_whose_consumer_was_deleted_goes_on(bus: Bus) -> None:
    await publish(bus, 1, 2)
    async with bus.read_stream(bus.subjects.events_stream) as reader:
        task = asyncio.create_task(take(reader, 4))
        await eventually(lambda: reader._next_sequence == 3, 5)
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
            await eventually(lambda: reader._next_sequence == 5, 5)
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
        await eventually(lambda: reader._next_sequence == 4, 5)
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

    assert await eventually(lambda: _is_empty(consumers), 5)


async def _is_empty(listing) -> bool:  # type: ignore[no-untyped-def]
    return not await listing()


async def test_a_closed_reader_ends_the_loop_of_whoever_reads(bus: Bus) -> None:
    reader = bus.read_stream(bus.subjects.events_stream)

    async def read() -> str:
        async for _ in reader.batches():
            raise AssertionError("nothing was published")
        return "ended"

    task = asyncio.create_task(read())
    await eventually(lambda: reader._pull is not None, 5)
    await reader.close()
    await reader.close()
    assert await asyncio.wait_for(task, 5) == "ended"


async def test_a_subscription_that_is_left_behind_is_cleared_away(bus: Bus) -> None:
    await publish(bus, 1)
    with contextlib.suppress(Exception):
        async for _ in bus.subscribe_events():
            raise AssertionError("1 is no event")
    gc.collect()
    await eventually(lambda: not bus.connection._on_reconnect, 5)


async def test_a_mirror_tells_the_next_change_when_a_listener_failed_at_one(
    bus: Bus, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[str] = []

    def listen(key: str, _entry: object) -> None:
        told.append(key)
        if key == "triggered.bad":
            raise ValueError("unreadable definition")

    async with bus.jobs.mirror(listen) as mirror:
        await bus.jobs.put("triggered.bad", b"?")
        await asyncio.wait_for(mirror.reached(await bus.jobs.put("triggered.good", b"!")), 5)
    assert told == ["triggered.bad", "triggered.good"]
    assert "a listener failed" in capsys.readouterr().out


async def test_a_mirror_of_many_keys_is_complete_when_entered_while_they_change(bus: Bus) -> None:
    async with bus.pipeline() as pipeline:

        async def put_all(value: bytes) -> None:
            subjects = [bus.jobs.subject_of(f"triggered.{number}") for number in range(1500)]
            await asyncio.gather(*[await pipeline.send(subject, value, {}) for subject in subjects])

        await put_all(b"1")
        changing = asyncio.create_task(put_all(b"2"))
        async with bus.jobs.mirror() as mirror:
            assert len(mirror.entries) == 1500
            await changing
            await eventually(lambda: {entry.value for entry in mirror.entries.values()} == {b"2"}, 5)


async def test_what_arrives_at_a_queue_that_stops_is_handed_back_at_once(bus: Bus) -> None:
    first: list[QueuedMessage] = []
    second: list[QueuedMessage] = []

    def queue(taken: list[QueuedMessage]) -> "asyncio.Task[None]":
        return asyncio.create_task(
            bus.work_queue(
                durable="runs",
                filters=[bus.subjects.run_commands],
                room=lambda: 100,
                on_message=taken.append,
            ).run()
        )

    leaving = queue(first)
    await bus.publish_command(run_command(0))
    await eventually(lambda: bool(first), 5)
    publishing = asyncio.gather(*(bus.publish_command(run_command(number)) for number in range(1, 60)))
    await eventually(lambda: len(first) > 1, 5, interval=0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    await publishing
    staying = queue(second)
    try:
        await eventually(lambda: len({message.sequence for message in first + second}) == 60, 5)
    finally:
        staying.cancel()
        await asyncio.gather(staying, return_exceptions=True)
    assert len(second) == 60 - len(first)


async def test_a_message_over_the_size_nats_takes_is_refused_for_good(bus: Bus) -> None:
    too_large = bytes(bus.connection.client.max_payload + 1)
    with pytest.raises(MessageTooLarge, match="NATS takes at most"):
        await bus.jobs.put("triggered.a", too_large)
    async with bus.pipeline() as pipeline:
        with pytest.raises(MessageTooLarge):
            await pipeline.send(bus.subjects.log(JobType.TRIGGERED, "a", "r"), too_large, {})


async def test_a_publish_that_no_stream_takes_fails(bus: Bus) -> None:
    async with bus.pipeline() as pipeline:
        future = await pipeline.send("nobody.listens", b"", {})
        with pytest.raises(BusUnavailable, match="no stream takes this subject"):
            await asyncio.wait_for(future, 5)


async def test_one_question_does_not_wait_for_another(bus: Bus) -> None:
    released = asyncio.Event()

    async def answer(data: bytes) -> bytes:
        if data == b"slow":
            await released.wait()
        return data

    async with bus.serve("webjobs-test", "1.0.0", {"answer": answer}):
        slow = asyncio.create_task(bus.ask("answer", b"slow"))
        await asyncio.sleep(0)
        assert await bus.ask("answer", b"quick") == b"quick"
        released.set()
        assert await slow == b"slow"


async def test_a_handler_that_fails_answers_with_a_code(bus: Bus) -> None:
    async def fail(_: bytes) -> bytes:
        raise RuntimeError("a bug")

    async with bus.serve("webjobs-test", "1.0.0", {"fail": fail}):
        with pytest.raises(QueryRefused, match="a bug") as refusal:
            await bus.ask("fail", b"")
        assert refusal.value.code == 500


@pytest.mark.parametrize(
    "reply",
    [
        "$JS.ACK.STREAM.consumer.2.30.4.1760000000000000000.5",
        "$JS.ACK.domain.hash.STREAM.consumer.2.30.4.1760000000000000000.5.token",
        "$JS.ACK._.hash.STREAM.consumer.2.30.4.1760000000000000000.5",
    ],
)
def test_a_reply_subject_tells_of_its_delivery(reply: str) -> None:
    assert delivery_of(reply) == Delivery(2, 30, 4, 1760000000000000000, 5)
