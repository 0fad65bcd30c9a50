"""PATCH of a job's settings, and changes of them on a condition, over HTTP."""

import asyncio

import aiohttp
import pytest
from support.fake_backend import FakeBackend
from webjobs_events.commands import PatchJobSettings
from webjobs_rules.job import JobType

PREFIXES = {
    "/api/jobs/continuous": JobType.CONTINUOUS,
    "/api/jobs/triggered": JobType.TRIGGERED,
    "/api/continuouswebjobs": JobType.CONTINUOUS,
    "/api/triggeredwebjobs": JobType.TRIGGERED,
}
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}
SETTINGS = "/api/jobs/continuous/worker/settings"


@pytest.mark.parametrize(("prefix", "job_type"), PREFIXES.items())
async def test_a_patch_changes_what_it_names_and_answers_as_put_does(
    api: aiohttp.ClientSession, backend: FakeBackend, prefix: str, job_type: JobType
) -> None:
    address = f"{prefix}/worker/settings"
    async with api.patch(address, json={}) as answer:
        assert answer.status == 404
    await backend.define(job_type, "worker")
    async with api.put(address, json={"a": 1, "b": {"c": 2, "d": 3}}) as answer:
        as_put = (answer.status, await answer.text())
    async with api.patch(address, data=b'{"a": null, "b": {"c": 4}}', headers=MERGE_PATCH) as answer:
        assert (answer.status, await answer.text()) == as_put
    async with api.patch(address, json={"e": [None]}) as answer:
        assert answer.status == 200
    async with api.get(address) as answer:
        assert await answer.json() == {"b": {"c": 4, "d": 3}, "e": [None]}


async def test_of_patches_at_the_same_time_none_is_lost(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.CONTINUOUS, "worker")

    async def patch(number: int) -> int:
        async with api.patch(SETTINGS, json={f"key {number}": number}) as answer:
            return answer.status

    assert await asyncio.gather(*map(patch, range(8))) == [200] * 8
    async with api.get(SETTINGS) as answer:
        assert await answer.json() == {f"key {number}": number for number in range(8)}


async def test_a_body_that_is_no_merge_patch_is_refused(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.CONTINUOUS, "worker")
    for content_type in ("application/json-patch+json", "application/x-www-form-urlencoded", "text/plain"):
        async with api.patch(SETTINGS, data=b"{}", headers={"Content-Type": content_type}) as answer:
            assert answer.status == 415
            assert "application/merge-patch+json" in answer.headers["Accept-Patch"]
            assert content_type in await answer.text()
    for body in (b"", b"[]", b"null", b"{", b'"text"', b"[" * 5000, b"\xff\xfe"):
        async with api.patch(SETTINGS, data=body, headers=MERGE_PATCH) as answer:
            assert answer.status == 400, body
            assert "must be a JSON object" in await answer.text()
    async with api.patch(SETTINGS, json={"a": "x" * 70_000}) as answer:
        assert answer.status == 413
    assert backend.seen == []


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_a_change_for_other_settings_than_there_are_changes_nothing(
    api: aiohttp.ClientSession, backend: FakeBackend, method: str
) -> None:
    await backend.define(JobType.CONTINUOUS, "worker")
    async with api.get(SETTINGS) as answer:
        tag = answer.headers["ETag"]
    async with api.get(SETTINGS, headers={"If-None-Match": tag}) as answer:
        assert answer.status == 304
    statuses = []
    for given in (tag, tag, f'W/{tag}, "other"', '"other"', "without quotes", "*"):
        async with api.request(method, SETTINGS, json={"a": given}, headers={"If-Match": given}) as answer:
            statuses.append(answer.status)
    assert statuses == [200, 412, 412, 412, 412, 200]
    async with api.get(SETTINGS) as answer:
        assert await answer.json() == {"a": "*"}
        weak = f"W/{answer.headers['ETag']}"  # as a proxy that compresses writes it
    async with api.request(method, SETTINGS, json={"a": 2}, headers={"If-Match": weak}) as answer:
        assert answer.status == 200


async def test_the_form_for_the_schedule_changes_no_other_setting(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "worker", settings={"timeout": 3})
    for given, sent in ((" 0 0 3 * * * ", "0 0 3 * * *"), ("", None)):
        form = {"schedule": given}
        async with api.post("/pages/triggered/worker/settings", data=form, allow_redirects=False) as answer:
            assert answer.status == 303
        command = backend.seen[-1]
        assert isinstance(command, PatchJobSettings)
        assert command.patch == {"schedule": sent}
    async with api.get("/api/jobs/triggered/worker/settings") as answer:
        assert await answer.json() == {"timeout": 3}
