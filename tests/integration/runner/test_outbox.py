"""Events on their way to the stream: none lost, none twice, over kills and outages."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from nats.js import api
from support.eventually import eventually, pause
from webjobs_events.events import ContinuousStarting, Event, RunAborted, RunInitializing, RunRunning
from webjobs_events.jetstream import Bus, connect_bus
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobName
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Reason
from webjobs_runner.outbox import Outbox
from webjobs_stack.nats_server import NatsServer, run_nats_server

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

# Adds events as fast as it can, and says which ones it has added.
WRITER = """
import asyncio, sys
from pathlib import Path
from integration.runner.test_outbox import step
from webjobs_events.jetstream import connect_bus
from webjobs_events.subjects import Subjects
from webjobs_runner.outbox import Outbox

async def main(url, namespace, journal, first):
    async with connect_bus(url, name='writer', subjects=Subjects(namespace)) as bus:
        async with Outbox(bus, Path(journal)) as outbox:
            shipping = asyncio.create_task(outbox.run())
            number = int(first)
            while True:
                outbox.add(step(number))
                sys.stdout.write(f'{number}\\n')
                sys.stdout.flush()
                number += 1
                await asyncio.sleep(0)

asyncio.run(main(*sys.argv[1:]))
"""


def step(number: int, job: str = "job") -> ContinuousStarting:
    return ContinuousStarting(
        at=NOW, instance="aaaaaa", boot="1", sequence=number, job_name=JobName(job), digest="d"
    )


def run_event(event_type: type[RunInitializing], **facts: object) -> Event:
    return event_type(
        at=NOW,
        instance="aaaaaa",
        job_name=JobName("job"),
        run_id=RunId("202611220900000000"),
        trigger="Test",
        digest="d",
        requested_at=NOW,
        **facts,  # type: ignore[arg-type]
    )


@pytest.fixture
async def forgetful(bus: Bus) -> Bus:
    """A bus whose stream of events forgets at once which messages it has had."""
    await forget_duplicates(bus)
    return bus


async def forget_duplicates(bus: Bus) -> None:
    stream = bus.subjects.events_stream
    config = (await bus.connection.js.stream_info(stream)).config
    await bus.connection.js.update_stream(api.StreamConfig(**{**config.__dict__, "duplicate_window": 0.1}))


@asynccontextmanager
async def shipping(bus: Bus, journal: Path) -> AsyncIterator[Outbox]:
    async with Outbox(bus, journal) as outbox:
        task = asyncio.create_task(outbox.run())
        try:
            yield outbox
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def stored(bus: Bus) -> list[str]:
    batches = bus.stored(bus.subjects.events_stream, [])
    return [message.headers["ce-id"] async for batch in batches for message in batch]


def ids(numbers: range) -> list[str]:
    return [step(number).event_id for number in numbers]


async def test_events_are_stored_in_the_order_of_their_adding(bus: Bus, tmp_path: Path) -> None:
    async with shipping(bus, tmp_path / "outbox.jsonl") as outbox:
        futures = [outbox.add(step(number)) for number in range(1000)]
        assert await outbox.drained(10)
        assert [future.result() for future in futures] == list(range(1, 1001))
    assert await stored(bus) == ids(range(1000))
    assert (tmp_path / "outbox.jsonl").read_bytes() == b""


async def test_a_killed_writer_loses_no_event_and_repeats_none(
    forgetful: Bus, nats_url: str, tmp_path: Path
) -> None:
    journal = tmp_path / "outbox.jsonl"
    added = 0
    for lines in (1, 40, 300):
        told = await asyncio.to_thread(write_and_be_killed, forgetful, nats_url, journal, added, lines)
        async with shipping(forgetful, journal) as outbox:
            assert await outbox.drained(10)
        found = await stored(forgetful)
        assert found in (ids(range(told + 1)), ids(range(told + 2)))  # one more may be added and not told
        added = len(found)


def write_and_be_killed(bus: Bus, nats_url: str, journal: Path, first: int, lines: int) -> int:
    """Let a process of its own add events from `first` on, and kill it; answers the last one it told."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    arguments = (nats_url, bus.subjects.namespace, str(journal), str(first))
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, *arguments], stdout=subprocess.PIPE, env=environment
    ) as writer:
        assert writer.stdout is not None
        told = [writer.stdout.readline() for _ in range(lines)]
        writer.send_signal(signal.SIGKILL)
        told += writer.stdout.read().splitlines(keepends=True)
    return int([line for line in told if line.endswith(b"\n")][-1])


async def test_a_line_cut_short_by_a_kill_does_not_spoil_the_next_one(bus: Bus, tmp_path: Path) -> None:
    journal = tmp_path / "outbox.jsonl"
    async with Outbox(bus, journal) as outbox:
        outbox.add(step(1))
        outbox.add(step(2))
    journal.write_bytes(journal.read_bytes()[:-20])
    async with Outbox(bus, journal) as outbox:
        outbox.add(step(3))
    async with shipping(bus, journal) as outbox:
        assert await outbox.drained(10)
    assert await stored(bus) == [step(1).event_id, step(3).event_id]


async def test_what_is_stored_already_is_found_among_the_events_of_others(
    forgetful: Bus, tmp_path: Path
) -> None:
    """Another runner's event on the same subject hides ours from a look at the newest one."""
    journal = tmp_path / "outbox.jsonl"
    async with shipping(forgetful, journal) as outbox:
        outbox.add(step(1))
        outbox.add(step(2))
        kept = journal.read_bytes()
        assert await outbox.drained(10)
    other = ContinuousStarting(
        at=NOW, instance="bbbbbb", boot="1", sequence=1, job_name=JobName("job"), digest="d"
    )
    await forgetful.publish_event(other)
    await pause(0.15, "the stream forgets the ids of messages after 0.1 s")
    journal.write_bytes(kept)  # as if the kill had come before the acknowledgement
    async with shipping(forgetful, journal) as outbox:
        outbox.add(step(3))
        assert await outbox.drained(10)
    assert await stored(forgetful) == [*ids(range(1, 3)), other.event_id, step(3).event_id]


async def test_steps_of_a_run_that_somebody_else_has_ended_are_not_told_any_more(
    bus: Bus, tmp_path: Path
) -> None:
    journal = tmp_path / "outbox.jsonl"
    first = run_event(RunInitializing)
    end = run_event(RunAborted, started_at=None, reason=Reason.RUNNER_LOST)  # type: ignore[arg-type]
    async with Outbox(bus, journal) as outbox:
        outbox.add(first)
        outbox.add(run_event(RunRunning, script="run.sh"))  # type: ignore[arg-type]
    await bus.publish_event(first)
    await bus.publish_event(end)
    async with shipping(bus, journal) as outbox:
        assert await outbox.drained(10)
    assert await stored(bus) == [first.event_id, end.event_id]


async def test_events_outlive_crashes_of_nats(namespace: str, tmp_path: Path) -> None:
    async with (
        run_nats_server(tmp_path / "nats") as server,
        connect_bus(server.url, name="test", subjects=Subjects(namespace)) as bus,
    ):
        await forget_duplicates(bus)
        async with shipping(bus, tmp_path / "outbox.jsonl") as outbox, asyncio.TaskGroup() as group:
            futures: list[asyncio.Future[int]] = []
            group.create_task(add_steadily(outbox, 1500, futures))
            for number in (200, 700):
                await eventually(lambda number=number: len(futures) > number and futures[number].done())
                await crash(server)
            await eventually(lambda: len(futures) == 1500)
            assert await outbox.drained(15)
        assert await stored(bus) == ids(range(1500))


async def add_steadily(outbox: Outbox, count: int, futures: "list[asyncio.Future[int]]") -> None:
    for number in range(count):
        futures.append(outbox.add(step(number)))
        await pause(0.001, "the pace of the events")


async def crash(server: NatsServer) -> None:
    server.kill()
    await server.wait()
    await server.start()


async def test_a_full_disk_keeps_no_event_from_the_stream(
    bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "outbox.jsonl"
    async with Outbox(bus, journal) as outbox:
        outbox.add(step(1))
        with monkeypatch.context() as full_disk:
            full_disk.setattr(os, "write", half_a_write)
            outbox.add(step(2))
        outbox.add(step(3))
        kept = journal.read_bytes()
        task = asyncio.create_task(outbox.run())
        assert await outbox.drained(10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await stored(bus) == ids(range(1, 4))
    assert kept.count(b"\n") == 3  # the one the disk refused is not glued to the next, and comes before it


def half_a_write(descriptor: int, data: bytes) -> int:
    os.pwrite(descriptor, data[: len(data) // 2], os.fstat(descriptor).st_size)
    return len(data) // 2


async def test_a_large_backlog_is_written_down_once_and_not_again_and_again(bus: Bus, tmp_path: Path) -> None:
    journal = tmp_path / "outbox.jsonl"
    async with shipping(bus, journal) as outbox:
        for number in range(8000):
            outbox.add(step(number))
        assert journal.stat().st_size > 4 * 1024 * 1024
        assert await outbox.drained(30)
    assert await stored(bus) == ids(range(8000))
