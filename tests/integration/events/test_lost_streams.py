"""Streams and buckets that are deleted while they are in use come back, and all who use them go on."""

import asyncio
import contextlib
import dataclasses
import functools
import shutil

import pytest
from support.eventually import eventually
from support.outages import crash
from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bucket, Bus, ConsumerTerms, QueuedMessage, connect_bus
from webjobs_events.jetstream.stream_watch import MISSING
from webjobs_events.jetstream.streams import stream_configs
from webjobs_events.subjects import Subjects
from webjobs_stack.nats_server import NatsServer

SUBJECTS = Subjects()
EVERY_STREAM = sorted(str(config.name) for config in stream_configs(SUBJECTS))


async def delete(bus: Bus, *streams: str) -> None:
    for stream in streams:
        await bus.connection.js.delete_stream(stream)


async def until_published(bus: Bus, subject: str, data: bytes = b"x") -> int:
    async def published() -> int | None:
        with contextlib.suppress(BusUnavailable):
            return await bus.publish(subject, data)
        return None

    sequence = await eventually(published)
    assert sequence is not None
    return sequence


async def test_every_deleted_stream_is_made_anew_as_it_was_and_reported(
    bus: Bus, capsys: pytest.CaptureFixture[str]
) -> None:
    every = sorted(bus.streams._configs)
    assert len(every) == len(EVERY_STREAM)
    before = {name: await bus.connection.js.stream_info(name) for name in every}
    replaced: list[str] = []
    for name in every:
        bus.streams.on_replaced(name, functools.partial(replaced.append, name))
    await eventually(lambda: len(bus.streams._last_seen) == len(every))
    await delete(bus, *every)  # nothing uses them: the watch finds it by itself
    await eventually(lambda: sorted(replaced) == every)
    said = capsys.readouterr().out
    for name in every:
        after = await bus.connection.js.stream_info(name)
        assert after.created != before[name].created
        after.config.first_seq = before[name].config.first_seq
        assert after.config == before[name].config
        assert f"stream={name}" in said
    assert said.count("stream is missing; what it held is lost") == len(every)
    assert bus.streams.problem() is None


async def test_a_stream_that_cannot_be_made_is_a_problem_until_it_is_there(bus: Bus) -> None:
    stream, configs = bus.subjects.events_stream, bus.streams._configs
    await eventually(lambda: stream in bus.streams._last_seen)
    before = MISSING._value.get()
    config, taken = configs[stream], configs[bus.subjects.logs_stream].subjects
    configs[stream] = dataclasses.replace(config, subjects=taken)  # nats-server refuses such a stream
    await delete(bus, stream)
    problem = await eventually(
        lambda: "subjects overlap" in str(bus.streams.problem()) and bus.streams.problem()
    )
    assert stream in problem
    assert MISSING._value.get() == before + 1
    configs[stream] = config
    await eventually(lambda: bus.streams.problem() is None)
    assert MISSING._value.get() == before
    await until_published(bus, bus.subjects.all_events.replace(">", "a.b.c"))


async def test_sequences_go_on_above_those_of_the_lost_stream(bus: Bus) -> None:
    subject = bus.subjects.all_events.replace(">", "a.b.c")
    before = [await bus.publish(subject, b"x") for _ in range(3)][-1]
    await delete(bus, bus.subjects.events_stream)
    assert await until_published(bus, subject) > before


@pytest.mark.parametrize("made_by", ["us", "an operator"])
async def test_a_reader_goes_on_with_the_first_message_of_the_new_stream(bus: Bus, made_by: str) -> None:
    stream, subject = bus.subjects.events_stream, bus.subjects.all_events.replace(">", "a.b.c")
    seen: list[bytes] = []
    replaced: list[int] = []

    async def read() -> None:
        async with bus.read_stream(stream) as reader:
            reader.on_replaced = lambda: replaced.append(len(seen))
            async for batch in reader.batches():
                seen.extend(message.data for message in batch)

    task = asyncio.create_task(read())
    try:
        for number in range(50):
            await bus.publish(subject, str(number).encode())
        await eventually(lambda: len(seen) == 50)
        await _replace(bus, stream, made_by)
        for number in range(50, 60):
            await until_published(bus, subject, str(number).encode())
        await eventually(lambda: len(seen) == 60)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert seen == [str(number).encode() for number in range(60)]
    assert replaced == [50]


async def _replace(bus: Bus, stream: str, made_by: str) -> None:
    """Delete a stream; an operator makes it anew at once, with sequences from 1 on."""
    config = bus.streams._configs[stream]
    await delete(bus, stream)
    if made_by == "an operator":
        with contextlib.suppress(Exception):  # the watch may be faster
            await bus.connection.js.add_stream(config)


@pytest.mark.parametrize("made_by", ["us", "an operator"])
async def test_a_mirror_that_restores_keeps_the_entries_and_follows_the_new_bucket(
    bus: Bus, made_by: str
) -> None:
    told: list[tuple[str, bytes | None]] = []
    for name in "abc":
        await bus.jobs.put(f"triggered.{name}", name.encode())
    await bus.jobs.delete("triggered.c")
    async with bus.jobs.mirror(
        lambda key, entry: told.append((key, entry and entry.value)), restore=True
    ) as mirror:
        assert sorted(mirror.entries) == ["triggered.a", "triggered.b"]
        told.clear()
        await _replace(bus, bus.jobs.stream, made_by)

        async def is_restored() -> bool:
            with contextlib.suppress(BusUnavailable):
                found = [await bus.jobs.get(f"triggered.{name}") for name in "abc"]
                return [entry and entry.value for entry in found] == [b"a", b"b", None]
            return False

        await eventually(is_restored)
        revision = await bus.jobs.put("triggered.d", b"d")
        await asyncio.wait_for(mirror.reached(revision), 30)
        assert {key: entry.value for key, entry in mirror.entries.items()} == {
            "triggered.a": b"a",
            "triggered.b": b"b",
            "triggered.d": b"d",
        }
        for key, entry in mirror.entries.items():
            assert await bus.jobs.get(key) == entry
    assert told == [("triggered.d", b"d")]  # what was written again has not changed


async def test_what_others_wrote_or_removed_in_the_new_bucket_is_not_overwritten(bus: Bus) -> None:
    for name in "abc":
        await bus.jobs.put(f"triggered.{name}", b"old")
    async with bus.jobs.mirror(restore=True) as mirror:
        config = bus.streams._configs[bus.jobs.stream]
        await delete(bus, bus.jobs.stream)
        with contextlib.suppress(Exception):
            await bus.connection.js.add_stream(config)
        await asyncio.gather(
            _until_put(bus.jobs, "triggered.a", b"new"), _until_removed(bus.jobs, "triggered.b")
        )

        def is_settled() -> bool:
            found = {key: entry.value for key, entry in mirror.entries.items()}
            return found == {"triggered.a": b"new", "triggered.c": b"old"}

        await eventually(is_settled)


async def _until_put(bucket: Bucket, key: str, value: bytes) -> None:
    async def put() -> bool:
        with contextlib.suppress(BusUnavailable):
            return bool(await bucket.put(key, value))
        return False

    await eventually(put)


async def _until_removed(bucket: Bucket, key: str) -> None:
    async def removed() -> bool:
        with contextlib.suppress(BusUnavailable):
            return bool(await bucket.delete(key))
        return False

    await eventually(removed)


async def test_a_mirror_that_does_not_restore_drops_what_nobody_wrote_again(
    bus: Bus, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("webjobs_events.jetstream.mirror._GRACE_SECONDS", 1.0)
    told: list[tuple[str, bytes | None]] = []
    for name in ("kept", "gone"):
        await bus.settings.put(name, b"1")
    async with bus.settings.mirror(lambda key, entry: told.append((key, entry and entry.value))) as mirror:
        told.clear()
        await delete(bus, bus.settings.stream)
        await _until_put(bus.settings, "kept", b"1")
        assert mirror.get("gone") is not None
        await eventually(lambda: mirror.get("gone") is None)
        assert list(mirror.entries) == ["kept"] and told == [("gone", None)]
    said = capsys.readouterr().out
    assert "entries lost with their bucket" in said and "gone" in said


async def test_nobody_waits_for_a_revision_of_a_lost_bucket(bus: Bus) -> None:
    async with bus.jobs.mirror() as mirror:
        await asyncio.wait_for(mirror.reached(10_000_000_000), 30)


@pytest.mark.parametrize("lost", ["the consumer", "the stream"])
async def test_a_queue_takes_messages_again_when_what_it_stands_on_was_deleted(bus: Bus, lost: str) -> None:
    taken: list[QueuedMessage] = []
    stream, subject = bus.subjects.published_stream, bus.subjects.published("PostDeployment")
    queue = bus.subscription(
        stream,
        durable="test",
        filters=[subject],
        terms=ConsumerTerms(),
        room=lambda: 10,
        on_message=taken.append,
    )
    task = asyncio.create_task(queue.run())
    try:
        await bus.publish(subject, b"1")
        await eventually(lambda: len(taken) == 1)
        assert await taken[0].done()
        if lost == "the stream":
            await delete(bus, stream)
        else:
            await bus.connection.js.delete_consumer(stream, "test")
        await until_published(bus, subject, b"2")
        await eventually(lambda: taken[-1].data == b"2")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_nothing_is_said_about_an_object_while_its_store_does_not_exist(bus: Bus) -> None:
    await bus.packages.exists("x")  # opens the store
    bus.streams._configs.clear()  # let it be missing
    await delete(bus, f"OBJ_{bus.subjects.packages_bucket}")
    for question in (bus.packages.exists("x"), bus.packages.listed()):
        with pytest.raises(BusUnavailable, match="does not exist"):
            await question


async def test_streams_deleted_while_nats_was_away_are_made_at_the_reconnection(
    own_server: NatsServer, own_bus: Bus
) -> None:
    async with own_bus.jobs.mirror(restore=True) as mirror:
        revision = await own_bus.jobs.put("triggered.a", b"1")
        await mirror.reached(revision)
        await crash(own_server)
        shutil.rmtree(own_server.store_dir / "jetstream")
        await own_server.start()
        await until_published(own_bus, "webjobs.events.a.b.c")

        async def is_there() -> bool:
            async with connect_bus(own_server.url, name="other", subjects=SUBJECTS) as other:
                entry = await other.jobs.get("triggered.a")
                return entry is not None and entry.value == b"1"

        await eventually(is_there)
