"""Removed and replaced secrets: nowhere under the folder of the server, and followers see the removal."""

import asyncio
import io

import nats
import pytest
from nats.js.api import StreamConfig
from support.eventually import eventually
from webjobs_events.errors import RevisionConflict
from webjobs_events.jetstream import Bucket, Bus, connect_bus
from webjobs_events.subjects import Subjects
from webjobs_stack.nats_server import NatsServer

BUCKETS = [("jobs", "triggered.a"), ("settings", "A"), ("hooks", "hook.a")]


def holding(server: NatsServer, text: bytes) -> list[str]:
    """Files of the server in which a text is."""
    return [
        str(file.relative_to(server.store_dir))
        for file in server.store_dir.rglob("*")
        if file.is_file() and text in file.read_bytes()
    ]


@pytest.mark.parametrize(("name", "key"), BUCKETS)
async def test_a_removed_secret_is_gone_from_the_disk_at_once(
    own_bus: Bus, own_server: NatsServer, name: str, key: str
) -> None:
    bucket: Bucket = getattr(own_bus, name)
    await bucket.put(f"{key}0", b"another")  # the block would be removed with its last message
    await bucket.put(key, b"canary")
    assert holding(own_server, b"canary")
    revision = await bucket.delete(key)
    assert not holding(own_server, b"canary")
    assert await bucket.get(key) is None
    assert await bucket.removed_at(key) == revision


@pytest.mark.parametrize(("name", "key"), BUCKETS)
async def test_a_replaced_secret_is_gone_from_the_disk_at_once(
    own_bus: Bus, own_server: NatsServer, name: str, key: str
) -> None:
    bucket: Bucket = getattr(own_bus, name)
    created = await bucket.create(key, b"canary-1")
    updated = await bucket.update(key, b"canary-2", created)
    await bucket.put(key, b"good")
    assert not holding(own_server, b"canary")
    with pytest.raises(RevisionConflict):
        await bucket.update(key, b"canary-3", updated)
    entry = await bucket.get(key)
    assert entry is not None and entry.value == b"good"


async def test_many_writers_of_one_secret_leave_none_of_their_values(
    own_bus: Bus, own_server: NatsServer
) -> None:
    async with own_bus.erasing(own_bus.settings):
        await asyncio.gather(*(own_bus.settings.put("A", f"canary-{n}".encode()) for n in range(6)))
    await own_bus.settings.put("A", b"good")
    assert not holding(own_server, b"canary")


async def test_followers_see_the_removal_of_a_secret_and_what_comes_after(own_bus: Bus) -> None:
    seen: list[tuple[str, bytes | None]] = []
    async with own_bus.hooks.mirror(
        lambda key, entry: seen.append((key, entry.value if entry else None))
    ) as mirror:
        await own_bus.hooks.put("hook.a", b"1")
        await mirror.reached(await own_bus.hooks.delete("hook.a", marker_ttl=60))
        assert mirror.get("hook.a") is None
        await mirror.reached(await own_bus.hooks.create("hook.a", b"2"))
    assert seen[0] == ("hook.a", b"1") and seen[1] == ("hook.a", None) and seen[-1] == ("hook.a", b"2")
    async with own_bus.hooks.mirror() as late:
        assert late.entries["hook.a"].value == b"2"


@pytest.mark.parametrize("can_erase", [True, False])
async def test_the_trace_of_a_removal_expires_only_if_nothing_is_left_that_could_come_back(
    own_bus: Bus, monkeypatch: pytest.MonkeyPatch, can_erase: bool
) -> None:
    async def fail(*_: object) -> bool:
        return False

    if not can_erase:
        monkeypatch.setattr(own_bus.hooks.eraser, "erase_before", fail)
    await own_bus.hooks.put("hook.a", b"canary")
    await own_bus.hooks.delete("hook.a", marker_ttl=3600)
    last = await own_bus.last_message(own_bus.hooks.stream, own_bus.hooks.subject_of("hook.a"))
    assert last is not None and last.headers["KV-Operation"] in ("DEL", "PURGE")
    assert ("Nats-TTL" in last.headers) is can_erase


async def test_what_a_crash_left_is_found_at_the_next_start(own_bus: Bus, own_server: NatsServer) -> None:
    prefix = own_bus.settings.subject_of("")
    js = own_bus.connection.js
    await own_bus.settings.put("B", b"another")
    for value in (b"canary-1", b"canary-2", b"good"):  # as a writer that dies before it erases
        await js.publish(f"{prefix}A", value)
    await js.publish(f"{prefix}C", b"canary-3")
    await js.publish(f"{prefix}C", b"", headers={"KV-Operation": "DEL"})
    assert holding(own_server, b"canary")
    async with own_bus.erasing(own_bus.settings):
        await eventually(lambda: not holding(own_server, b"canary"))
    entry = await own_bus.settings.get("A")
    assert entry is not None and entry.value == b"good"
    assert await own_bus.settings.get("C") is None


async def test_what_is_no_secret_keeps_one_revision(own_bus: Bus) -> None:
    for number in range(3):
        await own_bus.hooks.put("state.a.events", b"%d" % number)
    info = await own_bus.connection.js.stream_info(own_bus.hooks.stream)
    assert info.state.messages == 1


async def test_a_bucket_of_an_earlier_release_is_used_as_before(own_server: NatsServer) -> None:
    client = await nats.connect(own_server.url)
    await client.jetstream().add_stream(
        StreamConfig(
            name="KV_WEBJOBS_SETTINGS",
            subjects=["$KV.WEBJOBS_SETTINGS.>"],
            max_msgs_per_subject=1,
            deny_delete=True,
            allow_rollup_hdrs=True,
            allow_direct=True,
            allow_msg_ttl=True,
        )
    )
    await client.close()
    async with connect_bus(own_server.url, name="test", subjects=Subjects()) as bus:
        async with bus.erasing(bus.settings):
            await bus.settings.put("A", b"1")
            await bus.settings.put("A", b"2")
            await bus.settings.delete("A", marker_ttl=60)
            assert await bus.settings.get("A") is None


@pytest.mark.parametrize("size", [10, 300_000])
async def test_an_erased_object_is_gone_from_the_disk(
    own_bus: Bus, own_server: NatsServer, size: int
) -> None:
    await own_bus.packages.put("package", io.BytesIO(b"stays"))
    await own_bus.packages.put("upload", io.BytesIO(b"canary-1" + b"." * size + b"canary-2"))
    assert holding(own_server, b"canary")
    await own_bus.packages.erase("upload")
    await own_bus.packages.erase("upload")
    assert not holding(own_server, b"canary")
    assert not await own_bus.packages.exists("upload") and await own_bus.packages.exists("package")
