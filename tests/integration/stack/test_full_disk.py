"""The embedded NATS on a disk that becomes full, and what the stack does about it: with a real small disk."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import nats
import pytest
from nats.aio.client import Client
from nats.js.errors import APIError, ServiceUnavailableError
from support.announcements import Announcements
from support.eventually import eventually
from support.small_disk import SmallDisk, small_disk
from webjobs_stack.disk_watch import DiskWatch
from webjobs_stack.nats_server import NatsServer, run_nats_server
from webjobs_stack.postgres import Postgres, run_postgres
from webjobs_stack.supervise import SHORTEST_SECONDS, keep_running

MEGABYTE = 1024 * 1024
SPARE = 4 * MEGABYTE


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 64) as mounted:
        yield mounted


@contextlib.asynccontextmanager
async def client_of(server: NatsServer) -> AsyncIterator[Client]:
    client = await nats.connect(server.url, reconnect_time_wait=0.1, max_reconnect_attempts=-1)  # type: ignore[arg-type]
    try:
        yield client
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def watched(server: NatsServer | Postgres, disk: SmallDisk) -> AsyncIterator[Announcements]:
    """What `webjobs up` does for its server."""
    announced = Announcements()
    embedded = server if isinstance(server, NatsServer) else None
    watch = DiskWatch(disk.path, embedded, SPARE, announced)
    tasks = [
        asyncio.create_task(watch.run()),
        asyncio.create_task(keep_running(server, announced, watch.until_room)),
    ]
    try:
        yield announced
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def publish(client: Client, size: int = 1000) -> int:
    return (await client.jetstream(timeout=0.5).publish("kept", bytes(size))).seq


async def is_taken(client: Client, size: int = 1000) -> bool:
    try:
        return await publish(client, size) > 0
    except (nats.errors.Error, APIError, TimeoutError, OSError):
        return False


async def is_refused(client: Client) -> bool:
    """Whether it is answered at once that there is no room; a stream that broke leaves it unanswered."""
    try:
        await publish(client)
    except ServiceUnavailableError as error:
        return error.err_code == 10023
    except (nats.errors.Error, TimeoutError, OSError):
        return False
    return False


async def test_on_a_full_disk_messages_are_refused_at_once_and_taken_again_when_there_is_room(
    disk: SmallDisk,
) -> None:
    async with run_nats_server(disk.path / "nats", spare_bytes=SPARE) as server, client_of(server) as client:
        await client.jetstream().add_stream(name="KEPT", subjects=["kept"])
        kept = [await publish(client) for _ in range(20)]
        async with watched(server, disk) as announced:
            disk.fill()
            await eventually(lambda: is_refused(client), 20)
            assert await server.write_error() is None
            assert "restarting it" in announced.lines["nats"][0]
            disk.free()
            await eventually(lambda: is_taken(client))
            assert announced.names("ready") == ["nats"], "started again once, and not when there was room"
        state = (await client.jetstream().stream_info("KEPT")).state
        assert (state.first_seq, state.messages) == (1, state.last_seq)
        assert state.messages > len(kept)


async def test_a_full_disk_breaks_no_stream_to_which_nothing_was_published_meanwhile(disk: SmallDisk) -> None:
    async with run_nats_server(disk.path / "nats", spare_bytes=SPARE) as server, client_of(server) as client:
        await client.jetstream().add_stream(name="KEPT", subjects=["kept"])
        async with watched(server, disk) as announced:
            disk.fill()
            await eventually(lambda: announced.names("ready") == ["nats"], 20)
            disk.free()
            await eventually(lambda: is_taken(client))
            assert announced.names("ready") == ["nats"]


async def test_streams_break_when_a_write_fails_and_are_whole_after_a_restart_with_room(
    disk: SmallDisk,
) -> None:
    async with run_nats_server(disk.path / "nats", spare_bytes=SPARE) as server, client_of(server) as client:
        await client.jetstream().add_stream(name="KEPT", subjects=["kept"])
        disk.fill()
        with contextlib.suppress(nats.errors.Error, TimeoutError):
            while True:
                await publish(client)
        assert "no space left on device" in str(await server.write_error())
        disk.free()
        assert not await is_taken(client), "the server itself does not come back"
        async with watched(server, disk):
            await eventually(lambda: is_taken(client))


async def test_a_restart_that_the_stack_asks_for_is_no_crash_and_makes_no_pause_longer(
    disk: SmallDisk,
) -> None:
    async with (
        run_nats_server(disk.path / "nats", spare_bytes=SPARE) as server,
        watched(server, disk) as announced,
    ):
        for restarts in range(1, 4):
            server.restart(takes_messages=True)
            await eventually(lambda done=restarts: len(announced.names("ready")) == done)
        assert announced.pauses == [SHORTEST_SECONDS] * 3


async def test_streams_leave_the_spare_free_and_may_grow_when_others_free_space(disk: SmallDisk) -> None:
    disk.leave(16 * MEGABYTE)
    async with run_nats_server(disk.path / "nats", spare_bytes=SPARE) as server, client_of(server) as client:
        await client.jetstream().add_stream(name="KEPT", subjects=["kept"])
        with pytest.raises(ServiceUnavailableError, match="insufficient resources"):
            while True:
                await publish(client, 100_000)
        assert SPARE * 0.9 < disk.free_bytes < SPARE + MEGABYTE
        assert await server.write_error() is None
        async with watched(server, disk) as announced:
            disk.free()
            await eventually(lambda: is_taken(client, 100_000))
            assert announced.events == [], "it was not started again for this"


async def test_a_server_with_more_streams_than_free_space_takes_messages_after_a_restart(
    disk: SmallDisk,
) -> None:
    async with run_nats_server(disk.path / "nats", spare_bytes=SPARE) as server:
        async with client_of(server) as client:
            await client.jetstream().add_stream(name="KEPT", subjects=["kept"])
            for _ in range(45):
                await publish(client, 900_000)
        await server.stop()
        await server.start()
        async with client_of(server) as client:
            assert await is_taken(client)


async def test_a_postgres_that_crashed_for_want_of_space_is_back_when_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "large", 128) as disk:
        async with run_postgres(disk.path / "postgres") as server:
            connection = await asyncpg.connect(server.url)
            await connection.execute("CREATE TABLE kept (number integer)")
            async with watched(server, disk) as announced:
                await connection.execute("INSERT INTO kept VALUES (1)")
                disk.fill()
                with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
                    while True:  # until its log needs a new file
                        await connection.execute(
                            "SELECT pg_logical_emit_message(true, 'x', repeat('x', 1000000))"
                        )
                connection.terminate()
                await eventually(lambda: announced.ends, 20)
                disk.free()
                await eventually(lambda: announced.names("ready") == ["postgres"])
            connection = await asyncpg.connect(server.url)
            assert await connection.fetchval("SELECT count(*) FROM kept") == 1
            await connection.close()
