"""POST /api/jobs/actions: one action on many jobs, with every failure."""

import io
from typing import Any

import aiohttp
import pytest
from support.fake_backend import FakeBackend
from webjobs_events.commands import (
    PatchJobSettings,
    RunTriggeredJob,
    StartContinuousJob,
    StopContinuousJob,
)
from webjobs_rules.job import JobType

TRIGGERED, CONTINUOUS = JobType.TRIGGERED, JobType.CONTINUOUS
ITEM = b'{"type":"triggered","name":"a"}'


async def act(api: aiohttp.ClientSession, action: str, **which: Any) -> dict[str, Any]:
    async with api.post("/api/jobs/actions", json={"action": action, **which}) as answer:
        assert answer.status == 200, await answer.text()
        result: dict[str, Any] = await answer.json()
        return result


def named(*jobs: tuple[JobType, str]) -> list[dict[str, str]]:
    return [{"type": job_type.value, "name": name} for job_type, name in jobs]


async def test_each_job_is_run_as_by_its_own_route_and_every_failure_is_listed(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    for name in ("one", "two", "off"):
        await backend.define(TRIGGERED, name)
    await backend.define(CONTINUOUS, "worker")
    async with api.patch("/api/jobs/triggered/off/settings", json={"enabled": False}) as answer:
        assert answer.status == 200
    async with api.post("/api/jobs/triggered/two/run") as answer:
        assert answer.status == 202
    wanted = [(TRIGGERED, "nobody"), (TRIGGERED, "one"), (TRIGGERED, "two"), (TRIGGERED, "off")]
    wanted += [(CONTINUOUS, "worker"), (TRIGGERED, "../etc")]
    result = await act(api, "run", jobs=named(*wanted))
    assert result["done"] == 1
    failures = [(each["job"], each["type"], each["status"]) for each in result["failures"]]
    assert failures == [
        ("nobody", "triggered", 404),
        ("two", "triggered", 409),
        ("off", "triggered", 409),
        ("worker", "continuous", 409),
        ("../etc", "triggered", 400),
    ]
    async with api.post("/api/jobs/triggered/nobody/run") as answer:
        assert result["failures"][0]["error"] == await answer.text()
    runs = [each for each in backend.seen if isinstance(each, RunTriggeredJob)]
    assert [each.job_name for each in runs] == ["two", "one"]
    assert runs[-1].requested_by == "External - tests/1"


async def test_runs_of_many_jobs_are_cancelled_at_once(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    for name in ("one", "two", "idle"):
        await backend.define(TRIGGERED, name)
    assert (await act(api, "run", jobs=named((TRIGGERED, "one"), (TRIGGERED, "two"))))["done"] == 2
    result = await act(api, "cancel", filter={"type": "triggered"})
    assert result["done"] == 2
    assert [(each["job"], each["status"]) for each in result["failures"]] == [("idle", 409)]
    for run in [each for each in backend.seen if isinstance(each, RunTriggeredJob)]:
        key = backend.bus.subjects.cancel_key(run.job_name, run.run_id)
        assert await backend.bus.leases.get(key) is not None


async def test_jobs_of_both_types_are_disabled_and_enabled(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(TRIGGERED, "report-1")
    await backend.define(CONTINUOUS, "report-2")
    await backend.define(CONTINUOUS, "other")
    assert await act(api, "disable", filter={"text": "REPORT"}) == {"done": 2, "failures": []}
    assert {type(each) for each in backend.seen} == {PatchJobSettings, StopContinuousJob}
    async with api.post("/api/jobs/triggered/report-1/run") as answer:
        assert answer.status == 409
    assert await act(api, "enable", filter={"filter": "disabled"}) == {"done": 2, "failures": []}
    assert isinstance(backend.seen[-1], StartContinuousJob | PatchJobSettings)
    async with api.get("/api/jobs/triggered/report-1/settings") as answer:
        assert await answer.json() == {}
    assert not any(each.job_name == "other" for each in backend.seen)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"action": "run"}', 400),
        (b'{"action": "run", "filter": {"filter": "broken"}}', 400),
        (
            b'{"action": "run", "jobs": [' + b",".join([b'{"type":"triggered","name":"a"}'] * 1001) + b"]}",
            413,
        ),
        (b" " * 3_000_000, 413),
    ],
)
async def test_a_refused_request_does_nothing(
    api: aiohttp.ClientSession, backend: FakeBackend, body: bytes, status: int
) -> None:
    await backend.define(TRIGGERED, "a")
    async with api.post("/api/jobs/actions", data=io.BytesIO(body)) as answer:
        assert (answer.status, answer.content_type) == (status, "application/problem+json")
    assert backend.seen == []
