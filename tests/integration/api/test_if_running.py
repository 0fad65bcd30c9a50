"""What becomes of a request for a run when the job runs already: `?if_running=fail|join|queue`."""

import asyncio
from typing import Any

import aiohttp
import pytest
from support.eventually import eventually
from support.fake_backend import FakeBackend
from webjobs_rules.job import JobType

RUN = "/api/jobs/triggered/hello/run"

POLICIES: list[dict[str, Any]] = [
    {},
    {"concurrency": {"limit": 3}},
    {"concurrency": {"policy": "queue"}},
    {"concurrency": {"policy": "queue", "limit": 2}},
    {"concurrency": {"policy": "allow"}},
    {"concurrency": {"policy": "replace"}},
]


async def ask(api: aiohttp.ClientSession, if_running: str, key: str = "", path: str = RUN) -> tuple[int, str]:
    """Request a run; returns the status, and the run id or the body."""
    headers = {"Idempotency-Key": key} if key else {}
    async with api.post(path, params={"if_running": if_running}, headers=headers) as answer:
        run_id = answer.headers.get("Location", "").rpartition("/")[2]
        if answer.status == 200:
            assert await answer.json() == {"job": "hello", "id": run_id, "joined": True}
        return answer.status, run_id or await answer.text()


@pytest.mark.parametrize("job_settings", POLICIES)
async def test_requests_that_join_together_get_one_run(
    api: aiohttp.ClientSession, backend: FakeBackend, job_settings: dict[str, Any]
) -> None:
    await backend.define(JobType.TRIGGERED, "hello", settings=job_settings)
    answers = await asyncio.gather(*(ask(api, "join") for _ in range(12)))
    assert len({run_id for _, run_id in answers}) == 1
    assert sorted(status for status, _ in answers) == [200] * 11 + [202]
    await eventually(lambda: backend.seen)
    assert len(backend.seen) == 1


async def test_a_run_that_has_ended_is_not_joined(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    _, first = await ask(api, "fail")
    await eventually(lambda: "hello" in backend.held)
    assert await ask(api, "join") == (200, first)
    assert await ask(api, "join", path=f"/api/jobs/triggered/hello/history/{first}/rerun") == (200, first)
    await backend.end_run("hello")
    status, second = await ask(api, "join")
    assert status == 202 and second != first


async def test_a_queued_run_is_accepted_and_holds_back_requests_that_do_not_queue(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    assert (await ask(api, "queue"))[0] == 202
    await eventually(lambda: "hello" in backend.held)
    status, second = await ask(api, "queue")
    assert status == 202
    assert (await ask(api, "fail"))[0] == 409
    assert await ask(api, "join") == (200, second)
    await eventually(lambda: len(backend.seen) == 2)


async def test_a_limit_counts_queued_runs_too(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    await backend.define(JobType.TRIGGERED, "hello", settings={"concurrency": {"limit": 2}})
    for each in ("queue", "fail", "queue"):
        assert (await ask(api, each))[0] == 202
    assert (await ask(api, "fail"))[0] == 409


async def test_a_key_remembers_the_run_that_was_joined(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    _, first = await ask(api, "fail")
    assert await ask(api, "join", "k1") == (200, first)
    await eventually(lambda: "hello" in backend.held)
    await backend.end_run("hello")
    assert await ask(api, "join", "k1") == (200, first)
    status, text = await ask(api, "fail", "k1")
    assert status == 422 and "k1" in text


async def test_another_value_is_refused(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    status, text = await ask(api, "wait")
    assert status == 400 and "fail, join or queue" in text
