"""A server of three is killed under load: nothing is lost or doubled, everything goes on without it."""

import asyncio
import contextlib
import io
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest_asyncio
from nats.js.api import StreamInfo
from support.eventually import eventually, pause
from support.nats_cluster import NatsCluster, run_nats_cluster
from webjobs_events.errors import BusUnavailable, CommandRefused, RevisionConflict
from webjobs_events.jetstream import Bus, QueuedMessage, connect_bus
from webjobs_events.jetstream.streams import stream_configs
from webjobs_events.subjects import Subjects

SUBJECTS = Subjects()
BEFORE, AFTER = 20, 10  # messages and writes of each kind
LARGE = bytes(range(256)) * 4 * 4096  # 4 MiB
_RETRY_DELAY = 0.05  # seconds


@pytest_asyncio.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[NatsCluster]:
    async with run_nats_cluster(tmp_path) as running:
        yield running


class Load:
    """Publishes, counts in a key, and takes commands; what fails is tried again as the services do."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.published = self.counted = self.commanded = 0
        self.taken: Counter[str] = Counter()
        self.read: list[int] = []
        self._settling: set[asyncio.Task[None]] = set()

    async def publish(self) -> None:
        while True:
            with contextlib.suppress(BusUnavailable):
                subject = f"webjobs.events.test.{self.published}.a"
                await self._bus.publish(subject, b"", message_id=str(self.published))
                self.published += 1
            await pause(_RETRY_DELAY, "the pace of the load")

    async def count(self) -> None:
        """Each step on condition of the one before: a write that is not acknowledged is looked for."""
        while True:
            with contextlib.suppress(BusUnavailable, RevisionConflict):
                entry = await self._bus.leases.get("counter")
                if entry is None:
                    await self._bus.leases.create("counter", b"1")
                elif int(entry.value) == self.counted:
                    await self._bus.leases.update("counter", b"%d" % (self.counted + 1), entry.revision)
                else:
                    assert int(entry.value) == self.counted + 1
                    self.counted += 1
            await pause(_RETRY_DELAY, "the pace of the load")

    async def command(self) -> None:
        while True:
            with contextlib.suppress(BusUnavailable):
                subject = f"webjobs.commands.triggered.test.run.{self.commanded}"
                with contextlib.suppress(CommandRefused):  # it was stored, but not acknowledged
                    await self._bus.publish(subject, b"", message_id=subject)
                self.commanded += 1
            await pause(_RETRY_DELAY, "the pace of the load")

    async def take(self) -> None:
        queue = self._bus.work_queue(
            durable="test",
            filters=["webjobs.commands.triggered.*.run.*"],
            room=lambda: 4,
            on_message=self._taken,
        )
        await queue.run()

    def _taken(self, message: QueuedMessage) -> None:
        self.taken[message.subject] += 1
        task = asyncio.ensure_future(self._settle(message))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def _settle(self, message: QueuedMessage) -> None:
        await message.done()

    async def follow(self) -> None:
        async for batch in self._bus.read_stream(SUBJECTS.events_stream).batches():
            self.read += [message.sequence for message in batch]

    def has_done(self, count: int) -> bool:
        done = (self.published, self.counted, len(self.taken), len(self.read))
        return all(number >= count for number in done)


@contextlib.asynccontextmanager
async def under_load(bus: Bus) -> AsyncIterator[Load]:
    load = Load(bus)
    loops = [load.publish(), load.count(), load.command(), load.take(), load.follow()]
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield load
    finally:
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(result, asyncio.CancelledError), result


async def is_done(step: Awaitable[object]) -> bool:
    """Whether a step could be done; callers do it again when NATS did not answer."""
    try:
        await step
    except BusUnavailable:
        return False
    return True


async def test_a_killed_server_loses_and_doubles_nothing(cluster: NatsCluster, tmp_path: Path) -> None:
    async with connect_bus(cluster.url, name="test", subjects=SUBJECTS, replicas=3) as bus:
        await bus.packages.put("before", io.BytesIO(LARGE))
        async with under_load(bus) as load:
            await eventually(lambda: load.has_done(BEFORE))
            killed = await cluster.leader_of(SUBJECTS.events_stream)
            await killed.kill()
            done = max(load.published, load.counted, len(load.taken))
            await eventually(lambda: load.has_done(done + AFTER))
            # The stream of packages may still be choosing another leader.
            await eventually(lambda: is_done(bus.packages.fetch("before", tmp_path / "before")))
            await eventually(lambda: is_done(bus.packages.put("after", io.BytesIO(LARGE))))
            await cluster.restart(killed)
            await eventually(lambda: load.has_done(done + 2 * AFTER))
        await bus.packages.fetch("after", tmp_path / "after")
        assert (tmp_path / "before").read_bytes() == (tmp_path / "after").read_bytes() == LARGE
        await everything_is_there_once(bus, load)
        await eventually(lambda: is_whole(cluster), 60)


async def everything_is_there_once(bus: Bus, load: Load) -> None:
    stored = [
        message.subject
        async for batch in bus.stored(SUBJECTS.events_stream, ["webjobs.events.test.>"])
        for message in batch
    ]
    assert len(stored) - load.published in (0, 1)  # the last one was stopped before its acknowledgement
    assert stored == [f"webjobs.events.test.{number}.a" for number in range(len(stored))]
    assert load.read == sorted(set(load.read))
    expected = {f"webjobs.commands.triggered.test.run.{number}" for number in range(load.commanded)}
    waiting = await bus.pending_subjects(["webjobs.commands.triggered.*.run.*"])
    assert expected <= load.taken.keys() | set(waiting)


async def is_whole(cluster: NatsCluster) -> bool:
    """Whether every stream is on all servers, all of them up to date."""
    names = [str(config.name) for config in stream_configs(SUBJECTS)]
    infos = await asyncio.gather(*(cluster.info(name) for name in names))
    return all(_is_current(info) for info in infos)


def _is_current(info: StreamInfo) -> bool:
    assert info.cluster is not None
    others = info.cluster.replicas or []
    return len(others) == 2 and all(other.current for other in others)
