"""Events told while they happen: in order, without gaps, from any of them on."""

import asyncio
import contextlib
import json
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from integration.api.conftest import QUICK, SHORT
from support.eventually import eventually
from support.fake_backend import INSTANCE, FakeBackend
from support.outages import crash_and_restart
from support.sse import EventReader, reading
from webjobs_api.app import run_api
from webjobs_api.http.terms import LiveTerms
from webjobs_api.settings import ApiSettings
from webjobs_events.errors import BusUnavailable
from webjobs_events.events import Enabled, InstanceStarted
from webjobs_events.jetstream import Bus, connect_bus
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobName, JobType
from webjobs_stack.nats_server import run_nats_server


async def publish(
    bus: Bus,
    number: int,
    job: str = "hello",
    job_type: JobType = JobType.TRIGGERED,
    digest: str = "d1",
    settings: dict[str, Any] | None = None,
) -> int:
    """One event; the number is in it."""
    event = Enabled(
        at=datetime.now(UTC),
        instance=INSTANCE,
        job_type=job_type,
        job_name=JobName(job),
        revision=number,
        cause="test",
        digest=digest,
        script="run.sh",
        settings=settings or {},
        disabled=False,
    )
    return await bus.publish_event(event)


def number_of(data: str) -> Any:
    return json.loads(data)["data"]["revision"]


async def numbers(reader: EventReader, count: int) -> list[int]:
    return [number_of(event.data) for event in await reader.take(count)]


async def test_an_event_is_told_with_its_sequence_its_name_and_its_attributes(
    api: aiohttp.ClientSession, bus: Bus
) -> None:
    await publish(bus, 1)
    async with reading(api, "/api/events") as reader:
        assert reader.answer.headers["Webjobs-Sequence"] == "1"
        sequence = await publish(bus, 2)
        (event,) = await reader.take(1)
    assert (event.id, event.name) == (str(sequence), "Enabled")
    told = json.loads(event.data)
    assert told["type"] == "io.webjobs.triggered.Enabled.v1"
    assert told["subject"] == "triggered/hello"
    assert told["sequence"] == str(sequence)
    assert (told["data"]["job_name"], told["data"]["revision"]) == ("hello", 2)


async def test_a_reader_resumes_after_any_event(api: aiohttp.ClientSession, bus: Bus) -> None:
    for number in range(1, 6):
        await publish(bus, number)
    async with reading(api, "/api/events?from=first") as reader:
        assert await numbers(reader, 5) == [1, 2, 3, 4, 5]
        await publish(bus, 6)
        assert await numbers(reader, 1) == [6]
    async with reading(api, "/api/events?after=4") as reader:
        assert await numbers(reader, 2) == [5, 6]
    async with reading(api, "/api/events?after=1", headers={"Last-Event-ID": "5"}) as reader:
        assert await numbers(reader, 1) == [6]
    async with reading(api, "/api/events", headers={"Last-Event-ID": "999"}) as reader:
        assert (await reader.take(1))[0].id == "1"  # the stream was made anew: nothing is left out


async def test_a_reader_is_told_when_the_stream_holds_no_more_what_comes_next(
    api: aiohttp.ClientSession, bus: Bus
) -> None:
    for number in range(1, 6):
        await publish(bus, number, f"job{number}")
    for number in range(1, 4):
        subject = bus.subjects.job_event("triggered", f"job{number}", "Enabled")
        await bus.purge_subject(bus.subjects.events_stream, subject)
    async with reading(api, "/api/events?after=1") as reader:
        gap, fourth = await reader.take(2)
        assert (gap.id, gap.name, json.loads(gap.data)) == ("3", "gap", {"after": 1, "until": 3})
        assert number_of(fourth.data) == 4
    for start in ("after=3", "from=first"):
        async with reading(api, f"/api/events?{start}") as reader:
            assert await numbers(reader, 2) == [4, 5]


async def test_filters_select_by_type_job_and_name(api: aiohttp.ClientSession, bus: Bus) -> None:
    await bus.publish_event(
        InstanceStarted(
            at=datetime.now(UTC), instance=INSTANCE, about_instance=INSTANCE, boot="202601010000000000"
        )
    )
    await publish(bus, 2, "hello")
    await publish(bus, 3, "a b.c")
    await publish(bus, 4, "hello", JobType.CONTINUOUS)
    for query, expected in (
        ("job=hello", [2, 4]),
        ("job=hello&type=continuous", [4]),
        ("job=hello&job=a%20b.c&type=triggered", [2, 3]),
        ("event=Enabled", [2, 3, 4]),
    ):
        async with reading(api, f"/api/events?from=first&{query}") as reader:
            assert await numbers(reader, len(expected)) == expected
            await publish(bus, 100, "other", JobType.CONTINUOUS)  # must not be seen but for the last one
            if query != "event=Enabled":
                await reader.until_heartbeat()
    async with reading(api, "/api/events?from=first&type=instance") as reader:
        assert (await reader.take(1))[0].name == "InstanceStarted"


async def test_heartbeats_carry_the_position_of_a_reader_who_is_told_nothing(
    api: aiohttp.ClientSession, bus: Bus
) -> None:
    async with reading(api, "/api/events?job=nobody") as reader:
        last = [await publish(bus, number) for number in range(1, 4)][-1]

        async def has_moved() -> bool:
            await reader.until_heartbeat()
            return reader.last_id == str(last)

        await eventually(has_moved)


@pytest.mark.parametrize(
    "query",
    [
        "type=x",
        "event=success",
        "job=..",
        "job=%00",
        "after=x",
        "after=-1",
        "from=yesterday",
        "job=" + "x" * 300,
    ],
)
async def test_bad_parameters_are_refused_with_a_sentence(api: aiohttp.ClientSession, query: str) -> None:
    async with api.get(f"/api/events?{query}") as answer:
        assert answer.status == 400
        assert answer.content_type == "application/problem+json"
        assert (await answer.json())["detail"].endswith(".")
    async with api.get("/api/events", headers={"Last-Event-ID": "seven"}) as answer:
        assert answer.status == 400


async def test_head_answers_at_once(api: aiohttp.ClientSession) -> None:
    async with api.head("/api/events") as answer:
        assert answer.status == 200


async def test_many_readers_under_load_get_every_event_once_and_in_order(
    api: aiohttp.ClientSession, bus: Bus
) -> None:
    count = 400

    async def read(start: str) -> list[int]:
        async with reading(api, f"/api/events?{start}") as reader:
            return await numbers(reader, count)

    async def load() -> None:
        for number in range(1, count + 1):
            await publish(bus, number)

    async with asyncio.TaskGroup() as group:
        group.create_task(load())
        readers = [group.create_task(read(start)) for start in ["from=first"] * 8 + ["after=0"] * 2]
    assert all(reader.result() == list(range(1, count + 1)) for reader in readers)


async def test_a_reader_who_falls_behind_what_is_kept_loses_nothing(
    api: aiohttp.ClientSession, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webjobs_api.backends.tail._KEPT_MESSAGES", 10)
    async with reading(api, "/api/events") as slow, reading(api, "/api/events") as quick:
        for number in range(1, 301):
            await publish(bus, number)
        assert await numbers(quick, 300) == list(range(1, 301))
        assert await numbers(slow, 300) == list(range(1, 301))


async def test_a_client_that_takes_nothing_is_cut_off(
    settings: ApiSettings, backend: FakeBackend, bus: Bus, capsys: pytest.CaptureFixture[str]
) -> None:
    large = "x" * 100_000
    for number in range(120):  # more than the buffers of a connection take
        await publish(bus, number, digest=large)
    async with run_api(settings, {}, SHORT, LiveTerms(heartbeat=0.05, stuck=0.3)) as url:
        address = urlsplit(url)
        with socket.create_connection((address.hostname, address.port)) as connection:
            connection.sendall(b"GET /api/events?from=first HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await eventually(lambda: "client cut off" in capsys.readouterr().out)
            connection.setblocking(False)
            received = 0
            with contextlib.suppress(ConnectionResetError):
                while data := await asyncio.get_running_loop().sock_recv(connection, 1024 * 1024):
                    received += len(data)
    assert received < 120 * 100_000


async def test_readers_end_in_good_order_when_the_api_stops(
    settings: ApiSettings, backend: FakeBackend, bus: Bus
) -> None:
    patient = LiveTerms(heartbeat=60)
    async with aiohttp.ClientSession() as session, asyncio.timeout(30):
        async with run_api(settings, {}, SHORT, patient) as url:
            answer = await session.get(f"{url}/api/events?from=first")
            reader = EventReader(answer)
            await publish(bus, 1)
            await reader.take(1)
            began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began < 2
        assert await reader.next() is None


async def test_a_reader_stays_connected_over_a_crash_of_nats(tmp_path: Path, namespace: str) -> None:
    async with run_nats_server(tmp_path / "nats") as server:
        settings = ApiSettings(nats_url=server.url, namespace=namespace, port=0)
        async with (
            connect_bus(server.url, name="test", subjects=Subjects(namespace)) as bus,
            run_api(settings, {}, SHORT, QUICK) as url,
            aiohttp.ClientSession(url) as session,
            reading(session, "/api/events") as reader,
        ):

            async def load() -> None:
                for number in range(1, 301):
                    while True:
                        try:
                            await publish(bus, number)
                            break
                        except BusUnavailable:
                            await eventually(lambda: bus.is_connected)

            loading = asyncio.create_task(load())
            for seen in (50, 100):
                assert await numbers(reader, 50) == list(range(seen - 49, seen + 1))
                await crash_and_restart(server)
            await loading
            told = [number_of(event.data) for event in await reader.take(200)]
            assert list(dict.fromkeys(told)) == list(range(101, 301))


async def test_lists_with_a_sequence_include_everything_up_to_there(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    backend.may_project.clear()
    async with api.post("/api/jobs/triggered/hello/run") as answer:
        run_id = answer.headers["Location"].rpartition("/")[2]
    await eventually(lambda: "hello" in backend.held)
    await backend.end_run("hello")
    async with reading(api, "/api/events") as reader:
        headers = {"Webjobs-Sequence": reader.answer.headers["Webjobs-Sequence"]}
        asked = asyncio.ensure_future(latest_runs(api, headers))
        await reader.until_heartbeat()
        assert not asked.done()
        backend.may_project.set()
        assert await asked == {"hello": (run_id, "Success")}
    for wrong in ("999", "x", "-1"):
        async with api.get("/api/jobs/triggered", headers={"Webjobs-Sequence": wrong}) as answer:
            assert answer.status == 400


async def test_a_snapshot_and_what_follows_it_make_the_state_under_load(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    jobs = [f"job{number}" for number in range(5)]
    for job in jobs:
        await backend.define(JobType.TRIGGERED, job)
    done = asyncio.Event()

    async def load(job: str) -> None:
        for _ in range(6):
            async with api.post(f"/api/jobs/triggered/{job}/run") as answer:
                assert answer.status == 202
            await eventually(lambda: job in backend.held)
            await backend.end_run(job)
            await backend.define(JobType.TRIGGERED, job)

    async def follow() -> dict[str, tuple[str, str]]:
        async with reading(api, "/api/events?type=triggered") as reader:
            sequence = reader.answer.headers["Webjobs-Sequence"]
            state = await latest_runs(api, {"Webjobs-Sequence": sequence})
            while not done.is_set() or int(reader.last_id) < await bus.last_sequence(
                bus.subjects.events_stream
            ):
                if (event := await reader.next_sign()) is not None:
                    run = json.loads(event.data)["data"]
                    # Later runs have later ids, and Success is the last of the three words of a run.
                    known = state.get(run["job_name"], ("", ""))
                    state[run["job_name"]] = max(known, (run["run_id"], event.name))
            return state

    async with asyncio.TaskGroup() as group:
        loads = [group.create_task(load(job)) for job in jobs]
        followers = []
        for number in range(5):  # they begin in the middle of it
            await eventually(lambda number=number: backend.position >= 15 * number)
            followers.append(group.create_task(follow()))
        await asyncio.wait(loads)
        done.set()
    end = await latest_runs(api, {})
    assert all(follower.result() == end for follower in followers)


async def latest_runs(api: aiohttp.ClientSession, headers: dict[str, str]) -> dict[str, tuple[str, str]]:
    """The latest run of each job, with its status."""
    async with api.get("/api/jobs/triggered", headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        listed = await answer.json()
    return {
        job["name"]: (job["latest_run"]["id"], job["latest_run"]["status"])
        for job in listed
        if job["latest_run"]
    }


async def test_values_of_env_that_an_earlier_release_stored_are_withheld(
    api: aiohttp.ClientSession, bus: Bus
) -> None:
    await publish(bus, 1, settings={"timeout": 5, "env": {"TOKEN": "canary"}})
    async with reading(api, "/api/events?from=first") as reader:
        (event,) = await reader.take(1)
    assert "canary" not in event.data
    body = json.loads(event.data)["data"]
    assert (body["settings"], body["env_names"], body["env_digest"]) == ({"timeout": 5}, ["TOKEN"], None)
