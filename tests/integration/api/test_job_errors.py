"""What is wrong with a job is in its `error`, on the pages, and in the 404 of a folder that is none."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import aiohttp
import pytest
from integration.api.stand_in import INSTANCE, StandIn
from support.eventually import eventually
from webjobs_events.job import JobType
from webjobs_events.refusal import Refusal, encode_refusal
from webjobs_events.subjects import Subjects

TRIGGERED, CONTINUOUS = JobType.TRIGGERED, JobType.CONTINUOUS
REASON = "link of the job cannot be deployed: it is a symbolic link."


async def refuse(stand_in: StandIn, job_type: JobType, name: str, instance: str = INSTANCE) -> str:
    refusal = Refusal(
        job_type=job_type, folder_name=name, reason=REASON, at=datetime.now(UTC), instance=instance
    )
    key = Subjects.refusal_key(instance, job_type, name)
    await stand_in.bus.leases.put(key, encode_refusal(refusal))
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
    api: aiohttp.ClientSession, stand_in: StandIn, job_type: JobType
) -> None:
    await stand_in.define(job_type, "job")
    key = await refuse(stand_in, job_type, "job")
    views = (f"/api/{job_type}webjobs/job", f"/api/jobs/{job_type}/job", "/api/webjobs", "/api/jobs", "/")
    for path in (*views, f"/pages/{job_type}/job"):
        await eventually(shows(api, path, REASON))
    await stand_in.bus.leases.delete(key)
    for path in views:
        await eventually(shows_no_error(api, path))


async def test_a_refused_folder_that_is_no_job_is_404_with_the_reason(
    api: aiohttp.ClientSession, stand_in: StandIn
) -> None:
    await refuse(stand_in, TRIGGERED, "no job")
    for path in ("/api/triggeredwebjobs/no%20job", "/api/jobs/triggered/no%20job"):
        await eventually(shows(api, path, REASON, status=404))


async def test_a_refusal_counts_while_its_runner_is_alive(
    api: aiohttp.ClientSession, stand_in: StandIn
) -> None:
    await stand_in.define(TRIGGERED, "job")
    await refuse(stand_in, TRIGGERED, "job")
    await eventually(shows(api, "/api/jobs/triggered/job", REASON))
    await refuse(stand_in, TRIGGERED, "job", instance="abcdef")
    await stand_in.fall_silent()
    await eventually(shows_no_error(api, "/api/jobs/triggered/job"))


async def test_a_job_whose_stored_settings_are_wrong_says_which(
    api: aiohttp.ClientSession, stand_in: StandIn
) -> None:
    await stand_in.define(TRIGGERED, "job", settings={"schedule": 5})
    await eventually(shows(api, "/api/triggeredwebjobs/job", "schedule in settings.job is wrong"))
