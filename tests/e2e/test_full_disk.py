"""A full disk for a while is a bad minute and no outage: a stack of its own on a real small disk."""

import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from support.archives import zip_of
from support.background import in_background
from support.client import Answer, Client, client_of, job_url, unique
from support.eventually import eventually, stays
from support.small_disk import SmallDisk, small_disk
from support.sse import reading
from support.stack import RunningStack, webjobs_up

NAMED = {"Content_Disposition": "attachement; filename=run.sh"}
AT_ONCE = 3.0  # seconds; on an idle machine it is milliseconds
# The full disk ends NATS at times before the first word of it was sent: then its restart comes before.
SAID = 20.0  # seconds
WELL_AGAIN = 10.0  # seconds
# The last pages of the streams' files have room for some events: a job that always fails uses it up.
FAILS = {"run.sh": "exit 1", "settings.job": '{"restart": {"min": 0.1, "max": 0.1}}'}
WAITS = 'until [ -e "$WEBJOBS_DATA_PATH/go" ]; do sleep 0.05; done; echo done; exit 7'


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    with small_disk(tmp_path_factory.mktemp("small") / "disk", 400) as mounted:
        yield mounted


@pytest.fixture(scope="module")
def stack(disk: SmallDisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    # Working copies lie elsewhere, as the system's temporary folder often does.
    temporary = str(tmp_path_factory.mktemp("temp"))
    with in_background(webjobs_up(disk.path, WEBJOBS_TEMP=temporary)) as running:
        yield running


@pytest_asyncio.fixture
async def client(stack: RunningStack, disk: SmallDisk) -> AsyncIterator[Client]:
    async with client_of(stack.url) as speaking:
        yield speaking
        disk.free()
        await eventually(lambda: is_ready(speaking), 40)


async def is_ready(client: Client) -> bool:
    return (await client.get("/healthz")).status == 200


async def why_not_ready(client: Client) -> dict[str, str]:
    answer = await client.get("/healthz")
    return dict(answer.json.get("missing", {})) if answer.status == 503 else {}


async def low(client: Client) -> str:
    return (await why_not_ready(client)).get("disk", "")


def go(stack: RunningStack, name: str) -> None:
    (stack.data / "data" / "jobs" / "triggered" / name / "go").touch()


async def writes(client: Client, name: str, run_id: str) -> dict[str, Answer]:
    """Each of the requests that store something, and how it was answered; every one at once."""
    new, job = unique("new"), job_url("triggered", name)
    asked: dict[str, Any] = {
        "run": lambda: client.post(f"{job}/run"),
        "rerun": lambda: client.post(f"{job}/history/{run_id}/rerun"),
        "script": lambda: client.put(job_url("triggered", new), "echo", **NAMED),
        "archive": lambda: client.put(
            job_url("continuous", new), zip_of({"run.sh": "sleep 9"}), Content_Type="application/zip"
        ),
        "settings.job": lambda: client.put(f"{job}/settings", '{"schedule": "0 0 0 1 1 *"}'),
        "settings": lambda: client.post("/api/settings", json={"GREETING": "hello"}),
        "vfs": lambda: client.put(f"/vfs/data/{new}.bin", bytes(1_000_000)),
        "zip": lambda: client.put(f"/api/zip/data/{new}/", zip_of({"a.txt": "a"})),
    }
    answers = {}
    for what, ask in asked.items():
        began = time.monotonic()
        answers[what] = await ask()
        assert time.monotonic() - began < AT_ONCE, what
    return answers


async def test_while_the_disk_is_full_writes_are_507_at_once_and_then_all_is_well_by_itself(
    client: Client, stack: RunningStack, disk: SmallDisk
) -> None:
    name, other, fails = unique("waits"), unique("other"), unique("fails")
    await client.put_script("triggered", name, WAITS)
    await client.put_script("triggered", other, "echo hello")
    await client.put_zip("continuous", fails, FAILS)
    before = await client.run_to_end(other)
    run_id = await client.run(name)
    await client.begun(name, run_id)

    disk.fill()
    reason = await eventually(lambda: low(client), SAID)
    assert "MB of 400 MB are free, the reserve is 20 MB" in reason
    answers = await writes(client, other, before["id"])
    assert {what: answer.status for what, answer in answers.items()} == dict.fromkeys(answers, 507)
    assert all("space" in answer.text for answer in answers.values())
    assert (await client.get("/")).text.count("is low") == 1
    await eventually(lambda: "restarting it" in stack.said, 20)
    assert await eventually(lambda: client.runs_of(other), 20) == [before], "nothing was queued"
    go(stack, name)
    assert (await writes(client, other, before["id"]))["settings"].status == 507
    assert await low(client)

    disk.free()
    freed_at = time.monotonic()
    await eventually(lambda: is_ready(client), WELL_AGAIN)
    again = await client.run_to_end(other)
    assert (await client.post("/api/settings", json={"GREETING": "hello"})).status == 204
    assert time.monotonic() - freed_at < WELL_AGAIN
    ended = await client.ended(name, run_id)
    assert ended["status"] == "Failed"
    assert [run["id"] for run in await client.runs_of(name)] == [run_id]
    assert await client.runs_of(other) == [again, before]
    died = [line.split()[1] for line in stack.said.splitlines() if line.startswith("✗")]
    assert died == ["nats"], "nothing else was started again"
    assert (await client.delete(job_url("continuous", fails))).status == 200
    assert (await client.put_script("triggered", unique("new"), "echo"))["latest_run"] is None


async def test_a_run_that_writes_without_end_leaves_room_for_what_is_more_important(
    client: Client, stack: RunningStack, disk: SmallDisk
) -> None:
    name, died_before = unique("endless"), stack.said.count("✗")
    await client.put_script("triggered", name, 'yes "$(printf "%0100d" 0)"')
    disk.leave(60 * 1024 * 1024)
    run_id = await client.run(name)
    reason = await eventually(lambda: low(client), 40)
    assert "the reserve is 20 MB" in reason

    async def is_held() -> bool:
        before = disk.free_bytes
        await stays(lambda: disk.free_bytes >= before, 0.5)
        return True

    await eventually(is_held, 20)
    assert disk.free_bytes > 10 * 1024 * 1024
    cancelled = await client.post(f"{job_url('triggered', name)}/history/{run_id}/cancel")
    assert cancelled.status == 202, cancelled.text
    assert (await client.ended(name, run_id))["status"] == "Aborted"
    kudu = await client.json(f"/api/triggeredwebjobs/{name}/history/{run_id}")
    assert kudu["dropped_lines"] > 0
    assert stack.said.count("✗") == died_before
    assert (await client.delete(job_url("triggered", name))).status == 200
    assert stack.said.count("✗") == died_before, "no part was started again"


async def test_a_run_that_ends_on_a_full_disk_keeps_its_outcome_though_its_runner_is_killed(
    client: Client, stack: RunningStack, disk: SmallDisk
) -> None:
    name = unique("waits")
    await client.put_script("triggered", name, WAITS)
    run_id = await client.run(name)
    await client.begun(name, run_id)

    disk.fill()
    await eventually(lambda: low(client), SAID)
    go(stack, name)
    (spare,) = (stack.data / "data" / ".runner").glob("*/statuses.spare")
    await eventually(lambda: run_id.encode() in spare.read_bytes())
    stack.kill("runner")
    disk.free()
    ended = await client.ended(name, run_id)
    assert ended["status"] == "Failed", "not Aborted: its outcome was known"
    assert [run["id"] for run in await client.runs_of(name)] == [run_id]


async def test_below_the_reserve_nothing_new_is_taken_and_what_runs_goes_on(
    client: Client, stack: RunningStack, disk: SmallDisk
) -> None:
    name, taken = unique("waits"), unique("large")
    await client.put_script("triggered", name, WAITS)
    assert (await client.put(f"/vfs/data/{taken}.bin", bytes(5_000_000))).status == 201
    run_id = await client.run(name)
    await client.begun(name, run_id)

    async with (
        aiohttp.ClientSession(stack.url) as session,
        reading(session, "/api/events?event=DiskLow&event=DiskOk") as events,
    ):
        disk.keep_at(18 * 1024 * 1024)  # of a reserve of 20 MB; logs may take 3 of them
        await eventually(lambda: low(client), SAID)
        answers = await writes(client, name, run_id)
        assert {what: answer.status for what, answer in answers.items()} == dict.fromkeys(answers, 507)
        go(stack, name)
        ended = await client.ended(name, run_id)
        assert (ended["status"], await client.output_of(ended)) == ("Failed", ["done"])
        # What frees space is taken.
        address = f"/vfs/data/{taken}.bin"
        assert (await client.ask("DELETE", address, headers={"If-Match": "*"})).status == 200
        assert (await client.delete(job_url("triggered", name))).status == 200

        disk.free()
        await eventually(lambda: is_ready(client), WELL_AGAIN)
        low_event, ok_event = (json.loads(event.data)["data"] for event in await events.take(2))
    assert (low_event["event"], ok_event["event"]) == ("DiskLow", "DiskOk")
    assert low_event["free_bytes"] < low_event["reserve_bytes"] < ok_event["free_bytes"]
