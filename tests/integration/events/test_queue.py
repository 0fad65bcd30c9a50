"""The work queue: no more than there is room for, and nothing kept by those who leave."""

import asyncio
import time

import pytest
from support.commands import run_command
from support.eventually import eventually
from webjobs_events.jetstream import Bus, QueuedMessage


async def test_a_broken_connection_alone_brings_a_queue_no_more_than_it_has_room_for(bus: Bus) -> None:
    taken: list[QueuedMessage] = []
    queue = bus.work_queue(
        durable="runs",
        filters=bus.subjects.run_commands,
        room=lambda: 3 - len(taken),
        on_message=taken.append,
    )
    task = asyncio.create_task(queue.run())
    try:
        await bus.publish_command(run_command("first"))
        await eventually(lambda: len(taken) == 1)
        for _ in range(2):
            reconnected = asyncio.Event()
            unhook = bus.connection.on_reconnect(reconnected.set)
            bus.connection.client._transport.close()  # type: ignore[union-attr]
            await asyncio.wait_for(reconnected.wait(), 30)
            unhook()
        for number in range(9):
            await bus.publish_command(run_command(f"job{number}"))
        await eventually(lambda: len(taken) == 3)
        await bus.connection.client.flush()
        assert len(taken) == 3
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_arrives_at_a_queue_that_stops_is_handed_back_at_once(bus: Bus) -> None:
    first: list[QueuedMessage] = []
    second: list[QueuedMessage] = []

    def queue(taken: list[QueuedMessage]) -> "asyncio.Task[None]":
        return asyncio.create_task(
            bus.work_queue(
                durable="runs",
                filters=bus.subjects.run_commands,
                room=lambda: 100,
                on_message=taken.append,
            ).run()
        )

    leaving = queue(first)
    await bus.publish_command(run_command("job0"))
    await eventually(lambda: bool(first))
    publishing = asyncio.gather(
        *(bus.publish_command(run_command(f"job{number}")) for number in range(1, 60))
    )
    await eventually(lambda: len(first) > 1, 30, interval=0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    await publishing
    staying = queue(second)
    try:
        await eventually(lambda: len({message.sequence for message in first + second}) == 60)
    finally:
        staying.cancel()
        await asyncio.gather(staying, return_exceptions=True)
    assert len(second) == 60 - len(first)


async def test_a_message_that_nobody_keeps_is_handed_out_again(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webjobs_events.jetstream.queue.ACK_WAIT", 0.6)
    taken: list[QueuedMessage] = []
    queue = bus.work_queue(
        durable="runs", filters=bus.subjects.run_commands, room=lambda: 1, on_message=taken.append
    )
    task = asyncio.create_task(queue.run())
    try:
        await bus.publish_command(run_command())
        await eventually(lambda: len(taken) == 1)
        kept_until = time.monotonic() + 1.2

        async def kept_long_enough() -> bool:
            await taken[0].keep()
            return time.monotonic() > kept_until

        await eventually(kept_long_enough, 30, interval=0.1)
        assert len(taken) == 1
        await eventually(lambda: len(taken) == 2)
        assert [message.delivered for message in taken] == [1, 2]
        await taken[1].give_back(0)
        await eventually(lambda: len(taken) == 3)
        await taken[2].refuse()
        await eventually(lambda: _is_empty(bus))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _is_empty(bus: Bus) -> bool:
    return not await bus.pending_subjects(bus.subjects.run_commands)
