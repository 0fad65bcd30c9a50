"""What the api refuses by what runners report of their disks."""

import asyncio
import io
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from support.eventually import eventually
from support.fake_backend import INSTANCE, FakeBackend
from support.small_disk import small_disk
from webjobs_api.describe.document import is_refused_without_room, keys_of
from webjobs_api.describe.operations import OPERATIONS
from webjobs_api.routes import routes
from webjobs_events.errors import StorageFull
from webjobs_events.heartbeat import DiskReport, Heartbeat, encode_heartbeat
from webjobs_events.jetstream import Bus, connect_bus
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobType
from webjobs_stack.nats_server import run_nats_server

MB = 1024 * 1024
OTHER = "abcdef"


async def report(bus: Bus, instance_id: str, free_mb: int) -> None:
    disk = DiskReport(free=free_mb * MB, total=400 * MB, reserve=20 * MB, is_low=free_mb < 20)
    heartbeat = encode_heartbeat(Heartbeat(boot="1", disk=disk))
    await bus.broadcast(bus.subjects.heartbeat(instance_id), heartbeat)


async def disk_check(api: aiohttp.ClientSession) -> str:
    async with api.get("/healthz") as answer:
        return str((await answer.json()).get("missing", {}).get("disk", ""))


async def status_of(api: aiohttp.ClientSession, method: str, path: str, **options: Any) -> int:
    async with api.request(method, path, **options) as answer:
        return answer.status


async def test_runs_are_refused_only_while_no_runner_has_room(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    await report(bus, INSTANCE, 3)
    await report(bus, OTHER, 100)
    assert await status_of(api, "POST", "/api/jobs/triggered/hello/run") == 202
    await report(bus, OTHER, 5)
    found = await eventually(lambda: disk_check(api))
    for instance_id, free in ((INSTANCE, 3), (OTHER, 5)):
        assert f"runner {instance_id} is low: {free} MB of 400 MB are free, the reserve is 20 MB" in found
    async with api.post("/api/jobs/triggered/hello/run") as answer:
        assert (answer.status, await answer.text()) == (
            507,
            f"There is no space left: {found}. Free some disk space, or add some; nothing was changed.",
        )
    await report(bus, INSTANCE, 100)
    await eventually(lambda: _has_room(api))
    assert await status_of(api, "POST", "/api/settings", json={"A": "b"}) == 204


async def _has_room(api: aiohttp.ClientSession) -> bool:
    return not await disk_check(api)


async def test_what_ends_something_is_not_refused(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    await backend.define(JobType.CONTINUOUS, "steady")
    await backend.define(JobType.TRIGGERED, "hello")
    await report(bus, INSTANCE, 3)
    await eventually(lambda: disk_check(api))
    assert await status_of(api, "POST", "/api/jobs/continuous/steady/stop") == 200
    assert await status_of(api, "POST", "/api/jobs/continuous/steady/start") == 507
    assert await status_of(api, "DELETE", "/api/jobs/triggered/hello") == 200
    assert await status_of(api, "DELETE", "/api/settings/A") == 204
    assert await status_of(api, "GET", "/api/jobs") == 200


def test_every_post_and_put_but_those_that_end_something_is_refused_without_room() -> None:
    taken = {
        key
        for route in routes()
        if route.method in ("POST", "PUT")
        for key in keys_of(route)
        if not is_refused_without_room(route.method, OPERATIONS[key])
    }
    words = {key.rstrip("/").rpartition("/")[2] for key in taken if "passthrough" not in key}
    pages = {key for key in taken if key.startswith("POST /pages/")}
    assert words - {key.rpartition("/")[2] for key in pages} <= {
        "cancel",
        "stop",
        "login",
        "logout",
        "actions",
        "script-choice",  # it stores nothing
    }
    assert {"POST /api/jobs/triggered/{job}/run", "POST /api/settings", "PUT /vfs/{path}"}.isdisjoint(taken)


async def test_an_unreadable_report_changes_nothing(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    await bus.broadcast(bus.subjects.heartbeat(OTHER), b"\xff{")
    assert await disk_check(api) == ""
    assert await status_of(api, "POST", "/api/jobs/triggered/hello/run") == 202


async def test_a_write_that_a_full_jetstream_leaves_unanswered_can_be_given_up(
    tmp_path: Path, namespace: str
) -> None:
    with small_disk(tmp_path / "disk", 16) as disk:
        async with (
            run_nats_server(disk.path / "nats") as server,
            connect_bus(server.url, name="test", subjects=Subjects(namespace)) as bus,
        ):
            disk.fill()
            key = asyncio.create_task(bus.settings.put("LARGE", bytes(100_000)))
            upload = asyncio.create_task(bus.packages.put("upload", io.BytesIO(bytes(100_000))))
            await asyncio.wait({key, upload}, timeout=0.3)
            assert not key.done() and not upload.done()
            bus.connection.give_up_writes("the disk is low")
            for task in (key, upload):
                with pytest.raises(StorageFull, match="the disk is low"):
                    await asyncio.wait_for(task, 1)
