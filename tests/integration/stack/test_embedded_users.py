"""What a program may do on the embedded NATS without a login, as operator, and as a service."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import nats
import pytest
from nats.aio.client import Client
from nats.js.api import ConsumerConfig, DeliverPolicy
from support.background import in_background
from support.eventually import eventually
from webjobs_events.jetstream import Bus, connect_bus
from webjobs_events.subjects import Subjects
from webjobs_stack.nats_config import NatsLogins
from webjobs_stack.nats_server import NatsServer, run_nats_server

SUBJECTS = Subjects()
EVENT = SUBJECTS.job_event("triggered", "hello", "Success")
FORBIDDEN = [
    "$JS.API.STREAM.DELETE.WEBJOBS_EVENTS",
    "$JS.API.STREAM.PURGE.WEBJOBS_EVENTS",
    "$JS.API.STREAM.INFO.KV_WEBJOBS_HOOKS",
    "$JS.API.DIRECT.GET.KV_WEBJOBS_HOOKS.$KV.WEBJOBS_HOOKS.x",
    "$JS.API.STREAM.MSG.GET.KV_WEBJOBS_HOOKS",
    "$JS.API.CONSUMER.CREATE.KV_WEBJOBS_HOOKS",
    "$JS.API.CONSUMER.CREATE.WEBJOBS_LOGS",
    "$KV.WEBJOBS_SETTINGS.GREETING",
    "webjobs.commands.triggered.hello.run",
    EVENT,
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with in_background(run_nats_server(tmp_path_factory.mktemp("nats"), logins=NatsLogins())) as running:
        yield running


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[tuple[Client, list[str]]]:
    """A client, and the complaints of the server about it."""
    complaints: list[str] = []

    async def complain(error: Exception) -> None:
        complaints.append(str(error).lower())

    client = await nats.connect(url, error_cb=complain)
    try:
        yield client, complaints
    finally:
        await client.close()


@asynccontextmanager
async def bus_of(server: NatsServer, user: str) -> AsyncIterator[Bus]:
    async with connect_bus(server.url_of(user), name=user, subjects=SUBJECTS) as bus:
        yield bus


async def test_no_password_is_on_the_disk(server: NatsServer) -> None:
    files = [file for file in server.store_dir.rglob("*") if file.is_file()]
    assert server.store_dir / "nats-server.conf" in files
    passwords = [urlsplit(server.url_of(user)).password or "" for user in ("api", "operator", "subscriber")]
    for file in files:
        content = file.read_bytes()
        assert not [password for password in passwords if password.encode() in content], file


async def test_users_and_permissions_outlive_a_reload_and_a_restart(tmp_path: Path) -> None:
    async with run_nats_server(tmp_path / "nats", logins=NatsLogins()) as server:
        async with bus_of(server, "api") as bus:
            server.raise_storage_limit(server.storage_limit + 10_000_000)
            await eventually(lambda: "Reloaded server configuration" in server.log.read_text())
            await bus.settings.put("GREETING", b"hello")
        await server.stop()
        await server.start()
        async with bus_of(server, "api") as bus, connected(server.url) as (anybody, complaints):
            await bus.settings.put("GREETING", b"hello")
            await anybody.publish("$KV.WEBJOBS_SETTINGS.GREETING", b"")
            await eventually(lambda: complaints)


async def test_without_a_login_events_are_followed_and_replayed(server: NatsServer) -> None:
    async with bus_of(server, "operator"), connected(server.url) as (anybody, complaints):
        live = await anybody.subscribe("webjobs.events.>")
        await anybody.flush()
        async with connected(server.url_of("runner")) as (runner, _):
            await runner.publish(EVENT, b"{}")
            assert (await live.next_msg(5)).subject == EVENT
        stream = anybody.jetstream()

        async def is_stored() -> (
            bool
        ):  # what is published without an acknowledgement is stored a moment later
            return (await stream.stream_info("WEBJOBS_EVENTS")).state.messages >= 1

        await eventually(is_stored)
        for durable in (None, "my-subscriber"):
            replay = await stream.pull_subscribe(
                EVENT, durable, stream="WEBJOBS_EVENTS", config=from_the_first()
            )
            (message,) = await replay.fetch(1, timeout=5)
            await message.ack()
        pushed = await stream.subscribe(EVENT, stream="WEBJOBS_EVENTS", config=from_the_first())
        assert (await pushed.next_msg(5)).subject == EVENT
        assert complaints == []


@pytest.mark.parametrize("subject", FORBIDDEN)
async def test_without_a_login_nothing_else_is_done(server: NatsServer, subject: str) -> None:
    async with bus_of(server, "operator") as bus:
        before = (await bus.connection.js.stream_info("WEBJOBS_EVENTS")).created
        async with connected(server.url) as (anybody, complaints):
            await anybody.publish(subject, b"")
            await eventually(lambda: any(subject.lower() in complaint for complaint in complaints))
        assert (await bus.connection.js.stream_info("WEBJOBS_EVENTS")).created == before


@pytest.mark.parametrize("subject", [">", "_INBOX_api.>", "$KV.>", "webjobs.commands.>", "$JS.>"])
async def test_without_a_login_nothing_else_is_heard(server: NatsServer, subject: str) -> None:
    async with connected(server.url) as (anybody, complaints):
        await anybody.subscribe(subject)
        await eventually(lambda: any(f'"{subject.lower()}"' in complaint for complaint in complaints))


async def test_replies_to_a_service_are_not_heard_by_others(server: NatsServer) -> None:
    """Any client may read `_INBOX.>`: what a service asks for must not be answered there."""
    async with bus_of(server, "api") as api, connected(server.url) as (anybody, _):
        everything = await anybody.subscribe("_INBOX.>")
        await anybody.flush()
        await api.settings.put("GREETING", b"secret")
        async with api.live_settings({}) as live:
            await eventually(lambda: live.get("GREETING") == "secret")
        await anybody.flush()
        assert everything.pending_msgs == 0


async def test_an_api_fetches_the_packages_that_a_runner_stored(server: NatsServer, tmp_path: Path) -> None:
    content = b"package" * 100_000
    async with bus_of(server, "runner") as runner, bus_of(server, "api") as api:
        await runner.packages.put("d1", io.BytesIO(content))
        await api.packages.fetch("d1", tmp_path / "d1", timeout=20)
    assert (tmp_path / "d1").read_bytes() == content


async def test_the_operator_does_everything(server: NatsServer) -> None:
    async with bus_of(server, "operator") as bus:
        assert {*await names_of_streams(bus)} >= {"WEBJOBS_EVENTS", "KV_WEBJOBS_HOOKS"}
        await bus.settings.put("GREETING", b"hello")
        await bus.connection.js.purge_stream("WEBJOBS_LOGS")


async def test_a_wrong_password_is_not_the_subscriber(server: NatsServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b'CONNECT {"user": "operator", "pass": "guess"}\r\nPING\r\n')
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert b"Authorization Violation" in answer


def from_the_first() -> ConsumerConfig:
    return ConsumerConfig(deliver_policy=DeliverPolicy.ALL)


async def names_of_streams(bus: Bus) -> list[str]:
    return [info.config.name or "" for info in await bus.connection.js.streams_info()]
