"""A deployment that is in neither queue nor history, and of which there is a log."""

from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from support.eventually import eventually
from support.fake_backend import FakeBackend
from webjobs_api.backends import job_deployment
from webjobs_events.commands import CommandReply, ReplyCode
from webjobs_events.deployment_id import (
    DEPLOYMENT_LOG,
    STAGE_HEADER,
    deploy_command_id,
    deployment_id_of,
    end_headers,
)
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobType
from webjobs_rules.log_format import LineCount, chunk_headers


async def left_log(bus: Bus, ending: dict[str, str]) -> str:
    """The id of a deployment whose runner left one chunk of its log."""
    found = str(deployment_id_of(deploy_command_id(datetime.now(UTC), "0123456789ab")))
    headers = chunk_headers(DEPLOYMENT_LOG, 0, LineCount()) | {STAGE_HEADER: "install"} | ending
    await bus.publish(bus.subjects.deployment_log(JobType.TRIGGERED, "hello", found), b"", headers=headers)
    return found


async def read(api: aiohttp.ClientSession, deployment: str) -> Any:
    async with api.get(f"/api/deployments/{deployment}") as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def test_it_ends_just_now_and_a_minute_later_it_was_lost_with_its_runner(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = await left_log(bus, {})
    found = await read(api, deployment)
    assert (found["state"], found["stage"], found["complete"]) == ("preparing", "install", False)
    monkeypatch.setattr(job_deployment, "_LOST_AFTER", timedelta(seconds=0.5))

    async def is_lost() -> Any:
        found = await read(api, deployment)
        return found if found["complete"] else None

    lost = await eventually(is_lost)
    assert (lost["state"], lost["error"]["status"]) == ("failed", 500)
    assert "deploy again" in lost["error"]["detail"]


async def test_the_end_of_the_log_says_how_it_failed(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    failed = CommandReply(code=ReplyCode.DEPENDENCIES_UNAVAILABLE, message="The index is away.")
    found = await read(api, await left_log(bus, end_headers(failed)))
    assert (found["state"], found["complete"]) == ("failed", True)
    assert found["error"] == {"status": 503, "detail": "The index is away."}
