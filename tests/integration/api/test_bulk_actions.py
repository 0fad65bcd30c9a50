"""POST /api/jobs/actions and /api/runs/actions: one action on many, with every failure."""

import io
from typing import Any

import aiohttp
import pytest
from support.eventually import eventually
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


async def test_what_needs_attention_of_many_jobs_is_acknowledged_at_once(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    for name in ("bad", "worse", "good"):
        await backend.define(TRIGGERED, name)
        async with api.post(f"/api/jobs/triggered/{name}/run") as answer:
            assert answer.status == 202
        await eventually(lambda name=name: name in backend.held)
        await backend.end_run(name, exit_code=0 if name == "good" else 3)

    async def failing() -> bool:
        async with api.get("/api/overview") as answer:
            return (await answer.json())["counts"]["attention"] == 2

    await eventually(failing)
    jobs = named((TRIGGERED, "bad"), (TRIGGERED, "worse"), (TRIGGERED, "good"), (TRIGGERED, "nobody"))
    result = await act(api, "acknowledge", jobs=jobs, until="forever", note="Known.")
    assert result["done"] == 2
    assert [(each["job"], each["status"]) for each in result["failures"]] == [("good", 409), ("nobody", 404)]
    async with api.get("/api/overview") as answer:
        found = await answer.json()
    assert (found["counts"]["attention"], found["counts"]["acknowledged"]) == (0, 2)
    given = [each["acknowledgement"] for each in found["acknowledged"]]
    assert {(each["until"], each["note"]) for each in given} == {("forever", "Known.")}


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


async def act_on_runs(api: aiohttp.ClientSession, action: str, **which: Any) -> dict[str, Any]:
    async with api.post("/api/runs/actions", json={"action": action, **which}) as answer:
        assert answer.status == 200, await answer.text()
        result: dict[str, Any] = await answer.json()
        return result


async def test_runs_are_cancelled_and_run_again_by_name_or_by_a_filter(
    api: aiohttp.ClientSession, backend: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webjobs_api.bulk_actions.run_handlers.MAX_RUNS", 1)  # several pages
    for name in ("one", "two", "gone"):
        await backend.define(TRIGGERED, name)
        async with api.post(f"/api/jobs/triggered/{name}/run", json={"arguments": f"--of {name}"}) as answer:
            assert answer.status == 202
        await eventually(lambda name=name: name in backend.held)
    ids = {name: held.command.run_id for name, held in backend.held.items()}
    await backend.end_run("gone", exit_code=3)
    assert await act_on_runs(api, "cancel", filter={"job": ["ONE", "two"]}) == {"done": 2, "failures": []}
    for name in ("one", "two"):
        key = backend.bus.subjects.cancel_key(name, ids[name])
        assert await backend.bus.leases.get(key) is not None
        await backend.end_run(name)
    async with api.delete("/api/jobs/triggered/gone") as answer:
        assert answer.status == 200
    assert await act_on_runs(api, "cancel", filter={}) == {"done": 0, "failures": []}
    result = await act_on_runs(api, "rerun", filter={})
    assert (result["done"], [(each["job"], each["status"]) for each in result["failures"]]) == (
        2,
        [("gone", 404)],
    )
    again = {
        each.job_name: each for each in backend.seen if isinstance(each, RunTriggeredJob) and each.rerun_of
    }
    assert {name: (each.rerun_of, each.arguments) for name, each in again.items() if name != "gone"} == {
        name: (ids[name], f"--of {name}") for name in ("one", "two")
    }
    named = [("one", ids["one"]), ("two", "201311080256000000"), ("one", "x"), ("nobody", ids["one"])]
    result = await act_on_runs(api, "cancel", runs=[{"job": job, "id": run_id} for job, run_id in named])
    failures = [(each["job"], each["id"], each["status"]) for each in result["failures"]]
    assert failures == [(*run, status) for run, status in zip(named, (409, 404, 404, 404), strict=True)]
    async with api.post(f"/api/jobs/triggered/one/history/{ids['one']}/cancel") as answer:
        assert result["failures"][0]["error"] in await answer.text()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"action": "cancel"}', 400),
        (b'{"action": "cancel", "filter": {"filter": "broken"}}', 400),
        (
            b'{"action": "cancel", "jobs": ['
            + b",".join([b'{"type":"triggered","name":"a"}'] * 1001)
            + b"]}",
            413,
        ),
        (b" " * 3_000_000, 413),
    ],
)
async def test_a_refused_request_does_nothing(
    api: aiohttp.ClientSession, backend: FakeBackend, body: bytes, status: int
) -> None:
    await backend.define(TRIGGERED, "a")
    for path in ("/api/jobs/actions", "/api/runs/actions"):
        about = body.replace(b"jobs", b"runs").replace(b"type", b"id").replace(b"name", b"job")
        async with api.post(path, data=io.BytesIO(body if "jobs" in path else about)) as answer:
            assert (answer.status, answer.content_type) == (status, "application/problem+json")
    assert backend.seen == []
