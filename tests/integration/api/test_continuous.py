"""Continuous jobs over HTTP: fields, the word for their status, start, stop and settings."""

import io

import aiohttp
import pytest
from support.fake_backend import INSTANCE, FakeBackend
from support.http import get_json
from webjobs_events.commands import RestartContinuousJob, StartContinuousJob, StopContinuousJob
from webjobs_rules.job import JobType
from webjobs_rules.status import Status

JOB = "/api/jobs/continuous/worker"
ALIVE = f"i{INSTANCE}"


async def test_a_job_has_the_fields_of_the_seed(
    api: aiohttp.ClientSession, api_url: str, backend: FakeBackend
) -> None:
    await backend.define(JobType.CONTINUOUS, "worker")
    backend.tell("worker", **{ALIVE: Status.RUNNING})
    expected = {
        "name": "worker",
        "status": "Running",
        "runCommand": "run.sh",
        "log_url": f"{api_url}/vfs/data/jobs/continuous/worker/job.log",
        "extra_info_url": f"{api_url}/pages/continuous/worker",
        "url": f"{api_url}/api/jobs/continuous/worker",
        "type": "continuous",
    }
    assert await get_json(api, JOB) == expected
    assert await get_json(api, "/api/jobs/continuous") == [expected]
    assert await get_json(api, "/api/jobs/") == [expected]


async def test_dead_instances_do_not_count(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    await backend.define(JobType.CONTINUOUS, "worker")
    backend.tell("worker", idead01=Status.RUNNING, **{ALIVE: Status.PENDING_RESTART})
    assert (await get_json(api, JOB))["status"] == "PendingRestart"


async def test_stop_and_start_are_commands_whose_effect_the_next_read_shows(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.CONTINUOUS, "worker")
    async with api.post(f"{JOB}/stop/") as answer:
        assert (answer.status, await answer.text()) == (200, "")
    assert isinstance(backend.seen[-1], StopContinuousJob)
    assert (await get_json(api, JOB))["status"] == "Stopped"
    async with api.post(f"{JOB}/start") as answer:
        assert answer.status == 200
    assert isinstance(backend.seen[-1], StartContinuousJob)
    assert (await get_json(api, JOB))["status"] == "Initializing"


@pytest.mark.parametrize("prefix", ["/api/jobs/continuous", "/api/continuouswebjobs", "/jobs/continuous"])
async def test_a_restart_is_a_command_and_refused_while_the_job_is_stopped(
    api: aiohttp.ClientSession, backend: FakeBackend, prefix: str
) -> None:
    job = f"{prefix}/worker"
    async with api.post(f"{job}/restart") as answer:
        assert answer.status == 404
    await backend.define(JobType.CONTINUOUS, "worker")
    async with api.post(f"{job}/restart") as answer:
        assert (answer.status, await answer.text()) == (200, "")
    assert isinstance(backend.seen[-1], RestartContinuousJob)
    asked = len(backend.seen)
    async with api.put(f"{job}/settings", json={"enabled": False}) as answer:
        assert answer.status == 200
    async with api.post(f"{job}/restart") as answer:
        assert (answer.status, "not enabled" in await answer.text()) == (409, True)
    async with api.patch(f"{job}/settings", json={"enabled": None}) as answer:
        assert answer.status == 200
    async with api.post(f"{job}/stop") as answer:
        assert answer.status == 200
    async with api.post(f"{job}/restart") as answer:
        assert (answer.status, "is stopped" in await answer.text()) == (409, True)
    restarts = [each for each in backend.seen[asked:] if isinstance(each, RestartContinuousJob)]
    assert restarts == []


async def test_a_job_of_the_other_type_is_not_found(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    await backend.define(JobType.TRIGGERED, "worker")
    for method, path in (("GET", JOB), ("POST", f"{JOB}/start"), ("POST", f"{JOB}/stop")):
        async with api.request(method, path) as answer:
            assert answer.status == 404
            assert "no continuous job named 'worker'" in await answer.text()
    async with api.put(f"{JOB}/settings", json={}) as answer:
        assert answer.status == 404
    async with api.get(f"{JOB}/settings") as answer:
        assert answer.status == 404
    assert backend.seen == []


@pytest.mark.parametrize("job_type", list(JobType))
async def test_settings_come_back_as_they_were_put(
    api: aiohttp.ClientSession, backend: FakeBackend, job_type: JobType
) -> None:
    await backend.define(job_type, "worker")
    address = f"/api/jobs/{job_type.value}/worker/settings"
    assert await get_json(api, address) == {}
    settings = {"is_singleton": True, "of mine": [1, {"é": None}]}
    async with api.put(address, json=settings) as answer:
        assert (answer.status, await answer.text()) == (200, "")
    assert await get_json(api, address) == settings


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"text"', b"\xff\xfe", b"[" * 5000, b"NaN"])
async def test_settings_that_are_no_json_object_are_refused(
    api: aiohttp.ClientSession, backend: FakeBackend, body: bytes
) -> None:
    await backend.define(JobType.CONTINUOUS, "worker")
    async with api.put(f"{JOB}/settings", data=body) as answer:
        assert answer.status == 400
        assert "must be a JSON object" in await answer.text()
    assert backend.seen == []


async def test_settings_that_no_event_could_carry_are_refused(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.CONTINUOUS, "worker")
    for size in (70_000, 2_000_000):
        body = io.BytesIO(b'{"a": "%s"}' % (b"x" * size))
        async with api.put(f"{JOB}/settings", data=body) as answer:
            assert answer.status == 413
