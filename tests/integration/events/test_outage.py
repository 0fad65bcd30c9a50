"""Publishing and reading over crashes of the server: nothing is missed, doubled, disordered or stuck."""

import asyncio
import contextlib
import os
import signal
import time
from unittest import mock

import pytest
from support.commands import run_command
from support.eventually import eventually, pause
from support.outages import crash, crash_and_restart
from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus, QueuedMessage, connect_bus
from webjobs_events.jetstream.queue import ACK_WAIT
from webjobs_events.subjects import Subjects
from webjobs_stack.nats_server import NatsServer

SUBJECTS = Subjects()
SUBJECT = "webjobs.events.triggered.hello.Running"


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
    own_server: NatsServer, own_bus: Bus
) -> None:
    total = 6000
    await publish(own_bus, 0, total // 2)
    seen: list[int] = []

    async def read() -> None:
        async with own_bus.read_stream(SUBJECTS.events_stream, window=200) as reader:
            async for batch in reader.batches(max_messages=50):
                seen.extend(int(message.data) for message in batch)
                await pause(0.001, "the pace of the reader")
                if len(seen) >= total:
                    return

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(read())
        await eventually(lambda: len(seen) > 500)
        await crash_and_restart(own_server)
        assert len(seen) < total // 2
        tasks.create_task(publish(own_bus, total // 2, total // 2))
        await eventually(lambda: len(seen) > total // 2 + 500)
        await crash_and_restart(own_server)
    assert seen == list(range(total))


async def test_a_mirror_goes_on_following(own_server: NatsServer, own_bus: Bus) -> None:
    told: list[tuple[str, bytes | None]] = []
    await own_bus.jobs.put("triggered.a", b"1")
    async with own_bus.jobs.mirror(lambda key, entry: told.append((key, entry and entry.value))) as mirror:
        await crash_and_restart(own_server)
        async with connect_bus(own_server.url, name="other", subjects=SUBJECTS) as other:
            revision = await other.jobs.put("triggered.b", b"2")
            began_at = time.monotonic()
            await asyncio.wait_for(mirror.reached(revision), 30)
            assert time.monotonic() - began_at < 10
            await asyncio.wait_for(mirror.reached(await other.jobs.delete("triggered.a")), 30)
        assert [(key, entry.value) for key, entry in mirror.entries.items()] == [("triggered.b", b"2")]
    assert told == [("triggered.a", b"1"), ("triggered.b", b"2"), ("triggered.a", None)]


async def test_a_mirror_entered_while_nats_is_away_is_complete_when_it_is_back(
    own_server: NatsServer, own_bus: Bus
) -> None:
    await own_bus.jobs.put("triggered.a", b"1")
    await crash(own_server)
    await eventually(lambda: not own_bus.is_connected)

    async def entries() -> list[str]:
        async with own_bus.jobs.mirror() as mirror:
            return list(mirror.entries)

    task = asyncio.create_task(entries())
    await asyncio.sleep(0)
    await own_server.start()
    assert await asyncio.wait_for(task, 30) == ["triggered.a"]


async def test_a_mirror_whose_entering_is_cancelled_leaves_nothing_behind(
    own_server: NatsServer, own_bus: Bus
) -> None:
    await crash(own_server)
    await eventually(lambda: not own_bus.is_connected)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), own_bus.jobs.mirror():
            raise AssertionError("NATS is away")


async def test_a_queue_goes_on_and_a_message_in_hand_stays_in_hand_or_comes_again(
    own_server: NatsServer, own_bus: Bus
) -> None:
    taken: list[QueuedMessage] = []
    slots = 2
    queue = own_bus.work_queue(
        durable="runs",
        filters=SUBJECTS.run_commands,
        room=lambda: slots - len(taken),
        on_message=taken.append,
    )
    task = asyncio.create_task(queue.run())
    try:
        for number in range(5):
            await own_bus.publish_command(run_command(f"job{number}"))
        await eventually(lambda: len(taken) == 2)
        await crash_and_restart(own_server)
        await taken[0].keep()
        await eventually(taken[0].done, 9)  # the server answers before it knows its consumers again
        slots = 10
        queue.room_changed()
        # Nothing waits until the server takes what was asked of it before the crash for unfinished.
        await eventually(lambda: len({message.subject for message in taken}) == 5, ACK_WAIT - 1)
        finished, in_hand = taken[0].subject, taken[1].subject
        subjects = [message.subject for message in taken]
        assert subjects.count(finished) == 1 and subjects.count(in_hand) <= 2 and len(taken) <= 6
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_unanswered_publishes_fail_at_once_and_a_resend_keeps_the_order_without_repeats(
    own_server: NatsServer, own_bus: Bus
) -> None:
    padding = b" " * 4096  # enough of it that the sockets do not take it all

    async with own_bus.pipeline() as pipeline:

        async def send(first: int, count: int) -> list[asyncio.Future[int]]:
            return [
                await pipeline.send(SUBJECT, str(number).encode() + padding, {"Nats-Msg-Id": str(number)})
                for number in range(first, first + count)
            ]

        assert await asyncio.gather(*await send(0, 200)) == list(range(1, 201))
        os.kill(own_server.pid, signal.SIGSTOP)
        unanswered = await send(200, 1800)
        await eventually(lambda: own_bus.connection.client.pending_data_size > 0)
        own_server.kill()
        outcomes = await asyncio.wait_for(asyncio.gather(*unanswered, return_exceptions=True), 30)
        assert all(isinstance(outcome, BusUnavailable) for outcome in outcomes)
        with pytest.raises(BusUnavailable, match="connection is down"):
            await send(0, 1)
        await own_server.wait()
        await own_server.start()
        await eventually(lambda: own_bus.is_connected)
        sequences = await asyncio.wait_for(asyncio.gather(*await send(0, 2000)), 30)
        assert sequences == list(range(1, 2001))
    assert await stored(own_bus) == list(range(2000))


async def test_an_outage_is_logged_once_however_many_addresses_are_tried(
    own_server: NatsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    port = own_server.port
    url = ",".join(f"nats://{host}:{port}" for host in ("localhost", "127.0.0.1", "127.0.0.2", "127.0.0.3"))
    async with connect_bus(url, name="test", subjects=SUBJECTS) as bus:
        outage = bus.connection.outage
        capsys.readouterr()
        await crash(own_server)
        await eventually(lambda: outage._tries > 30, 20)
        await own_server.start()
        await eventually(lambda: bus.is_connected)
        await eventually(lambda: not outage.is_on)
    lines = [line for line in capsys.readouterr().out.splitlines() if "[debug" not in line]
    assert [line.split("] ")[1].partition("  ")[0] for line in lines] == [
        "nats unavailable",
        "nats available again",
    ], lines


async def test_a_connection_that_breaks_while_it_is_written_to_is_one_outage(
    nats_url: str, namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with connect_bus(nats_url, name="test", subjects=Subjects(namespace)) as bus:
        mended = asyncio.Event()
        bus.connection.on_reconnect(mended.set)
        capsys.readouterr()
        with mock.patch.object(
            bus.connection.client._transport, "drain", side_effect=ConnectionResetError("Connection lost")
        ):
            await bus.connection.client.publish("x", b"")
            await eventually(lambda: bus.connection.outage.is_on or not bus.is_connected)
        await asyncio.wait_for(mended.wait(), 30)
        await eventually(lambda: not bus.connection.outage.is_on)
    lines = [line for line in capsys.readouterr().out.splitlines() if "[debug" not in line]
    assert [line.split("] ")[1].partition("  ")[0] for line in lines] == [
        "nats unavailable",
        "nats available again",
    ], lines
