"""Connecting late, asking while NATS is away, closing then: nobody waits for what cannot come."""

import asyncio
import gc
import time
from pathlib import Path

import pytest
from support.commands import run_command
from support.eventually import eventually
from support.outages import crash, crash_and_restart
from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus, QueryRefused, connect_bus
from webjobs_events.jetstream.streams import stream_configs
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobType
from webjobs_stack.nats_server import NatsServer, find_nats_server, run_nats_server
from webjobs_stack.ports import free_port

SUBJECTS = Subjects()
SUBJECT = "webjobs.events.triggered.hello.Running"


async def test_connecting_waits_for_a_server_that_comes_up_late(tmp_path: Path) -> None:
    port = free_port("127.0.0.1")

    async def connect() -> int:
        async with connect_bus(f"nats://127.0.0.1:{port}", name="early", subjects=SUBJECTS) as bus:
            return await bus.publish_command(run_command())

    task = asyncio.create_task(connect())
    await asyncio.sleep(0)
    async with run_nats_server(tmp_path / "nats", port=port):
        assert await asyncio.wait_for(task, 30) == 1


async def test_connecting_can_be_given_up(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            async with connect_bus(
                f"nats://127.0.0.1:{free_port('127.0.0.1')}", name="early", subjects=SUBJECTS
            ):
                raise AssertionError("there is no server")
    assert asyncio.all_tasks() <= before


async def test_connections_a_server_drops_before_its_greeting_are_closed(
    own_server: NatsServer, own_bus: Bus
) -> None:
    dropped = 0

    async def drop(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal dropped
        writer.close()
        dropped += 1

    await crash(own_server)
    await eventually(lambda: not own_bus.is_connected)
    async with await asyncio.start_server(drop, "127.0.0.1", own_server.port):
        await eventually(lambda: dropped >= 3)
    await own_server.start()
    await eventually(lambda: own_bus.is_connected)
    gc.collect()  # what it finds unclosed is a warning, and that an error


async def test_whatever_is_asked_while_nats_is_away_fails_at_once(
    own_server: NatsServer, own_bus: Bus, tmp_path: Path
) -> None:
    await crash(own_server)
    await eventually(lambda: not own_bus.is_connected)
    subject = SUBJECTS.command(JobType.TRIGGERED, "hello", "run")
    began_at = time.monotonic()
    for question in (
        own_bus.publish_command(run_command()),
        own_bus.ask("run", b"{}"),
        own_bus.pending_command(subject),
        own_bus.pending_subjects(SUBJECTS.run_commands),
        own_bus.last_sequence(SUBJECTS.events_stream),
        own_bus.last_message(SUBJECTS.events_stream, SUBJECT),
        own_bus.withdraw_command(1),
        own_bus.purge_subject(SUBJECTS.logs_stream, "webjobs.logs.triggered.a.b"),
        own_bus.jobs.get("triggered.a"),
        own_bus.jobs.put("triggered.a", b""),
        own_bus.packages.exists("digest"),
        own_bus.packages.fetch("digest", tmp_path / "copy"),
    ):
        with pytest.raises(BusUnavailable, match="the connection is down"):
            await question
    assert time.monotonic() - began_at < 3


async def test_a_question_that_is_open_when_nats_goes_away_fails_at_once(
    own_server: NatsServer, own_bus: Bus
) -> None:
    never = asyncio.Event()

    async def forever(_: bytes) -> bytes:
        await never.wait()
        raise QueryRefused(503, "too late")

    async with own_bus.serve("webjobs-test", "1.0.0", {"forever": forever}):
        question = asyncio.create_task(own_bus.ask("forever", b"", timeout=60))
        await eventually(lambda: bool(own_bus.connection._asking))
        await own_bus.connection.client.flush()
        await crash(own_server)
        began_at = time.monotonic()
        with pytest.raises(BusUnavailable, match="the connection broke"):
            await question
        assert time.monotonic() - began_at < 10
        never.set()


async def test_questions_find_their_endpoint_again(own_server: NatsServer, own_bus: Bus) -> None:
    async def echo(data: bytes) -> bytes:
        return data

    async with own_bus.serve("webjobs-test", "1.0.0", {"echo": echo}):
        await crash_and_restart(own_server)
        await eventually(lambda: own_bus.is_connected)
        assert await eventually(lambda: own_bus.ask("echo", b"hi")) == b"hi"


async def test_closing_while_nats_is_away_takes_no_time(own_server: NatsServer) -> None:
    before = asyncio.all_tasks()
    async with connect_bus(own_server.url, name="test", subjects=SUBJECTS) as bus:
        async with bus.jobs.mirror(), bus.pipeline():
            await crash(own_server)
            await eventually(lambda: not bus.is_connected)
            began_at = time.monotonic()
    assert time.monotonic() - began_at < 5
    await eventually(lambda: asyncio.all_tasks() <= before)


async def test_streams_are_made_once_by_many_that_come_at_once(own_server: NatsServer) -> None:
    async def connect() -> list[str]:
        async with connect_bus(own_server.url, name="racer", subjects=SUBJECTS) as bus:
            return sorted(info.config.name or "" for info in await bus.connection.js.streams_info())

    for names in await asyncio.gather(*(connect() for _ in range(8))):
        assert names == sorted(config.name or "" for config in stream_configs(SUBJECTS))


async def test_what_an_operator_configured_is_left_as_it_is(own_server: NatsServer) -> None:
    async with connect_bus(own_server.url, name="first", subjects=SUBJECTS) as bus:
        info = await bus.connection.js.stream_info(SUBJECTS.events_stream)
        await bus.connection.js.update_stream(info.config, max_bytes=1_000_000)
    async with connect_bus(own_server.url, name="second", subjects=SUBJECTS) as bus:
        info = await bus.connection.js.stream_info(SUBJECTS.events_stream)
        assert info.config.max_bytes == 1_000_000


async def test_a_server_without_jetstream_is_refused_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webjobs_events.jetstream.bus._JETSTREAM_PATIENCE", 0.2)
    port = free_port("127.0.0.1")
    plain = await asyncio.create_subprocess_exec(
        find_nats_server(), "--addr", "127.0.0.1", "--port", str(port), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(30):
            with pytest.raises(BusUnavailable, match="making the stream"):
                async with connect_bus(f"nats://127.0.0.1:{port}", name="test", subjects=SUBJECTS):
                    raise AssertionError("there is no JetStream")
    finally:
        plain.terminate()
        await plain.wait()


@pytest.mark.parametrize("answer", [None, TimeoutError])
async def test_a_cancellation_that_the_client_swallows_still_ends_who_was_asking(
    bus: Bus, answer: type[Exception] | None
) -> None:
    went_on = False
    asked = asyncio.Event()

    async def swallow() -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if answer is not None:
                raise answer from None

    async def ask() -> None:
        nonlocal went_on
        try:
            async with bus.connection.asking("something"):
                await swallow()
        except BusUnavailable:
            pass
        went_on = True

    asking = asyncio.create_task(ask())
    await asked.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert asking.cancelled() and not went_on
