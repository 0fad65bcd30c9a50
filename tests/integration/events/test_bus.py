"""The vocabulary on a real nats-server: one test for each promise the services build on."""

import asyncio
import contextlib
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.eventually import eventually
from webjobs_events.commands import RunTriggeredJob, decode_command
from webjobs_events.errors import BusUnavailable, CommandRefused, RevisionConflict
from webjobs_events.events import RunInitializing, RunRunning
from webjobs_events.jetstream import (
    Bus,
    ObjectNotFound,
    QueryRefused,
    QueuedMessage,
    connect_bus,
)
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunId

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
async def bus(nats_url: str, namespace: str):
    async with connect_bus(nats_url, name="test", subjects=Subjects(namespace)) as connected:
        yield connected


def run_command(number: int, job: str = "hello") -> RunTriggeredJob:
    return RunTriggeredJob(
        command_id=f"c{number}",
        job_type=JobType.TRIGGERED,
        job_name=JobName(job),
        requested_at=NOW,
        requested_by="test",
        run_id=RunId(f"20260102030405{number:04d}"),
    )


def initializing(number: int) -> RunInitializing:
    return RunInitializing(
        at=NOW,
        instance="abcdef",
        job_name=JobName("hello"),
        run_id=RunId(f"20260102030405{number:04d}"),
        trigger="test",
        digest="d",
        requested_at=NOW,
    )


async def test_a_second_unfinished_command_of_a_job_is_refused(bus: Bus) -> None:
    await bus.publish_command(run_command(1))
    with pytest.raises(CommandRefused):
        await bus.publish_command(run_command(2))
    await bus.publish_command(run_command(3, job="other"))


async def test_a_finished_command_frees_its_subject(bus: Bus) -> None:
    taken: list[QueuedMessage] = []
    queue = bus.work_queue(
        durable="runs", filters=bus.subjects.run_commands, room=lambda: 8, on_message=taken.append
    )
    task = asyncio.create_task(queue.run())
    await bus.publish_command(run_command(1))
    await eventually(lambda: len(taken) == 1)
    assert decode_command(taken[0].subject, taken[0].data) == run_command(1)
    with pytest.raises(CommandRefused):
        await bus.publish_command(run_command(2))
    assert await taken[0].done()
    await bus.publish_command(run_command(2))
    await eventually(lambda: len(taken) == 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_withdrawn_command_is_gone(bus: Bus) -> None:
    sequence = await bus.publish_command(run_command(1))
    subject = bus.subjects.command(JobType.TRIGGERED, "hello", "run")
    assert await bus.pending_subjects(bus.subjects.run_commands) == [subject]
    assert await bus.withdraw_command(sequence)
    assert not await bus.withdraw_command(sequence)
    assert await bus.pending_command(subject) is None


async def test_pending_commands_are_read_oldest_first_however_many_there_are(bus: Bus) -> None:
    pattern = bus.subjects.commands_of(JobType.TRIGGERED, "*")
    assert await bus.pending_commands(pattern) == []
    names = [f"job{number}" for number in range(1100)]
    commands = (run_command(number, name) for number, name in enumerate(names))
    await asyncio.gather(*(bus.publish_command(command) for command in commands))
    found = await bus.pending_commands(pattern)
    assert [message.sequence for message in found] == sorted(message.sequence for message in found)
    assert {decode_command(each.subject, each.data).job_name for each in found} == set(names)
    (one,) = await bus.pending_commands(bus.subjects.commands_of(JobType.TRIGGERED, "job7"))
    assert decode_command(one.subject, one.data).job_name == "job7"
    assert await bus.pending_commands(bus.subjects.commands_of(JobType.CONTINUOUS, "*")) == []


async def test_pages_hold_all_that_is_stored_from_a_sequence_on(bus: Bus) -> None:
    stream, pattern = bus.subjects.events_stream, bus.subjects.all_events
    assert [page async for page in bus.pages_from(stream, pattern)] == []
    sequences = [await bus.publish_event(initializing(number)) for number in range(1, 6)]
    pages = bus.pages_from(stream, pattern, start_sequence=sequences[0], count=2)
    assert [[message.sequence for message in page] async for page in pages] == [
        sequences[:2], sequences[2:4], sequences[4:]
    ]  # fmt: skip
    (page,) = [page async for page in bus.pages_from(stream, pattern, start_sequence=sequences[3])]
    assert [message.sequence for message in page] == sequences[3:]


async def test_a_repeated_event_is_stored_once(bus: Bus) -> None:
    first = await bus.publish_event(initializing(1))
    assert await bus.publish_event(initializing(1)) == first
    assert await bus.last_sequence(bus.subjects.events_stream) == first


async def test_a_subscriber_sees_every_event_in_order_from_the_first(bus: Bus) -> None:
    async with bus.pipeline() as pipeline:
        from webjobs_events.envelope import encode_event

        futures = []
        for number in range(2500):
            headers, data = encode_event(initializing(number))
            futures.append(await pipeline.send(initializing(number).subject(bus.subjects), data, headers))
        await asyncio.gather(*futures)
    seen = []
    async for sequence, event in bus.subscribe_events():
        assert isinstance(event, RunInitializing)
        seen.append((sequence, int(event.run_id[14:])))
        if len(seen) == 2500:
            break
    assert seen == [(number + 1, number) for number in range(2500)]


async def test_a_reader_can_begin_anywhere_and_goes_on_live(bus: Bus) -> None:
    for number in range(5):
        await bus.publish_event(initializing(number))
    reader = bus.read_stream(bus.subjects.events_stream, start_sequence=4)
    got: list[int] = []

    async def read() -> None:
        async for batch in reader.batches():
            got.extend(message.sequence for message in batch)

    task = asyncio.create_task(read())
    await eventually(lambda: got == [4, 5])
    await bus.publish_event(
        RunRunning(
            at=NOW,
            instance="abcdef",
            job_name=JobName("hello"),
            run_id=RunId("202601020304050001"),
            trigger="test",
            digest="d",
            requested_at=NOW,
            script="run.sh",
        )
    )
    await eventually(lambda: got == [4, 5, 6])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_bucket_writes_are_compared_and_set(bus: Bus) -> None:
    first = await bus.jobs.create("triggered.a", b"1")
    with pytest.raises(RevisionConflict):
        await bus.jobs.create("triggered.a", b"2")
    second = await bus.jobs.update("triggered.a", b"2", first)
    with pytest.raises(RevisionConflict):
        await bus.jobs.update("triggered.a", b"3", first)
    entry = await bus.jobs.get("triggered.a")
    assert entry is not None and (entry.value, entry.revision) == (b"2", second)
    await bus.jobs.delete("triggered.a")
    assert await bus.jobs.get("triggered.a") is None
    await bus.jobs.create("triggered.a", b"again")


async def test_a_lease_expires_and_its_watchers_are_told(bus: Bus) -> None:
    async with bus.leases.mirror() as mirror:
        await bus.leases.create("instance.abcdef", b"x", ttl=1)
        await eventually(lambda: mirror.get("instance.abcdef") is not None)
        await eventually(lambda: mirror.get("instance.abcdef") is None)
    await bus.leases.create("instance.abcdef", b"y", ttl=1)


async def test_a_mirror_is_complete_when_entered_and_follows(bus: Bus) -> None:
    await bus.jobs.put("triggered.a", b"1")
    revision = await bus.jobs.put("triggered.b", b"2")
    async with bus.jobs.mirror() as mirror:
        assert {key: entry.value for key, entry in mirror.entries.items()} == {
            "triggered.a": b"1",
            "triggered.b": b"2",
        }
        revision = await bus.jobs.put("triggered.a", b"3")
        await asyncio.wait_for(mirror.reached(revision), 30)
        changed = mirror.get("triggered.a")
        assert changed is not None and changed.value == b"3"
        await asyncio.wait_for(mirror.reached(await bus.jobs.delete("triggered.b")), 30)
        assert mirror.get("triggered.b") is None


async def test_settings_of_the_bucket_beat_the_environment(bus: Bus) -> None:
    environment = {"WEBJOBS_RESTART_TIME": "5", "WEBJOBS_STOPPED": "0"}
    async with bus.live_settings(environment) as settings:
        assert settings.number("WEBJOBS_RESTART_TIME", 60) == 5
        await bus.settings.put("WEBJOBS_RESTART_TIME", b"7")
        await bus.settings.put("WEBJOBS_STOPPED", b"1")
        await eventually(lambda: settings.flag("WEBJOBS_STOPPED"))
        assert settings.number("WEBJOBS_RESTART_TIME", 60) == 7
        await bus.settings.put("WEBJOBS_RESTART_TIME", b"soon")
        await eventually(lambda: settings.number("WEBJOBS_RESTART_TIME", 60) == 60)
        await bus.settings.delete("WEBJOBS_RESTART_TIME")
        await eventually(lambda: settings.number("WEBJOBS_RESTART_TIME", 60) == 5)


@pytest.mark.parametrize("change", ["replaced", "removed"])
async def test_an_object_that_changes_while_it_is_fetched_is_not_waited_for(
    bus: Bus, tmp_path: Path, change: str
) -> None:
    content = b"old" * 10_000_000
    await bus.packages.put("digest", io.BytesIO(content))
    target = tmp_path / "copy"
    fetching = asyncio.create_task(bus.packages.fetch("digest", target))
    await eventually(lambda: target.exists() and target.stat().st_size, interval=0.0001)
    assert not fetching.done()
    if change == "replaced":
        await bus.packages.put("digest", io.BytesIO(b"new"))
        async with asyncio.timeout(30):
            await fetching
        assert target.read_bytes() in (b"new", content)
    else:
        await bus.packages.delete("digest")
        async with asyncio.timeout(30):
            with contextlib.suppress(ObjectNotFound):
                await fetching
                assert target.read_bytes() == content


async def test_objects_come_back_as_they_were_stored(bus: Bus, tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096
    await bus.packages.put("digest", io.BytesIO(content))
    await bus.packages.fetch("digest", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == content
    await bus.packages.put("empty", io.BytesIO(b""))
    await bus.packages.fetch("empty", tmp_path / "empty")
    assert (tmp_path / "empty").read_bytes() == b""
    await bus.packages.delete("digest")
    await bus.packages.delete("digest")
    assert not await bus.packages.exists("digest")
    with pytest.raises(ObjectNotFound):
        await bus.packages.fetch("digest", tmp_path / "gone")


async def test_questions_are_answered_or_refused_with_a_code(bus: Bus) -> None:
    async def echo(data: bytes) -> bytes:
        if data == b"bad":
            raise QueryRefused(503, "Postgres is away")
        return data + b"!"

    with pytest.raises(BusUnavailable):
        await bus.ask("echo", b"anybody?")
    async with bus.serve("webjobs-test", "1.0.0", {"echo": echo}):
        assert await bus.ask("echo", b"hi") == b"hi!"
        with pytest.raises(QueryRefused, match="Postgres is away") as refusal:
            await bus.ask("echo", b"bad")
        assert refusal.value.code == 503


async def test_replies_reach_the_one_who_waits(bus: Bus) -> None:
    replies: list[bytes] = []
    async with bus.await_replies(replies.append) as inbox:
        await bus.reply(inbox, b"done")
        await eventually(lambda: replies == [b"done"])
