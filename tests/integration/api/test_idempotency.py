"""Requests that are sent again under the same `Idempotency-Key`."""

import asyncio

import aiohttp
import pytest
from support.eventually import eventually
from support.fake_backend import FakeBackend
from webjobs_api.app import run_api
from webjobs_api.settings import ApiSettings
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobType

JOB = "/api/jobs/triggered/hello"


@pytest.fixture(autouse=True)
async def job(backend: FakeBackend) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    await backend.define(JobType.TRIGGERED, "other")


async def ask(
    api: aiohttp.ClientSession, key: str, query: str = "", path: str = f"{JOB}/run"
) -> tuple[int, str]:
    """Ask for a run under a key; answers the status and the run id, or the body."""
    async with api.post(f"{path}{query}", headers={"Idempotency-Key": key}) as answer:
        location = answer.headers.get("Location", "")
        return answer.status, location.rpartition("/")[2] or await answer.text()


async def test_the_same_key_is_the_same_run_while_it_runs_and_after_it(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    status, run_id = await ask(api, "k1", "?arguments=a")
    assert status == 202
    assert await ask(api, "k1", "?arguments=a") == (202, run_id)
    await eventually(lambda: "hello" in backend.held)
    await backend.end_run("hello")
    assert await ask(api, "k1", "?arguments=a") == (202, run_id)
    assert [command.run_id for command in backend.seen] == [run_id]
    status, other = await ask(api, "k2", "?arguments=a")
    assert status == 202 and other != run_id


async def test_requests_that_come_together_are_one_run(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    answers = await asyncio.gather(*(ask(api, "k1") for _ in range(8)))
    assert {status for status, _ in answers} == {202}
    assert len({run_id for _, run_id in answers}) == 1
    await eventually(lambda: backend.seen)
    assert len(backend.seen) == 1


async def test_a_key_is_of_its_job(api: aiohttp.ClientSession) -> None:
    _, run_id = await ask(api, "k1")
    status, other = await ask(api, "k1", path="/api/jobs/triggered/other/run")
    assert status == 202 and other != run_id


async def test_a_key_that_stands_for_another_request_is_refused(api: aiohttp.ClientSession) -> None:
    _, run_id = await ask(api, "k1", "?arguments=a")
    async with api.post(f"{JOB}/run?arguments=b", headers={"Idempotency-Key": "k1"}) as answer:
        assert (answer.status, answer.content_type) == (422, "application/problem+json")
        detail = (await answer.json(content_type=None))["detail"]
    assert detail.startswith(f"The Idempotency-Key 'k1' stands for the run {run_id} of 'hello'")


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("", "is empty"),
        ("k" * 256, "longer than 255"),
        ("k\u00e9", "not printable"),
        ("a\tb", "not printable"),
    ],
)
async def test_a_key_that_cannot_be_one_is_refused(
    api: aiohttp.ClientSession, backend: FakeBackend, key: str, reason: str
) -> None:
    async with api.post(f"{JOB}/run", headers={"Idempotency-Key": key}) as answer:
        assert (answer.status, answer.content_type) == (400, "application/problem+json")
        assert reason in (await answer.json(content_type=None))["detail"]
    assert backend.seen == []


async def test_a_request_that_was_refused_leaves_its_key_unused(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    _, first = await ask(api, "k1")
    assert (await ask(api, "k2"))[0] == 409
    await eventually(lambda: "hello" in backend.held)
    await backend.end_run("hello")
    status, second = await ask(api, "k2")
    assert status == 202 and second != first


async def test_a_key_outlives_the_api(
    api: aiohttp.ClientSession, backend: FakeBackend, settings: ApiSettings
) -> None:
    _, run_id = await ask(api, "k1")
    await eventually(lambda: "hello" in backend.held)
    await backend.end_run("hello")
    async with run_api(settings, {}) as url, aiohttp.ClientSession(url) as other:
        assert await ask(other, "k1") == (202, run_id)
    assert len(backend.seen) == 1


async def test_what_an_api_that_died_had_remembered_and_not_sent_is_sent_by_the_repeat(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: object) -> int:
        raise asyncio.CancelledError

    with monkeypatch.context() as broken:
        broken.setattr("webjobs_events.jetstream.bus.Bus.publish_command", die)
        with pytest.raises(aiohttp.ClientError):
            await ask(api, "k1", "?arguments=a")
    assert backend.seen == []
    status, run_id = await ask(api, "k1", "?arguments=a")
    assert status == 202
    await eventually(lambda: backend.seen)
    (command,) = backend.seen
    assert (command.run_id, command.arguments, command.may_repeat) == (run_id, "a", True)


async def test_a_run_can_be_run_again_under_a_key(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    _, first = await ask(api, "k1")
    await eventually(lambda: "hello" in backend.held)
    await backend.end_run("hello")
    path = f"{JOB}/history/{first}/rerun"
    status, second = await ask(api, "k2", path=path)
    assert status == 202
    assert await ask(api, "k2", path=path) == (202, second)
    assert (await ask(api, "k2"))[0] == 422
