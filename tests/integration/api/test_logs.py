"""Logs served from the stream: put together by offset, ended where they end, followed when asked."""

import asyncio
import contextlib

import aiohttp
import pytest
from support.eventually import eventually
from support.fake_backend import INSTANCE, FakeBackend
from support.sse import reading
from webjobs_api.http.log_errors import LogIncomplete
from webjobs_api.logs.assembly import Piece
from webjobs_api.logs.reader import FinalLog, LogSource, read_log
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobType

WORKER_LOG = "/vfs/data/jobs/continuous/worker/job.log"


def run_logs(run_id: str, file: str) -> str:
    return f"/vfs/data/jobs/triggered/hello/{run_id}/{file}"


async def get(api: aiohttp.ClientSession, path: str) -> tuple[int, str]:
    async with api.get(path) as answer:
        return answer.status, await answer.text()


async def test_a_runs_files_are_put_together_without_repeats(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, run_id: str
) -> None:
    subject = bus.subjects.log(JobType.TRIGGERED, "hello", run_id)
    output, error = f"output_{run_id}.log", f"error_{run_id}.log"
    await backend.log(subject, output, 0, b"one\n")
    await backend.log(subject, error, 0, b"bad\n")
    await backend.log(subject, output, 4, b"two\n")
    await backend.log(subject, output, 4, b"two\n")
    await backend.log(subject, output, 6, b"o\nthree\n")
    await backend.log(subject, output, 100, "nach der Lücke\n".encode())
    whole = "one\ntwo\nthree\n"  # what is behind a gap is on its way, as far as anybody knows
    for prefix in ("", "/api"):
        assert await get(api, prefix + run_logs(run_id, output)) == (200, whole)
    assert await get(api, run_logs(run_id, error)) == (200, "bad\n")
    async with api.get(run_logs(run_id, output)) as answer:
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    async with api.head(run_logs(run_id, output)) as answer:
        assert (answer.status, await answer.read()) == (200, b"")


async def test_a_run_without_output_has_an_empty_log_and_no_error_log(
    api: aiohttp.ClientSession, backend: FakeBackend, run_id: str
) -> None:
    for _ in range(2):
        assert await get(api, run_logs(run_id, f"output_{run_id}.log")) == (200, "")
        assert (await get(api, run_logs(run_id, f"error_{run_id}.log")))[0] == 404
        if "hello" in backend.held:
            await backend.end_run("hello")
            await eventually(lambda: backend.position == 3)


async def test_other_files_runs_and_jobs_are_not_found(api: aiohttp.ClientSession, run_id: str) -> None:
    for path in (
        run_logs("202601010000000000", "output_202601010000000000.log"),
        run_logs("x", "output_x.log"),
        f"/vfs/data/jobs/triggered/other/{run_id}/output_{run_id}.log",
        WORKER_LOG,
        "/vfs/LogFiles/Application/continuous/worker.log",
    ):
        assert (await get(api, path))[0] == 404, path


async def test_a_file_that_is_no_log_is_asked_of_a_runner_which_is_not_here(
    api: aiohttp.ClientSession, run_id: str
) -> None:
    for path in (
        run_logs(run_id, "output_202601010000000000.log"),
        run_logs(run_id, "status"),
        "/vfs/data/jobs/triggered/hello",
    ):
        assert (await get(api, path))[0] == 503, path
    assert (await get(api, run_logs(run_id, "..%2f..%2fetc%2fpasswd")))[0] in (400, 503)


async def test_a_long_log_is_streamed_whole(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, run_id: str
) -> None:
    subject = bus.subjects.log(JobType.TRIGGERED, "hello", run_id)
    line = b"x" * 1023 + b"\n"
    for number in range(100):
        await backend.log(subject, f"output_{run_id}.log", number * 256 * 1024, line * 256)
    async with api.get(run_logs(run_id, f"output_{run_id}.log")) as answer:
        content = await answer.read()
    assert content == line * 25_600


async def test_a_job_log_merges_the_instances_in_the_order_of_the_stream(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    await backend.define(JobType.CONTINUOUS, "worker")
    assert await get(api, WORKER_LOG) == (200, "")
    for instance, file, offset, data in (
        (INSTANCE, "job.log", 0, b"a1\n"),
        ("bbbbbb", "job.log", 0, b"b1\n"),
        (INSTANCE, "application.log", 0, b"all of it\n"),
        (INSTANCE, "job.log", 3, b"a2\n"),
        ("bbbbbb", "job.log", 0, b"b1\n"),
    ):
        subject = bus.subjects.log(JobType.CONTINUOUS, "worker", instance)
        await backend.log(subject, file, offset, data)
    for log in (WORKER_LOG, f"{WORKER_LOG}/", "/vfs/data/jobs/continuous/worker/job_log.txt"):
        assert await get(api, log) == await get(api, f"/api{log}") == (200, "a1\nb1\na2\n"), log
    everything = "/vfs/LogFiles/Application/continuous/worker.log"
    assert await get(api, everything) == await get(api, f"/api{everything}") == (200, "all of it\n")


async def test_a_followed_log_goes_on_until_its_run_has_ended(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, run_id: str
) -> None:
    subject = bus.subjects.log(JobType.TRIGGERED, "hello", run_id)
    output = f"output_{run_id}.log"
    async with api.get(run_logs(run_id, f"{output}?follow=1")) as answer:
        await backend.log(subject, output, 0, b"one\n")
        assert await answer.content.readexactly(4) == b"one\n"
        await backend.log(subject, output, 4, b"two\n")
        assert await answer.content.readexactly(4) == b"two\n"
        await backend.end_run("hello")
        assert await answer.read() == b""


async def test_a_follower_may_leave_and_the_api_may_stop(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    await backend.define(JobType.CONTINUOUS, "worker")
    async with api.get(f"{WORKER_LOG}?follow=1") as answer:
        subject = bus.subjects.log(JobType.CONTINUOUS, "worker", INSTANCE)
        await backend.log(subject, "job.log", 0, b"one\n")
        assert await answer.content.readexactly(4) == b"one\n"


async def test_a_log_that_is_purged_while_it_is_read_breaks_off(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, run_id: str
) -> None:
    subject = bus.subjects.log(JobType.TRIGGERED, "hello", run_id)
    for number in range(60):
        await backend.log(subject, f"output_{run_id}.log", number * 900_000, bytes(900_000))
    async with api.get(run_logs(run_id, f"output_{run_id}.log")) as answer:
        await answer.content.readexactly(1000)
        await bus.purge_subject(bus.subjects.logs_stream, subject)
        async with asyncio.timeout(30):
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()


WHOLE = b"one\ntwo\nthree\n"


async def ended_run(backend: FakeBackend, output_log_bytes: int = len(WHOLE), **sizes: int) -> None:
    """Let the run end with a log of this size, as its runner knows it."""
    sizes = {"error_log_bytes": 0, "dropped_lines": 0} | sizes
    await backend.end_run("hello", output_log_bytes=output_log_bytes, **sizes)


def addresses(run_id: str) -> list[str]:
    """Where the output log of a run is read as text."""
    base = f"/history/{run_id}/log"
    return [
        run_logs(run_id, f"output_{run_id}.log"),
        run_logs(run_id, "output_log.txt"),
        "/api" + run_logs(run_id, f"output_{run_id}.log"),
        run_logs(run_id, f"output_{run_id}.log?follow=1"),
        f"/api/jobs/triggered/hello{base}",
        f"/api/triggeredwebjobs/hello{base}?follow=true",
    ]


@pytest.mark.parametrize("number", range(6))
async def test_a_log_that_is_still_on_its_way_is_waited_for(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, run_id: str, number: int
) -> None:
    subject, output = bus.subjects.log(JobType.TRIGGERED, "hello", run_id), f"output_{run_id}.log"
    await backend.log(subject, output, 0, b"one\n")
    await ended_run(backend)
    async with api.get(addresses(run_id)[number]) as answer:
        assert await answer.content.readexactly(4) == b"one\n"
        await backend.log(subject, output, 4, b"two\n")
        assert await answer.content.readexactly(4) == b"two\n"
        await backend.log(subject, output, 8, b"three\n")
        assert await answer.read() == b"three\n"
        assert answer.headers["Content-Length"] == str(len(WHOLE))


async def test_a_log_of_which_the_rest_does_not_come_breaks_off(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, run_id: str
) -> None:
    subject, output = bus.subjects.log(JobType.TRIGGERED, "hello", run_id), f"output_{run_id}.log"
    await backend.log(subject, output, 0, b"one\n")
    await ended_run(backend)

    async def read(path: str) -> None:
        async with api.get(path) as answer:
            assert answer.status == 200
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()

    await asyncio.gather(*(read(path) for path in addresses(run_id)))


async def test_a_log_of_which_nothing_comes_is_503(
    api: aiohttp.ClientSession, backend: FakeBackend, run_id: str
) -> None:
    await ended_run(backend)
    async with api.get(run_logs(run_id, "output_log.txt")) as answer:
        assert answer.status == 503
        assert "0 of 14 bytes" in await answer.text()
        assert int(answer.headers["Retry-After"]) > 0


async def test_followers_of_a_log_of_which_the_rest_does_not_come_see_no_good_end(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, run_id: str
) -> None:
    subject, output = bus.subjects.log(JobType.TRIGGERED, "hello", run_id), f"output_{run_id}.log"
    async with (
        api.get(run_logs(run_id, f"{output}?follow=1")) as plain,
        api.get(f"/api/logstream/triggered/hello/{run_id}") as text,
        reading(api, f"/api/jobs/triggered/hello/history/{run_id}/log") as events,
    ):
        assert b"Welcome" in await text.content.readline()
        await backend.log(subject, output, 0, b"one\n")
        assert await plain.content.readexactly(4) == b"one\n"
        assert await text.content.readexactly(4) == b"one\n"
        assert [event.data for event in await events.take(1)] == ["one"]
        await ended_run(backend)
        for answer in (plain, text):
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()
        with pytest.raises(aiohttp.ClientPayloadError):
            await events.next()


async def test_followers_get_the_end_of_a_log_that_comes_after_the_run_has_ended(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, run_id: str
) -> None:
    subject, output = bus.subjects.log(JobType.TRIGGERED, "hello", run_id), f"output_{run_id}.log"
    async with (
        api.get(run_logs(run_id, f"{output}?follow=1")) as plain,
        api.get(f"/api/logstream/triggered/hello/{run_id}") as text,
        reading(api, f"/api/triggeredwebjobs/hello/history/{run_id}/log") as events,
    ):
        assert b"Welcome" in await text.content.readline()
        await backend.log(subject, output, 0, b"one\n")
        await ended_run(backend)
        assert await text.content.readline() == b"one\n"
        for _ in range(4):  # long enough for each of them to have asked whether the run has ended
            assert b"No new trace" in await text.content.readline()
        await backend.log(subject, output, 4, b"two\nthree\n")
        assert await plain.read() == WHOLE
        rest = [line for line in (await text.read()).splitlines() if b"No new trace" not in line]
        assert rest == [b"two", b"three"]
        assert [event.name for event in await events.take(3)] == ["message", "message", "end"]


async def test_chunks_that_an_outage_has_put_out_of_order_make_the_log(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, run_id: str
) -> None:
    subject, output = bus.subjects.log(JobType.TRIGGERED, "hello", run_id), f"output_{run_id}.log"
    for offset in (8, 0, 4):
        await backend.log(subject, output, offset, WHOLE[offset : offset + 6])
    await ended_run(backend)
    assert await get(api, run_logs(run_id, output)) == (200, WHOLE.decode())


async def test_a_log_whose_beginning_was_removed_says_so(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, run_id: str
) -> None:
    subject, output = bus.subjects.log(JobType.TRIGGERED, "hello", run_id), f"output_{run_id}.log"
    await backend.log(subject, output, 4, b"two\nthree\n")
    await ended_run(backend)
    status, text = await get(api, run_logs(run_id, output))
    note, _, rest = text.partition("\n")
    assert (status, rest) == (200, "two\nthree\n")
    assert "SYS WARN] 4 bytes are missing here" in note
    async with api.get(run_logs(run_id, output), headers={"Range": "bytes=4-"}) as answer:
        assert (answer.status, await answer.read()) == (206, b"two\nthree\n")


async def test_a_reader_that_waits_for_the_rest_of_a_log_leaves_when_its_run_is_purged(
    backend: FakeBackend, bus: Bus
) -> None:
    subject = bus.subjects.log(JobType.TRIGGERED, "hello", "1")
    await backend.log(subject, "output_1.log", 0, b"one\n")
    is_gone = asyncio.Event()

    async def next_end(known: FinalLog | None) -> FinalLog:
        await is_gone.wait()
        return FinalLog(None, is_gone=True)

    source = LogSource(subject, "output_1.log", next_end, FinalLog(14), patience=3600)
    async with contextlib.aclosing(read_log(bus, source)) as pieces, asyncio.timeout(30):
        assert await anext(pieces) == Piece(b"one\n", 4)
        is_gone.set()
        with pytest.raises(LogIncomplete):
            await anext(pieces)


async def test_parts_of_a_finished_log_and_what_head_says(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, run_id: str
) -> None:
    subject, output = bus.subjects.log(JobType.TRIGGERED, "hello", run_id), f"output_{run_id}.log"
    await backend.log(subject, output, 0, WHOLE)
    await ended_run(backend, error_log_bytes=0)
    path = run_logs(run_id, output)
    for wanted, part in (("0-2", b"one"), ("4-", b"two\nthree\n"), ("-6", b"three\n"), ("8-999", b"three\n")):
        async with api.get(path, headers={"Range": f"bytes={wanted}"}) as answer:
            assert (answer.status, await answer.read()) == (206, part)
            assert answer.headers["Content-Range"].endswith("/14")
    async with api.get(path, headers={"Range": "bytes=14-"}) as answer:
        assert (answer.status, answer.headers["Content-Range"]) == (416, "bytes */14")
    async with api.head(path) as answer:
        assert (answer.status, answer.headers["Content-Length"]) == (200, "14")
    async with api.get(f"/api/jobs/triggered/hello/history/{run_id}/log?offset=99") as answer:
        assert (answer.status, await answer.read()) == (200, b"")


async def test_the_error_log_is_waited_for_too(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, run_id: str
) -> None:
    subject, error = bus.subjects.log(JobType.TRIGGERED, "hello", run_id), f"error_{run_id}.log"
    await ended_run(backend, error_log_bytes=4, has_error_log=True)
    reading_it = asyncio.create_task(get(api, run_logs(run_id, error)))
    await backend.log(subject, error, 0, b"bad\n")
    assert await reading_it == (200, "bad\n")


async def test_a_log_read_the_moment_its_last_event_is_stored_is_that_of_a_run_that_has_ended(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, run_id: str
) -> None:
    subject, output = bus.subjects.log(JobType.TRIGGERED, "hello", run_id), f"output_{run_id}.log"
    await backend.log(subject, output, 0, b"one\n")
    backend.may_project.clear()  # history has not heard of the end yet
    await ended_run(backend)
    answering = asyncio.create_task(get(api, run_logs(run_id, output)))
    done, _ = await asyncio.wait({answering}, timeout=0.3)
    assert not done
    backend.may_project.set()
    await backend.log(subject, output, 4, b"two\nthree\n")
    assert await answering == (200, WHOLE.decode())
