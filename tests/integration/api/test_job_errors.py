"""What is wrong with a job is in its `error`, on the pages, and in the 404 of a folder that is none."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import aiohttp
import msgspec
import pytest
from support.eventually import eventually
from support.fake_backend import INSTANCE, FakeBackend
from webjobs_events.refusal import Refusal, RefusalSource, encode_refusal
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobName, JobType

TRIGGERED, CONTINUOUS = JobType.TRIGGERED, JobType.CONTINUOUS
REASON = "link of the job cannot be deployed: it is a symbolic link."


async def refuse(backend: FakeBackend, job_type: JobType, name: str, instance: str = INSTANCE) -> str:
    refusal = Refusal(
        job_type=job_type, folder_name=name, reason=REASON, at=datetime.now(UTC), instance=instance
    )
    key = Subjects.refusal_key(instance, job_type, name)
    await backend.bus.leases.put(key, encode_refusal(refusal))
    return key


def shows(
    api: aiohttp.ClientSession, path: str, words: str, *, status: int = 200
) -> Callable[[], Awaitable[bool]]:
    async def it_does() -> bool:
        async with api.get(path) as answer:
            return answer.status == status and words in await answer.text()

    return it_does


def shows_no_error(api: aiohttp.ClientSession, path: str) -> Callable[[], Awaitable[bool]]:
    async def it_does() -> bool:
        async with api.get(path) as answer:
            return answer.status == 200 and REASON not in await answer.text()

    return it_does


@pytest.mark.parametrize("job_type", JobType)
async def test_a_job_shows_what_was_refused_in_its_folder_until_it_is_mended(
    api: aiohttp.ClientSession, backend: FakeBackend, job_type: JobType
) -> None:
    await backend.define(job_type, "job")
    key = await refuse(backend, job_type, "job")
    views = (f"/api/{job_type}webjobs/job", f"/api/jobs/{job_type}/job", "/api/webjobs", "/api/jobs", "/")
    for path in (*views, f"/pages/{job_type}/job"):
        await eventually(shows(api, path, REASON))
    await backend.bus.leases.delete(key)
    for path in views:
        await eventually(shows_no_error(api, path))


async def test_a_refused_folder_that_is_no_job_is_404_with_the_reason(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await refuse(backend, TRIGGERED, "no job")
    for path in ("/api/triggeredwebjobs/no%20job", "/api/jobs/triggered/no%20job"):
        await eventually(shows(api, path, REASON, status=404))


async def test_a_refusal_counts_while_its_runner_is_alive(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(TRIGGERED, "job")
    await refuse(backend, TRIGGERED, "job")
    await eventually(shows(api, "/api/jobs/triggered/job", REASON))
    await refuse(backend, TRIGGERED, "job", instance="abcdef")
    await backend.fall_silent()
    await eventually(shows_no_error(api, "/api/jobs/triggered/job"))


async def test_a_job_whose_stored_settings_are_wrong_says_which(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(TRIGGERED, "job", settings={"schedule": 5})
    await eventually(shows(api, "/api/triggeredwebjobs/job", "schedule in settings.job is wrong"))


async def listed(api: aiohttp.ClientSession) -> list[dict[str, str]]:
    async with api.get("/api/refusals") as answer:
        assert answer.status == 200
        return await answer.json()


async def test_refusals_are_listed_as_soon_as_they_are_published(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    assert await listed(api) == []
    await backend.define(TRIGGERED, "job")
    key = await refuse(backend, CONTINUOUS, "no..job")
    await refuse(backend, TRIGGERED, "away", instance="abcdef")  # its runner is not alive
    sent = Refusal(
        job_type=TRIGGERED,
        folder_name="job",
        reason="The settings are wrong.",
        at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        instance="abcdef",
        source=RefusalSource.SETTINGS,
    )
    sent_key = Subjects.api_refusal_key(sent.source, TRIGGERED, JobName("job"))
    await backend.bus.leases.put(sent_key, encode_refusal(sent))
    folder, settings = await listed(api)
    assert settings == {
        "job": "job",
        "type": "triggered",
        "when": "2026-01-02T03:04:05Z",
        "from": "api",
        "what": "settings",
        "reason": "The settings are wrong.",
        "instance": "abcdef",
    }
    assert (folder["job"], folder["type"], folder["from"]) == ("no..job", "continuous", "folder")
    words = "The settings sent at 2026-01-02 03:04:05 UTC were refused: The settings are wrong."
    for path in ("/api/triggeredwebjobs/job", "/pages/triggered/job", "/"):
        assert await shows(api, path, words)()
    async with api.get("/") as answer:
        overview = await answer.text()
    assert "no..job" in overview
    assert REASON in overview
    for each in (key, sent_key):
        await backend.bus.leases.delete(each)
    assert await listed(api) == []


async def test_a_refusal_of_an_earlier_release_is_of_a_folder(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    stored = {"job_type": "triggered", "folder_name": "old", "reason": "r", "at": "2026-01-02T03:04:05Z"}
    key = Subjects.refusal_key(INSTANCE, TRIGGERED, "old")
    await backend.bus.leases.put(key, msgspec.json.encode(stored | {"instance": INSTANCE}))
    assert [each["from"] for each in await listed(api)] == ["folder"]
