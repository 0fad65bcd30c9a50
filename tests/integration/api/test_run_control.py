"""Ending runs and running them again over HTTP, and how many runs of a job the api lets into the queue."""

from typing import Any

import aiohttp
import pytest
from support.eventually import eventually
from support.fake_backend import FakeBackend
from webjobs_api.http.dialects import DIALECTS
from webjobs_events.cancel_request import CancelRequest, decode_cancel_request
from webjobs_events.events import RunFailed
from webjobs_events.jetstream import Bus
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobType
from webjobs_rules.status import Reason

JOB = "/api/jobs/triggered/hello"
NO_RUN = f"{JOB}/history/201311080256000000"
EVERY_PREFIX = pytest.mark.parametrize("prefix", [each.jobs_of(JobType.TRIGGERED) for each in DIALECTS])


async def run(api: aiohttp.ClientSession, query: str = "") -> str:
    """Ask for a run; answers its id."""
    async with api.post(f"{JOB}/run{query}") as answer:
        assert answer.status == 202, await answer.text()
        return answer.headers["Location"].rpartition("/")[2]


async def problem(api: aiohttp.ClientSession, method: str, path: str) -> tuple[int, str]:
    """The status and the sentence of a problem document."""
    async with api.request(method, path) as answer:
        assert answer.content_type == "application/problem+json"
        document = await answer.json(content_type=None)
        assert document["status"] == answer.status and document["title"]
        return answer.status, document["detail"]


async def cancel_request_of(bus: Bus, run_id: str) -> CancelRequest | None:
    key = Subjects.cancel_key("hello", run_id)
    entry = await bus.leases.get(key)
    return decode_cancel_request(key, entry.value) if entry else None


async def queued(bus: Bus) -> list[str]:
    """Last tokens of the subjects that hold a command to run the job."""
    return sorted(
        subject.rpartition(".run")[2]
        for subject in await bus.pending_subjects(bus.subjects.run_commands_of("hello"))
    )


@pytest.mark.parametrize(("method", "rest"), [("DELETE", ""), ("POST", "/cancel")])
@EVERY_PREFIX
async def test_a_run_that_is_not_over_can_be_cancelled(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, method: str, rest: str, prefix: str
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    run_id = await run(api)
    async with api.request(method, f"{prefix}/hello/history/{run_id}{rest}") as answer:
        assert (answer.status, await answer.text()) == (202, "")
        assert answer.headers["Location"].endswith(f"{prefix}/hello/history/{run_id}")
    cancel_request = await cancel_request_of(bus, run_id)
    assert cancel_request is not None
    assert (cancel_request.reason, cancel_request.evidence) == (
        Reason.CANCELLED,
        "Cancelled by External - tests/1.",
    )


async def test_the_evidence_of_a_cancelled_run_keeps_the_reason(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    run_id = await run(api)
    address = f"/api/jobs/triggered/hello/history/{run_id}"
    for reason in ("", " ", "a\nb", "x" * 201):
        async with api.delete(address, params={"reason": reason}) as answer:
            assert answer.status == 400, reason
    assert await cancel_request_of(bus, run_id) is None
    async with api.post(f"{address}/cancel", params={"reason": "Falsche Größe."}) as answer:
        assert answer.status == 202
    cancel_request = await cancel_request_of(bus, run_id)
    assert cancel_request is not None
    assert cancel_request.evidence == "Cancelled by External - tests/1: Falsche Größe."


async def test_a_run_that_still_waits_for_a_runner_can_be_cancelled(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    backend.may_take_runs.clear()
    await backend.define(JobType.TRIGGERED, "hello")
    run_id = await run(api)
    async with api.delete(f"{JOB}/history/{run_id}") as answer:
        assert answer.status == 202
    assert await cancel_request_of(bus, run_id) is not None


async def test_a_run_that_has_ended_cannot_be_cancelled_and_the_answer_says_how_it_ended(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    run_id = await run(api)
    await eventually(lambda: "hello" in backend.held)
    await backend.end_run("hello")
    await eventually(lambda: backend.position == 3)
    status, detail = await problem(api, "DELETE", f"{JOB}/history/{run_id}")
    assert (status, detail) == (409, f"The run {run_id} of 'hello' has ended already as Success. (exit_code)")
    assert await cancel_request_of(bus, run_id) is None


@pytest.mark.parametrize(("method", "rest"), [("DELETE", ""), ("POST", "/cancel"), ("POST", "/rerun")])
async def test_what_is_not_there_can_neither_be_cancelled_nor_run_again(
    api: aiohttp.ClientSession, backend: FakeBackend, method: str, rest: str
) -> None:
    status, detail = await problem(api, method, f"{NO_RUN}{rest}")
    assert (status, detail) == (404, "There is no triggered job named 'hello'.")
    await backend.define(JobType.TRIGGERED, "hello")
    status, detail = await problem(api, method, f"{NO_RUN}{rest}")
    assert (status, detail) == (404, "The job 'hello' has no run '201311080256000000'.")
    status, detail = await problem(api, method, f"{JOB}/history/no-run%00{rest}")
    assert status == 404 and "is not a run id" in detail


@EVERY_PREFIX
async def test_a_run_can_be_run_again_with_its_arguments(
    api: aiohttp.ClientSession, backend: FakeBackend, prefix: str
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    first = await run(api, "?arguments=a%20%22b%20c%22")
    rerun = f"{prefix}/hello/history/{first}/rerun"
    status, detail = await problem(api, "POST", rerun)
    assert (status, detail) == (409, "The job 'hello' is already running. Wait until its run has ended.")
    await eventually(lambda: "hello" in backend.held)
    await backend.end_run("hello")
    async with api.post(rerun) as answer:
        assert (answer.status, await answer.text()) == (202, "")
        address, _, second = answer.headers["Location"].rpartition("/")
    assert address.endswith(f"{prefix}/hello/history")
    await eventually(lambda: len(backend.seen) == 2)
    again = backend.seen[1]
    assert second != first
    assert (again.run_id, again.rerun_of, again.arguments) == (second, first, 'a "b c"')


@pytest.mark.parametrize("policy", ["queue", "allow", "replace"])
async def test_runs_that_may_wait_or_run_beside_each_other_are_all_accepted_and_shown(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, policy: str
) -> None:
    backend.may_take_runs.clear()
    await backend.define(JobType.TRIGGERED, "hello", settings={"concurrency": {"policy": policy}})
    run_ids = [await run(api) for _ in range(3)]
    assert await queued(bus) == [f".{run_id}" for run_id in run_ids]
    async with api.get(f"{JOB}/history") as answer:
        shown = [(each["id"], each["status"]) for each in (await answer.json())["runs"]]
    assert shown == [(run_id, "Initializing") for run_id in reversed(run_ids)]


async def test_as_many_runs_as_the_limit_are_accepted_and_one_more_is_refused(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    backend.may_take_runs.clear()
    settings: dict[str, Any] = {"concurrency": {"policy": "reject", "limit": 3}}
    await backend.define(JobType.TRIGGERED, "hello", settings=settings)
    for _ in range(3):
        await run(api)
    assert await queued(bus) == [".1", ".2", ".3"]
    async with api.post(f"{JOB}/run") as answer:
        text = "The job 'hello' is already running 3 times. Wait until one of its runs has ended."
        assert (answer.status, await answer.text()) == (409, text)


async def test_an_attempt_that_waits_is_shown_can_be_cancelled_and_keeps_its_job_busy(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    first = await run(api)
    await eventually(lambda: "hello" in backend.held)
    held = backend.held["hello"]
    following = str(int(first) + 1)
    facts = backend._about(held.command) | {"at": held.started_at, "started_at": held.started_at}
    await bus.publish_event(
        RunFailed(
            **facts,
            reason=Reason.EXIT_CODE,
            exit_code=3,
            next_run_id=following,
            next_attempt_at=held.started_at,
        )
    )
    await eventually(lambda: backend.position == 3)
    async with api.get(f"{JOB}/history") as answer:
        shown = [(each["id"], each["status"]) for each in (await answer.json())["runs"]]
    assert shown == [(following, "Initializing"), (first, "Failed")]
    async with api.get(JOB) as answer:
        assert (await answer.json())["latest_run"]["id"] == following
    async with api.get("/api/jobs") as answer:
        assert (await answer.json())[0]["latest_run"]["id"] == following
    async with api.get(f"/api/triggeredwebjobs/hello/history/{following}") as answer:
        view = await answer.json()
        assert (view["status"], view["attempt"], view["retry_of"]) == ("Initializing", 2, first)
    async with api.delete(f"{JOB}/history/{following}") as answer:
        assert answer.status == 202
    status, detail = await problem(api, "DELETE", f"{JOB}/history/{first}")
    assert status == 409 and detail.endswith(f"Its next attempt is the run {following}.")
    async with api.post(f"{JOB}/run") as answer:
        assert answer.status == 409
