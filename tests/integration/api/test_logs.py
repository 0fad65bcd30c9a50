"""Logs served from the stream: put together by offset, ended where they end, followed when asked."""

import asyncio

import aiohttp
import pytest
from integration.api.stand_in import INSTANCE, StandIn
from support.eventually import eventually
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobType

WORKER_LOG = "/vfs/data/jobs/continuous/worker/job.log"


@pytest.fixture
async def run_id(api: aiohttp.ClientSession, stand_in: StandIn) -> str:
    """A run that goes on."""
    await stand_in.define(JobType.TRIGGERED, "hello")
    async with api.post("/api/jobs/triggered/hello/run") as answer:
        run_id = answer.headers["Location"].rpartition("/")[2]
    await eventually(lambda: stand_in.position == 2)
    return run_id


def run_logs(run_id: str, file: str) -> str:
    return f"/vfs/data/jobs/triggered/hello/{run_id}/{file}"


async def get(api: aiohttp.ClientSession, path: str) -> tuple[int, str]:
    async with api.get(path) as answer:
        return answer.status, await answer.text()


async def test_a_runs_files_are_put_together_without_repeats(
    api: aiohttp.ClientSession, stand_in: StandIn, bus: Bus, run_id: str
) -> None:
    subject = bus.subjects.log(JobType.TRIGGERED, "hello", run_id)
    output, error = f"output_{run_id}.log", f"error_{run_id}.log"
    await stand_in.log(subject, output, 0, b"one\n")
    await stand_in.log(subject, error, 0, b"bad\n")
    await stand_in.log(subject, output, 4, b"two\n")
    await stand_in.log(subject, output, 4, b"two\n")
    await stand_in.log(subject, output, 6, b"o\nthree\n")
    await stand_in.log(subject, output, 100, "nach der Lücke\n".encode())
    whole = "one\ntwo\nthree\nnach der Lücke\n"
    for prefix in ("", "/api"):
        assert await get(api, prefix + run_logs(run_id, output)) == (200, whole)
    assert await get(api, run_logs(run_id, error)) == (200, "bad\n")
    async with api.get(run_logs(run_id, output)) as answer:
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    async with api.head(run_logs(run_id, output)) as answer:
        assert (answer.status, await answer.read()) == (200, b"")


async def test_a_run_without_output_has_an_empty_log_and_no_error_log(
    api: aiohttp.ClientSession, stand_in: StandIn, run_id: str
) -> None:
    for _ in range(2):
        assert await get(api, run_logs(run_id, f"output_{run_id}.log")) == (200, "")
        assert (await get(api, run_logs(run_id, f"error_{run_id}.log")))[0] == 404
        if "hello" in stand_in.held:
            await stand_in.end_run("hello")
            await eventually(lambda: stand_in.position == 3)


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
    api: aiohttp.ClientSession, stand_in: StandIn, bus: Bus, run_id: str
) -> None:
    subject = bus.subjects.log(JobType.TRIGGERED, "hello", run_id)
    line = b"x" * 1023 + b"\n"
    for number in range(100):
        await stand_in.log(subject, f"output_{run_id}.log", number * 256 * 1024, line * 256)
    async with api.get(run_logs(run_id, f"output_{run_id}.log")) as answer:
        content = await answer.read()
    assert content == line * 25_600


async def test_a_job_log_merges_the_instances_in_the_order_of_the_stream(
    api: aiohttp.ClientSession, stand_in: StandIn, bus: Bus
) -> None:
    await stand_in.define(JobType.CONTINUOUS, "worker")
    assert await get(api, WORKER_LOG) == (200, "")
    for instance, file, offset, data in (
        (INSTANCE, "job.log", 0, b"a1\n"),
        ("bbbbbb", "job.log", 0, b"b1\n"),
        (INSTANCE, "application.log", 0, b"all of it\n"),
        (INSTANCE, "job.log", 3, b"a2\n"),
        ("bbbbbb", "job.log", 0, b"b1\n"),
    ):
        subject = bus.subjects.log(JobType.CONTINUOUS, "worker", instance)
        await stand_in.log(subject, file, offset, data)
    for log in (WORKER_LOG, f"{WORKER_LOG}/", "/vfs/data/jobs/continuous/worker/job_log.txt"):
        assert await get(api, log) == await get(api, f"/api{log}") == (200, "a1\nb1\na2\n"), log
    everything = "/vfs/LogFiles/Application/continuous/worker.log"
    assert await get(api, everything) == await get(api, f"/api{everything}") == (200, "all of it\n")


async def test_a_followed_log_goes_on_until_its_run_has_ended(
    api: aiohttp.ClientSession, stand_in: StandIn, bus: Bus, run_id: str
) -> None:
    subject = bus.subjects.log(JobType.TRIGGERED, "hello", run_id)
    output = f"output_{run_id}.log"
    async with api.get(run_logs(run_id, f"{output}?follow=1")) as answer:
        await stand_in.log(subject, output, 0, b"one\n")
        assert await answer.content.readexactly(4) == b"one\n"
        await stand_in.log(subject, output, 4, b"two\n")
        assert await answer.content.readexactly(4) == b"two\n"
        await stand_in.end_run("hello")
        assert await answer.read() == b""


async def test_a_follower_may_leave_and_the_api_may_stop(
    api: aiohttp.ClientSession, stand_in: StandIn, bus: Bus
) -> None:
    await stand_in.define(JobType.CONTINUOUS, "worker")
    async with api.get(f"{WORKER_LOG}?follow=1") as answer:
        subject = bus.subjects.log(JobType.CONTINUOUS, "worker", INSTANCE)
        await stand_in.log(subject, "job.log", 0, b"one\n")
        assert await answer.content.readexactly(4) == b"one\n"


async def test_a_log_that_is_purged_while_it_is_read_ends(
    api: aiohttp.ClientSession, stand_in: StandIn, bus: Bus, run_id: str
) -> None:
    subject = bus.subjects.log(JobType.TRIGGERED, "hello", run_id)
    for number in range(60):
        await stand_in.log(subject, f"output_{run_id}.log", number * 900_000, bytes(900_000))
    async with api.get(run_logs(run_id, f"output_{run_id}.log")) as answer:
        await answer.content.readexactly(1000)
        await bus.purge_subject(bus.subjects.logs_stream, subject)
        async with asyncio.timeout(30):
            rest = await answer.read()
    assert 0 < len(rest) <= 60 * 900_000
