"""What each user of deploy/nats/nats-server.conf may and may not do, asked of a real server."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from support.background import in_background
from support.compose_processes import ComposeRun
from support.eventually import eventually
from webjobs_events.jetstream import Bucket, connect_bus
from webjobs_events.subjects import Subjects

PASSWORDS = {
    "NATS_API_PASSWORD": "a1",
    "NATS_RUNNER_PASSWORD": "r2",
    "NATS_HISTORY_PASSWORD": "h3",
    "NATS_SUBSCRIBER_PASSWORD": "s4",
}
USERS = ("api", "runner", "history", "subscriber")

MAY_PUBLISH = {
    "webjobs.commands.triggered.hello.run": {"api", "runner"},
    "webjobs.commands.triggered.hello.run.202611220900000000": {"api", "runner"},
    "webjobs.commands.triggered.hello.deploy": {"api"},
    "webjobs.commands.continuous.hello.stop": {"api"},
    "webjobs.events.triggered.hello.Success": {"runner"},
    "webjobs.events.triggered.hello.Purged": {"runner", "history"},
    "webjobs.events.triggered.hello.Acknowledged": {"api", "runner"},
    "webjobs.events.continuous.hello.AcknowledgementWithdrawn": {"api", "runner"},
    "webjobs.events.continuous.hello.Deleted": {"runner"},
    "webjobs.events.instance.a1b2c3.Started": {"runner"},
    "webjobs.logs.triggered.hello.202611220900000000": {"runner"},
    "webjobs.queries.run": {"api"},
    "webjobs.tunnels.a1b2c3.0123456789ab": {"api"},
    "webjobs.files.a1b2c3.read": {"api"},
    "webjobs.heartbeats.a1b2c3": {"runner"},
    "webjobs.usage.a1b2c3": {"runner"},
    "webjobs.metrics": {"api"},
    "webjobs.deadletters.runner": {"runner"},
    "webjobs.deadletters.history": {"history"},
    "$KV.WEBJOBS_SETTINGS.WEBJOBS_STOPPED": {"api"},
    "$KV.WEBJOBS_HOOKS.hook.x": {"api"},
    "webjobs.published.PostDeployment": {"api"},
    "webjobs.deliveries.x": {"api"},
    "$KV.WEBJOBS_JOBS.triggered.hello": {"runner"},
    "$KV.WEBJOBS_LEASES.claim.hello.202611220900000000": {"runner"},
    "$KV.WEBJOBS_LEASES.cancel.hello.202611220900000000": {"api", "runner"},
    "$KV.WEBJOBS_LEASES.api.0a1b2c3d": {"api", "runner"},
    "$KV.WEBJOBS_REQUESTS.0f": {"api"},
    "$O.WEBJOBS_PACKAGES.C.x": {"api", "runner"},
    "$JS.API.STREAM.DELETE.WEBJOBS_EVENTS": set(),
    "$JS.API.STREAM.PURGE.WEBJOBS_EVENTS": set(),
    "$JS.API.STREAM.UPDATE.WEBJOBS_EVENTS": set(),
    "$JS.API.STREAM.MSG.DELETE.WEBJOBS_EVENTS": set(),
    "$JS.API.STREAM.MSG.DELETE.WEBJOBS_COMMANDS": {"api", "runner"},
    "$JS.API.STREAM.MSG.DELETE.KV_WEBJOBS_SETTINGS": {"api"},
    "$JS.API.STREAM.MSG.DELETE.KV_WEBJOBS_HOOKS": {"api"},
    "$JS.API.STREAM.MSG.DELETE.KV_WEBJOBS_JOBS": {"runner"},
    "$JS.API.STREAM.MSG.DELETE.KV_WEBJOBS_LEASES": set(),
    "$JS.API.STREAM.PURGE.WEBJOBS_LOGS": {"runner", "history"},
    "$JS.API.STREAM.CREATE.MINE": set(),
    "$JS.API.CONSUMER.CREATE.WEBJOBS_COMMANDS": set(),
    "$JS.API.CONSUMER.DURABLE.CREATE.WEBJOBS_COMMANDS.mine": {"runner"},
    "$SYS.REQ.SERVER.PING": set(),
}
MAY_SUBSCRIBE = {
    "webjobs.events.>": {"subscriber"},
    "webjobs.commands.>": set(),
    "webjobs.logs.>": set(),
    "webjobs.heartbeats.*": {"api"},
    "webjobs.usage.*": {"api"},
    "webjobs.metrics": {"runner", "history"},
    "webjobs.queries.run": {"history"},
    "webjobs.tunnels.a1b2c3.*": {"runner"},
    "webjobs.files.a1b2c3.read": {"runner"},
    "$KV.WEBJOBS_SETTINGS.>": set(),
    ">": set(),
}


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeRun]:
    run = ComposeRun(tmp_path_factory.mktemp("compose"), PASSWORDS)
    with in_background(run.nats()):
        yield run


@asynccontextmanager
async def connected(bus: ComposeRun, user: str) -> AsyncIterator[tuple[Client, list[str]]]:
    """A client of that user, and the server's complaints about it."""
    complaints: list[str] = []

    async def complain(error: Exception) -> None:
        complaints.append(str(error))

    url = f"nats://{user}:{PASSWORDS[f'NATS_{user.upper()}_PASSWORD']}@127.0.0.1:{bus.nats_port}"
    client = await nats.connect(url, error_cb=complain)
    try:
        yield client, complaints
    finally:
        await client.close()


@pytest.mark.parametrize("user", USERS)
async def test_a_user_publishes_what_it_needs_and_nothing_else(bus: ComposeRun, user: str) -> None:
    async with connected(bus, user) as (client, complaints):
        for subject in MAY_PUBLISH:
            await client.publish(subject, b"")
        await told_of_everything(client, complaints)
    expected = {subject for subject, allowed in MAY_PUBLISH.items() if user not in allowed}
    assert {subject for subject in MAY_PUBLISH if refused(subject, complaints)} == expected


@pytest.mark.parametrize("user", USERS)
async def test_a_user_hears_what_it_needs_and_nothing_else(bus: ComposeRun, user: str) -> None:
    async with connected(bus, user) as (client, complaints):
        for subject in MAY_SUBSCRIBE:
            await client.subscribe(subject)
        await told_of_everything(client, complaints)
    expected = {subject for subject, allowed in MAY_SUBSCRIBE.items() if user not in allowed}
    assert {subject for subject in MAY_SUBSCRIBE if refused(subject, complaints)} == expected


async def told_of_everything(client: Client, complaints: list[str]) -> None:
    """Wait for the complaint about one more publish that nobody may do: they come in order."""
    await client.publish("forbidden.to.all", b"")
    await eventually(lambda: refused("forbidden.to.all", complaints))


def refused(subject: str, complaints: list[str]) -> bool:
    return any(f'"{subject.lower()}"' in complaint.lower() for complaint in complaints)


@pytest.mark.parametrize("login", ["{}", '{"user": "api", "pass": "r2"}'])
async def test_nobody_connects_without_the_password(bus: ComposeRun, login: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", bus.nats_port)
    writer.write(f"CONNECT {login}\r\nPING\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert b"Authorization Violation" in answer
    assert b"PONG" not in answer


@pytest.mark.parametrize(
    ("user", "name", "key"),
    [("api", "settings", "A"), ("api", "hooks", "hook.a"), ("runner", "jobs", "triggered.a")],
)
async def test_who_writes_secrets_may_overwrite_them(bus: ComposeRun, user: str, name: str, key: str) -> None:
    url = f"nats://{user}:{PASSWORDS[f'NATS_{user.upper()}_PASSWORD']}@127.0.0.1:{bus.nats_port}"

    def is_on_disk() -> bool:
        files = [path for path in (bus.folder / "nats").rglob("*") if path.is_file()]
        return any(b"canary" in path.read_bytes() for path in files)

    async with connect_bus(url, name="test", subjects=Subjects()) as connected_bus:
        bucket: Bucket = getattr(connected_bus, name)
        await bucket.put(key, b"canary-1")
        await bucket.put(key, b"good")
        assert not is_on_disk()
        for value in (b"canary-2", b"good"):  # as a writer that dies before it overwrites
            await connected_bus.publish(bucket.subject_of(key), value)
        assert is_on_disk()
        await bucket.eraser.erase_replaced()
        assert not is_on_disk()


async def test_the_history_may_answer_and_only_answer(bus: ComposeRun) -> None:
    async with connected(bus, "history") as (history, complaints), connected(bus, "api") as (api, _):

        async def answer(message: Msg) -> None:
            await message.respond(b"answer")

        await history.subscribe("webjobs.queries.run", cb=answer)
        await history.flush()
        reply = await api.request("webjobs.queries.run", b"", timeout=2)
        assert reply.data == b"answer"
        await history.publish("_INBOX.of.somebody.else", b"")
        await eventually(lambda: refused("_INBOX.of.somebody.else", complaints))


async def test_the_container_check_sees_a_healthy_server(tmp_path: Path) -> None:
    run = ComposeRun(tmp_path, PASSWORDS)
    async with run.nats() as process:
        assert await process.healthy()
    assert not await process.healthy()
