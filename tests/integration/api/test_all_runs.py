"""GET /api/runs: what runs and what ran, of all jobs."""

from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest
from support.eventually import eventually
from support.fake_backend import INSTANCE, FakeBackend
from webjobs_rules.job import JobType

NAMES = ["a", "b", "c"]


async def start(api: aiohttp.ClientSession, name: str) -> str:
    async with api.post(f"/api/jobs/triggered/{name}/run") as answer:
        assert answer.status == 202, await answer.text()
        return answer.headers["Location"].rpartition("/")[2]


async def listed(api: aiohttp.ClientSession, query: str = "") -> dict[str, Any]:
    async with api.get(f"/api/runs{query}") as answer:
        assert answer.status == 200, await answer.text()
        found: dict[str, Any] = await answer.json()
        return found


def shown(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(run["job_name"], run["status"]) for run in answer["runs"]]


async def define(backend: FakeBackend, names: Sequence[str] = NAMES) -> None:
    for name in names:
        await backend.define(JobType.TRIGGERED, name)


async def test_what_runs_and_waits_and_ended_is_listed_newest_first(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await define(backend)
    await start(api, "a")
    await eventually(lambda: "a" in backend.held)
    await backend.end_run("a")
    await start(api, "b")
    await eventually(lambda: "b" in backend.held)
    backend.may_take_runs.clear()
    waiting = await start(api, "c")

    everything = [("c", "Initializing"), ("b", "Running"), ("a", "Success")]
    assert shown(await listed(api)) == everything
    assert shown(await listed(api, "?status=Running")) == [("b", "Running")]
    assert shown(await listed(api, "?status=Initializing")) == [("c", "Initializing")]
    assert shown(await listed(api, "?status=active")) == everything[:2]
    assert shown(await listed(api, "?status=running,success")) == everything[1:]
    assert shown(await listed(api, "?status=Running&status=Success")) == everything[1:]
    assert shown(await listed(api, "?job=c&job=a")) == [everything[0], everything[2]]
    assert shown(await listed(api, "?job=C")) == [everything[0]]
    assert shown(await listed(api, f"?runner={INSTANCE}&status=Running")) == [("b", "Running")]

    run = (await listed(api, "?job=c"))["runs"][0]
    assert run["id"] == waiting and run["trigger"] == "External - tests/1" and run["attempt"] == 1
    async with api.get(run["url"]) as answer:
        assert (await answer.json())["id"] == waiting
    backend.may_take_runs.set()


async def test_pages_lead_to_each_other_and_hold_every_run_once(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    names = [f"job {number}" for number in range(5)]
    await define(backend, names)
    for name in names[:3]:
        await start(api, name)
        await eventually(lambda name=name: name in backend.held)
    backend.may_take_runs.clear()
    for name in names[3:]:
        await start(api, name)

    seen, address = [], "/api/runs?status=active&limit=2"
    while address:
        async with api.get(address) as answer:
            assert answer.status == 200, await answer.text()
            page = await answer.json()
            assert answer.headers.get("Link") == (page["next"] and f'<{page["next"]}>; rel="next"')
        seen.append([run["job_name"] for run in page["runs"]])
        address = page["next"]
    assert seen == [["job 4", "job 3"], ["job 2", "job 1"], ["job 0"]]
    backend.may_take_runs.set()


async def test_a_run_that_has_just_ended_is_never_missing_nor_shown_as_before(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await define(backend)
    await start(api, "a")
    await eventually(lambda: "a" in backend.held)
    backend.may_project.clear()  # history has not heard of the end
    await backend.end_run("a")
    async with api.get("/api/runs?status=Running") as answer:
        assert answer.status == 503
    backend.may_project.set()
    assert shown(await listed(api, "?status=Running")) == []
    assert shown(await listed(api)) == [("a", "Success")]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?status=Runing", "Initializing, Running, Success, Failed, Aborted, active"),
        ("?trigger=cron", "api, schedule, rerun"),
        ("?since=soon", "2026-01-02T03:04:05Z"),
        ("?before=7", "18 digits"),
        ("?limit=-1", "1 to 1000"),
        ("?type=continuous", "triggered"),
    ],
)
async def test_a_bad_value_is_400_with_the_value_and_what_is_allowed(
    api: aiohttp.ClientSession, query: str, words: str
) -> None:
    async with api.get(f"/api/runs{query}") as answer:
        assert answer.status == 400
        assert answer.content_type == "application/problem+json"
        detail = (await answer.json())["detail"]
    assert words in detail and query.partition("=")[2] in detail


async def test_a_run_shows_what_it_used_in_the_list_and_by_itself_but_not_in_the_dialect_of_kudu(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await define(backend, ["a b"])
    run_id = await start(api, "a b")
    await eventually(lambda: "a b" in backend.held)
    used: dict[str, Any] = {
        **{"cpu_seconds": 1.25, "peak_memory_bytes": 9_000_000_000, "log_lines": 12, "first_error_line": 7},
        **{"result": {"rows": 3}, "progress": 0.5, "progress_text": "half", "warnings": ["The result …"]},
    }

    async def shown_by_itself() -> dict[str, Any]:
        async with api.get(f"/api/runs/A%20b/{run_id}") as answer:
            assert answer.status == 200, await answer.text()
            found: dict[str, Any] = await answer.json()
            return found

    unknown = dict.fromkeys(used) | {"progress_text": "", "warnings": []}
    assert {name: (await shown_by_itself())[name] for name in used} == unknown
    await backend.end_run("a b", exit_code=3, result_bytes=10, **used)
    [listed_run] = (await listed(api))["runs"]
    assert {name: listed_run[name] for name in used} == used
    assert await shown_by_itself() == listed_run
    async with api.get(listed_run["url"]) as answer:
        kudu = await answer.json()
    file = f"/vfs/data/jobs/triggered/a%20b/{run_id}/result.json?instance={listed_run['instance']}"
    assert listed_run["result_url"].endswith(file)
    ours = {*used, "result_url"}
    assert kudu == {name: value for name, value in listed_run.items() if name not in ours}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("missing/201311080256000000", 404),
        ("a/201311080256000000", 404),
        ("a/wibble", 404),
        ("a/0", 404),
        (".../201311080256000000", 400),
    ],
)
async def test_what_is_no_run_is_a_problem(
    api: aiohttp.ClientSession, backend: FakeBackend, path: str, status: int
) -> None:
    await define(backend)
    async with api.get(f"/api/runs/{path}") as answer:
        assert (answer.status, answer.content_type) == (status, "application/problem+json")
        assert (await answer.json())["detail"]
