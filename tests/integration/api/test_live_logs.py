"""What jobs write, told while they write it: as text, and a run's log as server-sent events."""

import asyncio
import json

import aiohttp
import pytest
from integration.api.conftest import SHORT, OwnNats
from support.eventually import eventually
from support.fake_backend import INSTANCE, FakeBackend
from support.outages import crash_and_restart
from support.sse import reading
from webjobs_api.app import run_api
from webjobs_api.http.dialects import DIALECTS
from webjobs_api.http.terms import LiveTerms
from webjobs_api.settings import ApiSettings
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobType

MARK = b"[11/08/2013 02:56:00 > 327e1e: INFO] "


@pytest.fixture
async def run_id(api: aiohttp.ClientSession, backend: FakeBackend) -> str:
    """A run that goes on."""
    return await started_run(api, backend)


async def started_run(api: aiohttp.ClientSession, backend: FakeBackend) -> str:
    await backend.define(JobType.TRIGGERED, "hello")
    async with api.post("/api/jobs/triggered/hello/run") as answer:
        run_id = answer.headers["Location"].rpartition("/")[2]
    await eventually(lambda: backend.position == 2)
    return run_id


@pytest.fixture
async def worker(backend: FakeBackend) -> str:
    await backend.define(JobType.CONTINUOUS, "worker")
    return "worker"


def log_of(run_id: str) -> str:
    return f"/api/jobs/triggered/hello/history/{run_id}/log"


async def line(answer: aiohttp.ClientResponse) -> bytes:
    """The next line that is no heartbeat."""
    async with asyncio.timeout(30):
        while b"No new trace" in (found := await answer.content.readline()):
            pass
    return found


async def welcomed(answer: aiohttp.ClientResponse) -> None:
    assert answer.status == 200, await answer.text()
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert b"  Welcome, you are now connected to log-streaming service." in await line(answer)


async def test_the_log_stream_tells_new_lines_of_all_jobs_with_their_names(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, run_id: str, worker: str
) -> None:
    run = bus.subjects.log(JobType.TRIGGERED, "hello", run_id)
    instance = bus.subjects.log(JobType.CONTINUOUS, "a b", INSTANCE)
    await backend.log(run, f"output_{run_id}.log", 0, b"old\n")
    async with api.get("/api/logstream") as answer:
        await welcomed(answer)
        await backend.log(run, f"output_{run_id}.log", 4, MARK + b"one\n" + MARK + b"hal")
        await backend.log(run, f"error_{run_id}.log", 0, b"told in the other file too\n")
        await backend.log(f"{instance}-job", "job.log", 0, b"told in the other file too\n")
        await backend.log(instance, "application.log", 0, MARK + b"two\n")
        await backend.log(run, f"output_{run_id}.log", 4 + 2 * len(MARK) + 7, b"f\n")
        assert await line(answer) == b"triggered/hello: " + MARK + b"one\n"
        assert await line(answer) == b"continuous/a b: " + MARK + b"two\n"
        assert await line(answer) == b"triggered/hello: " + MARK + b"half\n"


@pytest.mark.parametrize(
    "path",
    [
        "/api/logstream",
        "/api/logstream/application",
        "/logstream",
        "/logstream/application",
        "/logstream/application/",
    ],
)
async def test_silence_is_told(api: aiohttp.ClientSession, backend: FakeBackend, path: str) -> None:
    async with api.get(path) as answer:
        await welcomed(answer)
        assert b"  No new trace in the past 0 min(s)." in await answer.content.readline()


@pytest.mark.parametrize("prefix", ["/api/logstream", "/logstream"])
async def test_the_log_of_one_job_is_filtered_by_words(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, worker: str, prefix: str
) -> None:
    subject = bus.subjects.log(JobType.CONTINUOUS, worker, INSTANCE)
    other = bus.subjects.log(JobType.CONTINUOUS, "other", INSTANCE)
    async with (
        api.get(f"{prefix}/continuous/worker?filter=ERROR") as answer,
        api.get(f"{prefix}/continuous/worker/{INSTANCE}") as of_instance,
        api.get(f"{prefix}/continuous/worker/bbbbbb") as of_another,
    ):
        for each in (answer, of_instance, of_another):
            await welcomed(each)
        await backend.log(other, "application.log", 0, b"an error elsewhere\n")
        await backend.log(subject, "application.log", 0, b"fine\nan Error\n")
        assert await line(answer) == b"an Error\n"
        assert await line(of_instance) == b"fine\n"
        assert b"No new trace" in await of_another.content.readline()


async def test_the_log_stream_of_a_run_ends_with_the_run(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, run_id: str
) -> None:
    subject = bus.subjects.log(JobType.TRIGGERED, "hello", run_id)
    async with api.get(f"/api/logstream/triggered/hello/{run_id}") as answer:
        await welcomed(answer)
        await backend.log(subject, f"output_{run_id}.log", 0, b"one\nend")
        assert await line(answer) == b"one\n"
        assert await answer.content.readexactly(3) == b"end"  # though its line has no end
        await backend.end_run("hello")
        assert await line(answer) == b"\n"
        assert await line(answer) == b""


async def test_the_log_stream_of_a_run_that_wrote_before_only_waits_for_the_size_of_its_log(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, run_id: str
) -> None:
    subject = bus.subjects.log(JobType.TRIGGERED, "hello", run_id)
    await backend.log(subject, f"output_{run_id}.log", 0, b"one\n")
    await backend.log(subject, f"error_{run_id}.log", 0, b"bad\n")
    async with api.get(f"/api/logstream/triggered/hello/{run_id}") as answer:
        await welcomed(answer)
        size = 4 + len(MARK) + 4
        await backend.end_run("hello", output_log_bytes=size, error_log_bytes=4, dropped_lines=0)
        await backend.log(subject, f"output_{run_id}.log", 4, MARK + b"two\n")
        assert await line(answer) == MARK + b"two\n"
        assert await line(answer) == b""
    async with api.get(f"/api/logstream/triggered/hello/{run_id}") as late:
        await welcomed(late)
        assert await line(late) == b""


async def test_followers_of_a_run_ask_history_when_they_begin_and_when_it_ends(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, run_id: str
) -> None:
    output = f"output_{run_id}.log"
    paths = (f"/api/logstream/triggered/hello/{run_id}", f"/vfs/data/jobs/triggered/hello/{run_id}/{output}")
    before = backend.questions
    async with reading(api, log_of(run_id)) as events, api.get(paths[0]), api.get(f"{paths[1]}?follow=1"):
        begun = before + 7  # two each, and one more for the file: is it whole already?
        await eventually(lambda: backend.questions == begun)
        await backend.log(bus.subjects.log(JobType.TRIGGERED, "hello", run_id), output, 0, b"one\n")
        assert [event.data for event in await events.take(1)] == ["one"]
        for _ in range(4):
            await events.until_heartbeat()
        assert backend.questions == begun
        await backend.end_run("hello")
        assert [event.name for event in await events.take(1)] == ["end"]


async def test_followers_of_a_run_stay_while_history_is_away(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, run_id: str
) -> None:
    subject = bus.subjects.log(JobType.TRIGGERED, "hello", run_id)
    async with (
        api.get(f"/api/logstream/triggered/hello/{run_id}") as text,
        reading(api, log_of(run_id)) as events,
    ):
        await welcomed(text)
        backend.history_away = True
        await backend.log(subject, f"output_{run_id}.log", 0, b"one\n")
        assert await line(text) == b"one\n"
        assert [event.data for event in await events.take(1)] == ["one"]
        for _ in range(4):  # long enough to have asked
            await events.until_heartbeat()
        backend.history_away = False
        await backend.end_run("hello")
        assert await line(text) == b""
        assert [event.name for event in await events.take(1)] == ["end"]


async def test_followers_of_a_run_stay_over_a_crash_of_nats(own_nats: OwnNats) -> None:
    server, bus, backend, api = own_nats.server, own_nats.bus, own_nats.backend, own_nats.api
    run_id = await started_run(api, backend)
    subject, output = bus.subjects.log(JobType.TRIGGERED, "hello", run_id), f"output_{run_id}.log"
    async with (
        api.get(f"/api/logstream/triggered/hello/{run_id}") as text,
        api.get(f"/vfs/data/jobs/triggered/hello/{run_id}/{output}?follow=1") as plain,
        reading(api, log_of(run_id)) as events,
    ):
        await welcomed(text)
        await backend.log(subject, output, 0, b"one\n")
        assert await line(text) == await plain.content.readline() == b"one\n"
        await crash_and_restart(server)
        await eventually(lambda: bus.is_connected)
        await backend.log(subject, output, 4, b"two\n")
        await backend.end_run("hello", output_log_bytes=8, error_log_bytes=0, dropped_lines=0)
        assert await line(text) == await plain.content.readline() == b"two\n"
        assert await line(text) == await plain.content.readline() == b""
        assert "".join(each.data for each in await events.take(2)) == "onetwo"
        assert [event.name for event in await events.take(1)] == ["end"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("triggered/nobody", 404),
        ("triggered/..%2f", 400),
        ("continuous/hello", 404),
        ("triggered/hello/202601010000000000", 404),
        ("triggered/hello/x", 404),
        ("continuous/worker/*", 404),
        ("continuous/worker/a.b.cd", 404),
        ("nightly/hello", 404),
    ],
)
async def test_what_is_not_there_cannot_be_followed(
    api: aiohttp.ClientSession, run_id: str, worker: str, path: str, status: int
) -> None:
    async with api.get(f"/api/logstream/{path}") as answer:
        assert answer.status == status
    async with api.post("/api/logstream") as answer:
        assert answer.status == 405


async def test_a_runs_log_is_followed_by_events_and_resumed_by_byte(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, run_id: str
) -> None:
    subject, output = bus.subjects.log(JobType.TRIGGERED, "hello", run_id), f"output_{run_id}.log"
    await backend.log(subject, output, 0, b"one\ntwo\nhal")
    async with reading(api, log_of(run_id)) as reader:
        (first,) = await reader.take(1)
        assert (first.id, first.data) == ("8", "one\ntwo")
        await backend.log(subject, output, 11, b"f\n\nn\xc3\xa4chste\n")
        (second,) = await reader.take(1)
        assert (second.id, second.data) == ("23", "half\n\nnächste")
        await reader.until_heartbeat()
        assert reader.last_id == "23"
    async with reading(api, log_of(run_id), headers={"Last-Event-ID": "4"}) as reader:
        (rest,) = await reader.take(1)
        assert (rest.id, rest.data) == ("8", "two")
        (more,) = await reader.take(1)
        assert more.data == "half\n\nnächste"
        await backend.log(subject, output, 23, b"no end")
        await backend.end_run("hello")
        (last, end) = await reader.take(2)
        assert (last.id, last.data) == ("29", "no end")
        assert (end.id, end.name) == ("29-end", "end")
        assert json.loads(end.data) == {
            "status": "Success",
            "reason": "exit_code",
            "exit_code": 0,
            "size": 29,
        }
        assert await reader.next() is None
    async with api.get(
        log_of(run_id), headers={"Accept": "text/event-stream", "Last-Event-ID": end.id}
    ) as done:
        assert done.status == 204  # a browser connects no more
    for dialect in DIALECTS:
        path = f"{dialect.jobs_of(JobType.TRIGGERED)}/hello/history/{run_id}/log"
        async with api.get(path) as plain:
            assert await plain.read() == b"one\ntwo\nhalf\n\nn\xc3\xa4chste\nno end"
    for offset, rest in (("23", b"no end"), ("26", b"end"), ("29", b""), ("999", b"")):
        async with api.get(f"{log_of(run_id)}?offset={offset}") as plain:
            assert await plain.read() == rest
    async with api.get(f"{log_of(run_id)}?offset=-1") as refused:
        assert refused.status == 400
    async with api.get(
        log_of(run_id), headers={"Accept": "text/event-stream", "Last-Event-ID": "x"}
    ) as refused:
        assert refused.status == 400


async def test_followers_of_logs_end_when_the_api_stops(
    settings: ApiSettings, backend: FakeBackend, bus: Bus, run_id: str
) -> None:
    async with aiohttp.ClientSession() as session, asyncio.timeout(30):
        async with run_api(settings, {}, SHORT, LiveTerms(heartbeat=60)) as url:
            answer = await session.get(f"{url}/api/logstream")
            await welcomed(answer)
            log = await session.get(f"{url}{log_of(run_id)}", headers={"Accept": "text/event-stream"})
            await log.content.readline()
            began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began < 2
        assert await answer.content.readline() == b""
        assert b"event" not in await log.read()


async def test_an_unfinished_line_is_told_and_continued(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, run_id: str
) -> None:
    subject, output = bus.subjects.log(JobType.TRIGGERED, "hello", run_id), f"output_{run_id}.log"
    prompt = MARK + b"Password: "
    async with (
        reading(api, log_of(run_id)) as reader,
        api.get(f"/api/logstream/triggered/hello/{run_id}") as text,
        api.get(f"/vfs/data/jobs/triggered/hello/{run_id}/{output}?follow=1") as plain,
    ):
        await welcomed(text)
        await backend.log(subject, output, 0, prompt)
        partial = await reader.next()
        assert partial is not None
        assert (partial.id, partial.name, partial.data) == ("0", "partial", prompt.decode())
        for answer in (text, plain):
            assert await answer.content.readexactly(len(prompt)) == prompt
        await backend.log(subject, output, len(prompt), b"***\n")
        (whole,) = await reader.take(1)
        assert (whole.id, whole.name, whole.data) == (
            str(len(prompt) + 4),
            "message",
            prompt.decode() + "***",
        )
        for answer in (text, plain):
            assert await answer.content.readexactly(4) == b"***\n"
