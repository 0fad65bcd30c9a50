"""How long a request waits for the runner that has its command, and what it is answered without a reply."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from integration.api.conftest import QUICK
from msgspec.json import encode
from support.definitions import job_definition
from support.eventually import eventually
from support.fake_backend import INSTANCE, FakeBackend
from webjobs_api.app import run_api
from webjobs_api.jobs.commands import Patience
from webjobs_api.settings import ApiSettings
from webjobs_events.commands import CommandReply, ReplyCode, decode_command
from webjobs_events.deployment_id import deployment_id_of, end_headers
from webjobs_events.jetstream import Bus
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobType

STOP = "/api/jobs/continuous/worker/stop"
LONG = 100.0  # seconds; longer than a test may take


@contextlib.asynccontextmanager
async def api_with(settings: ApiSettings, patience: Patience) -> AsyncIterator[aiohttp.ClientSession]:
    async with run_api(settings, {}, patience, QUICK) as url, aiohttp.ClientSession(url) as session:
        yield session


async def status_of(api: aiohttp.ClientSession, path: str = STOP) -> tuple[int, str]:
    async with api.post(path) as answer:
        return answer.status, await answer.text()


@pytest.fixture
async def worker(backend: FakeBackend) -> FakeBackend:
    await backend.define(JobType.CONTINUOUS, "worker")
    return backend


async def test_a_runner_that_has_the_command_is_waited_for(
    settings: ApiSettings, worker: FakeBackend, bus: Bus
) -> None:
    worker.may_take_job_commands.clear()
    async with api_with(settings, Patience(reply=0.3, work=LONG)) as api:
        asking = asyncio.create_task(status_of(api))
        done, _ = await asyncio.wait({asking}, timeout=1.5)  # longer than it would wait for a runner
        assert not done
        worker.may_take_job_commands.set()
        assert (await asking)[0] == 200
    assert not await pending(bus)


async def test_a_reply_that_was_lost_is_not_waited_for(settings: ApiSettings, worker: FakeBackend) -> None:
    worker.answers = False
    async with api_with(settings, Patience(reply=0.3, work=LONG, last_words=0.3)) as api:
        async with asyncio.timeout(30):
            assert (await status_of(api))[0] == 200  # as the definition shows


async def test_a_reply_that_is_lost_while_it_is_waited_for_is_given_up(
    settings: ApiSettings, worker: FakeBackend
) -> None:
    worker.may_take_job_commands.clear()
    worker.answers = False
    async with api_with(settings, Patience(reply=0.3, work=LONG, last_words=0.3)) as api:
        asking = asyncio.create_task(status_of(api))
        done, _ = await asyncio.wait({asking}, timeout=1.5)
        assert not done
        worker.may_take_job_commands.set()
        async with asyncio.timeout(30):
            assert (await asking)[0] == 200


async def test_a_runner_that_never_ends_a_command_keeps_it(
    settings: ApiSettings, worker: FakeBackend, bus: Bus
) -> None:
    worker.may_take_job_commands.clear()
    async with api_with(settings, Patience(reply=0.3, work=0.5)) as api:
        status, text = await status_of(api)
        assert (status, "did not say how the stop" in text) == (503, True), text
        assert await pending(bus)
        worker.may_take_job_commands.set()
        await eventually(lambda: is_done(bus))
    assert worker.seen


async def test_the_log_of_a_deployment_says_how_it_failed_whose_reply_was_lost(
    settings: ApiSettings, backend: FakeBackend, bus: Bus
) -> None:
    backend.answers = False
    backend.may_take_job_commands.clear()
    async with api_with(settings, Patience(deployment=LONG, last_words=0.3)) as api:
        asking = asyncio.create_task(put_archive(api))
        (subject,) = await eventually(lambda: bus.pending_subjects(bus.subjects.job_commands(("deploy",))))
        waiting = await bus.pending_command(subject)
        assert waiting is not None
        sent = decode_command(waiting.subject, waiting.data, waiting.headers)
        log = bus.subjects.deployment_log(JobType.TRIGGERED, "hello", str(deployment_id_of(sent.command_id)))
        failed = CommandReply(code=ReplyCode.NO_RUNNABLE_SCRIPT, message="Nothing to run.")
        await bus.publish(log, b"", headers=end_headers(failed))
        backend.may_take_job_commands.set()
        assert await asking == (400, "Nothing to run.")


async def put_archive(api: aiohttp.ClientSession) -> tuple[int, str]:
    headers = {"Content-Type": "application/zip", "Prefer": "wait=2"}
    async with api.put("/api/jobs/triggered/hello", data=b"no archive", headers=headers) as answer:
        return answer.status, await answer.text()


async def test_a_command_that_no_runner_takes_is_taken_back(
    settings: ApiSettings, bus: Bus, tmp_path: Path
) -> None:
    definition = job_definition("worker", JobType.CONTINUOUS)
    await bus.jobs.put(Subjects.definition_key(JobType.CONTINUOUS, "worker"), encode(definition))
    await bus.leases.put(Subjects.instance_key(INSTANCE), b'{"boot": "test"}', ttl=60)
    async with api_with(settings, Patience(reply=0.3, work=LONG)) as api:
        status, text = await status_of(api)
        assert (status, "taken back" in text) == (503, True), text
    assert not await pending(bus)


async def pending(bus: Bus) -> list[str]:
    return await bus.pending_subjects(bus.subjects.job_commands(("stop",)))


async def is_done(bus: Bus) -> bool:
    return not await pending(bus)
