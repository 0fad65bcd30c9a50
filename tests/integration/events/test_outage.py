"""The bus over crashes of its server: nothing is missed, doubled or stuck, and it goes on within seconds."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from support.eventually import eventually
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus, QueryRefused, QueuedMessage, connect_bus
from webjobs_events.jetstream.streams import stream_configs
from webjobs_events.job import JobName, JobType
from webjobs_events.run_id import RunId
from webjobs_events.subjects import Subjects
from webjobs_stack.nats_server import NatsServer, run_nats_server
from webjobs_stack.ports import free_port

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SUBJECTS = Subjects()
SUBJECT = "webjobs.events.triggered.hello.Running"


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with run_nats_server(tmp_path / "nats") as running:
        yield running


@pytest_asyncio.fixture
async def bus(server: NatsServer) -> AsyncIterator[Bus]:
    before = asyncio.all_tasks()
    async with connect_bus(server.url, name="test", subjects=SUBJECTS) as connected:
        yield connected
        connection = connected.connection
        assert not connection._on_reconnect and not connection._on_disconnect and not connection._asking
    await eventually(lambda: asyncio.all_tasks() - {asyncio.current_task()} <= before, 2)


async def crash(server: NatsServer) -> None:
    server.kill()
    await server.wait()


async def crash_and_restart(server: NatsServer) -> None:
    await crash(server)
    await server.start()


def run_command(job: str = "hello") -> RunTriggeredJob:
    return RunTriggeredJob(
        command_id=f"run/{job}",
        job_type=JobType.TRIGGERED,
        job_name=JobName(job),
        requested_at=NOW,
        requested_by="test",
        run_id=RunId("202601020304050000"),
    )


async def publish(bus: Bus, first: int, count: int) -> None:
    """Messages `first` and after, in order; over any outage, each acknowledged in the end."""
    numbers = range(first, first + count)
    acknowledged = 0
    async with bus.pipeline() as pipeline:
        while acknowledged < count:
            with contextlib.suppress(BusUnavailable):
                futures = []
                for number in numbers[acknowledged : acknowledged + 1000]:
                    headers = {"Nats-Msg-Id": str(number)}
                    futures.append(await pipeline.send(SUBJECT, str(number).encode(), headers))
                for future in futures:
                    await future
                    acknowledged += 1
            await asyncio.sleep(0)


async def stored(bus: Bus) -> list[int]:
    last = await bus.last_sequence(SUBJECTS.events_stream)
    numbers: list[int] = []
    async with bus.read_stream(SUBJECTS.events_stream) as reader:
        async for batch in reader.batches():
            numbers += [int(message.data) for message in batch]
            if batch[-1].sequence == last:
                break
    return numbers


async def test_a_reader_yields_every_message_once_in_order_over_two_crashes(
    server: NatsServer, bus: Bus
) -> None:
    total = 6000
    await publish(bus, 0, total // 2)
    seen: list[int] = []

    async def read() -> None:
        async with bus.read_stream(SUBJECTS.events_stream, window=200) as reader:
            async for batch in reader.batches(max_messages=50):
                seen.extend(int(message.data) for message in batch)
                await asyncio.sleep(0.001)
                if len(seen) >= total:
                    return

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(read())
        await eventually(lambda: len(seen) > 500, 5)
        await crash_and_restart(server)
        assert len(seen) < total // 2
        tasks.create_task(publish(bus, total // 2, total // 2))
        await eventually(lambda: len(seen) > total // 2 + 500, 5)
        await crash_and_restart(server)
    assert seen == list(range(total))


async def test_a_mirror_goes_on_following(server: NatsServer, bus: Bus) -> None:
    told: list[tuple[str, bytes | None]] = []
    await bus.jobs.put("triggered.a", b"1")
    async with bus.jobs.mirror(lambda key, entry: told.append((key, entry and entry.value))) as mirror:
        await crash_and_restart(server)
        async with connect_bus(server.url, name="other", subjects=SUBJECTS) as other:
            revision = await other.jobs.put("triggered.b", b"2")
            began_at = time.monotonic()
            await asyncio.wait_for(mirror.reached(revision), 5)
            assert time.monotonic() - began_at < 2
            await asyncio.wait_for(mirror.reached(await other.jobs.delete("triggered.a")), 5)
        assert [(key, entry.value) for key, entry in mirror.entries.items()] == [("triggered.b", b"2")]
    assert told == [("triggered.a", b"1"), ("triggered.b", b"2"), ("triggered.a", None)]


async def test_a_mirror_entered_while_nats_is_away_is_complete_when_it_is_back(
    server: NatsServer, bus: Bus
) -> None:
    await bus.jobs.put("triggered.a", b"1")
    await crash(server)
    await eventually(lambda: not bus.is_connected, 5)

    async def entries() -> list[str]:
        async with bus.jobs.mirror() as mirror:
            return list(mirror.entries)

    task = asyncio.create_task(entries())
    await asyncio.sleep(0)
    await server.start()
    assert await asyncio.wait_for(task, 5) == ["triggered.a"]


async def test_a_mirror_whose_entering_is_cancelled_leaves_nothing_behind(
    server: NatsServer, bus: Bus
) -> None:
    await crash(server)
    await eventually(lambda: not bus.is_connected, 5)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), bus.jobs.mirror():
            raise AssertionError("NATS is away")


async def test_a_queue_goes_on_and_a_message_in_hand_stays_in_hand_or_comes_again(
    server: NatsServer, bus: Bus
) -> None:
    taken: list[QueuedMessage] = []
    slots = 2
    queue = bus.work_queue(
        durable="runs",
        filters=[SUBJECTS.run_commands],
        room=lambda: slots - len(taken),
        on_message=taken.append,
    )
    task = asyncio.create_task(queue.run())
    try:
        for number in range(5):
            await bus.publish_command(run_command(f"job{number}"))
        await eventually(lambda: len(taken) == 2, 5)
        await crash_and_restart(server)
        await eventually(lambda: bus.is_connected, 5)
        began_at = time.monotonic()
        await taken[0].keep()
        assert await taken[0].done()
        slots = 10
        queue.room_changed()
        await eventually(lambda: len({message.subject for message in taken}) == 5, 5)
        assert time.monotonic() - began_at < 2
        finished, in_hand = taken[0].subject, taken[1].subject
        subjects = [message.subject for message in taken]
        assert subjects.count(finished) == 1 and subjects.count(in_hand) <= 2 and len(taken) <= 6
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_broken_connection_alone_brings_a_queue_no_more_than_it_has_room_for(bus: Bus) -> None:
    taken: list[QueuedMessage] = []
    queue = bus.work_queue(
        durable="runs",
        filters=[SUBJECTS.run_commands],
        room=lambda: 3 - len(taken),
        on_message=taken.append,
    )
    task = asyncio.create_task(queue.run())
    try:
        await bus.publish_command(run_command("first"))
        await eventually(lambda: len(taken) == 1, 5)
        for _ in range(2):
            reconnected = asyncio.Event()
            unhook = bus.connection.on_reconnect(reconnected.set)
            bus.connection.client._transport.close()  # type: ignore[union-attr]
            await asyncio.wait_for(reconnected.wait(), 5)
            unhook()
        for number in range(9):
            await bus.publish_command(run_command(f"job{number}"))
        await eventually(lambda: len(taken) == 3, 5)
        await bus.connection.client.flush()
        assert len(taken) == 3
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_unanswered_publishes_fail_at_once_and_a_resend_keeps_the_order_without_repeats(
    server: NatsServer, bus: Bus
) -> None:
    padding = b" " * 4096  # enough of it that the sockets do not take it all

    async with bus.pipeline() as pipeline:

        async def send(first: int, count: int) -> list[asyncio.Future[int]]:
            return [
                await pipeline.send(SUBJECT, str(number).encode() + padding, {"Nats-Msg-Id": str(number)})
                for number in range(first, first + count)
            ]

        assert await asyncio.gather(*await send(0, 200)) == list(range(1, 201))
        os.kill(server.pid, signal.SIGSTOP)
        unanswered = await send(200, 1800)
        await eventually(lambda: bus.connection.client.pending_data_size > 0, 5)
        server.kill()
        killed_at = time.monotonic()
        outcomes = await asyncio.wait_for(asyncio.gather(*unanswered, return_exceptions=True), 5)
        assert time.monotonic() - killed_at < 1
        assert all(isinstance(outcome, BusUnavailable) for outcome in outcomes)
        with pytest.raises(BusUnavailable, match="connection is down"):
            await send(0, 1)
        await server.wait()
        await server.start()
        await eventually(lambda: bus.is_connected, 5)
        sequences = await asyncio.wait_for(asyncio.gather(*await send(0, 2000)), 5)
        assert sequences == list(range(1, 2001))
    assert await stored(bus) == list(range(2000))


async def test_connecting_waits_for_a_server_that_comes_up_late(tmp_path: Path) -> None:
    port = free_port("127.0.0.1")

    async def connect() -> int:
        async with connect_bus(f"nats://127.0.0.1:{port}", name="early", subjects=SUBJECTS) as bus:
            return await bus.publish_command(run_command())

    task = asyncio.create_task(connect())
    await asyncio.sleep(0)
    async with run_nats_server(tmp_path / "nats", port=port):
        assert await asyncio.wait_for(task, 5) == 1


async def test_connecting_can_be_given_up(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            async with connect_bus(
                f"nats://127.0.0.1:{free_port('127.0.0.1')}", name="early", subjects=SUBJECTS
            ):
                raise AssertionError("there is no server")
    assert asyncio.all_tasks() <= before


async def test_whatever_is_asked_while_nats_is_away_fails_at_once(
    server: NatsServer, bus: Bus, tmp_path: Path
) -> None:
    await crash(server)
    await eventually(lambda: not bus.is_connected, 5)
    subject = SUBJECTS.command(JobType.TRIGGERED, "hello", "run")
    began_at = time.monotonic()
    for question in (
        bus.publish_command(run_command()),
        bus.ask("run", b"{}"),
        bus.pending_command(subject),
        bus.pending_subjects(SUBJECTS.run_commands),
        bus.last_sequence(SUBJECTS.events_stream),
        bus.last_message(SUBJECTS.events_stream, SUBJECT),
        bus.withdraw_command(1),
        bus.purge_subject(SUBJECTS.logs_stream, "webjobs.logs.triggered.a.b"),
        bus.jobs.get("triggered.a"),
        bus.jobs.put("triggered.a", b""),
        bus.packages.exists("digest"),
        bus.packages.fetch("digest", tmp_path / "copy"),
    ):
        with pytest.raises(BusUnavailable, match="the connection is down"):
            await question
    assert time.monotonic() - began_at < 0.5


async def test_a_question_that_is_open_when_nats_goes_away_fails_at_once(
    server: NatsServer, bus: Bus
) -> None:
    never = asyncio.Event()

    async def forever(_: bytes) -> bytes:
        await never.wait()
        raise QueryRefused(503, "too late")

    async with bus.serve("webjobs-test", "1.0.0", {"forever": forever}):
        question = asyncio.create_task(bus.ask("forever", b"", timeout=60))
        await eventually(lambda: bool(bus.connection._asking), 5)
        await bus.connection.client.flush()
        await crash(server)
        began_at = time.monotonic()
        with pytest.raises(BusUnavailable, match="the connection broke"):
            await question
        assert time.monotonic() - began_at < 1
        never.set()


async def test_questions_find_their_endpoint_again(server: NatsServer, bus: Bus) -> None:
    async def echo(data: bytes) -> bytes:
        return data

    async with bus.serve("webjobs-test", "1.0.0", {"echo": echo}):
        await crash_and_restart(server)
        await eventually(lambda: bus.is_connected, 5)
        assert await eventually(lambda: bus.ask("echo", b"hi"), 5) == b"hi"


async def test_closing_while_nats_is_away_takes_no_time(server: NatsServer) -> None:
    before = asyncio.all_tasks()
    async with connect_bus(server.url, name="test", subjects=SUBJECTS) as bus:
        async with bus.jobs.mirror(), bus.pipeline():
            await crash(server)
            await eventually(lambda: not bus.is_connected, 5)
            began_at = time.monotonic()
    assert time.monotonic() - began_at < 1
    await eventually(lambda: asyncio.all_tasks() <= before, 2)


async def test_streams_are_made_once_by_many_that_come_at_once(server: NatsServer) -> None:
    async def connect() -> list[str]:
        async with connect_bus(server.url, name="racer", subjects=SUBJECTS) as bus:
            return sorted(info.config.name or "" for info in await bus.connection.js.streams_info())

    for names in await asyncio.gather(*(connect() for _ in range(8))):
        assert names == sorted(config.name or "" for config in stream_configs(SUBJECTS))
