"""Triggered jobs over HTTP: the legacy fields, runs that never vanish, and one run at a time."""

import asyncio
import re
from datetime import UTC, datetime

import aiohttp
from support.eventually import eventually
from support.fake_backend import FakeBackend
from support.http import get_json
from webjobs_rules.job import JobType
from webjobs_rules.run_id import run_id_at
from yarl import URL

JOB = "/api/jobs/triggered/hello"
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


async def run(api: aiohttp.ClientSession, query: str = "") -> str:
    """Ask for a run; answers the path of its Location."""
    async with api.post(f"{JOB}/run{query}") as answer:
        assert (answer.status, await answer.text()) == (202, "")
        return "/api/" + answer.headers["Location"].partition("/api/")[2]


async def test_no_jobs_are_an_empty_list(api: aiohttp.ClientSession) -> None:
    for path in ("/api/jobs", "/api/jobs/", "/api/jobs/triggered", "/api/jobs/triggered/"):
        assert await get_json(api, path) == []


async def test_a_job_has_the_fields_of_the_seed(
    api: aiohttp.ClientSession, api_url: str, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello", "inner/run.sh")
    assert await get_json(api, JOB) == {
        "name": "hello",
        "runCommand": "inner\\run.sh",
        "type": "triggered",
        "url": f"{api_url}/api/jobs/triggered/hello",
        "history_url": f"{api_url}/api/jobs/triggered/hello/history",
        "extra_info_url": f"{api_url}/pages/triggered/hello",
        "latest_run": None,
    }
    assert await get_json(api, f"{JOB}/") == await get_json(api, JOB)
    assert await get_json(api, f"{JOB}/history") == {"runs": []}


async def test_a_run_is_accepted_then_runs_then_succeeds(
    api: aiohttp.ClientSession, api_url: str, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    location = await run(api, "?arguments=a%20%22b%20c%22")
    run_id = location.rpartition("/")[2]
    await eventually(lambda: "hello" in backend.held)
    command = backend.held["hello"].command
    assert command.arguments == 'a "b c"'
    assert command.requested_by == "External - tests/1"
    assert command.command_id == f"run/hello/{run_id}"
    await eventually(lambda: backend.position == 2)
    running = await get_json(api, location)
    assert running["status"] == "Running"
    assert running["end_time"] is None and running["error_url"] is None
    assert (await get_json(api, JOB))["latest_run"]["status"] == "Running", (
        "though its command is in the queue"
    )
    await backend.end_run("hello", has_error_log=True)
    await eventually(lambda: backend.position == 3)
    ended = await get_json(api, location)
    logs = f"{api_url}/vfs/data/jobs/triggered/hello/{run_id}"
    assert ended == {
        "id": run_id,
        "status": "Success",
        "start_time": ended["start_time"],
        "end_time": ended["end_time"],
        "duration": "00:00:00",
        "output_url": f"{logs}/output_{run_id}.log",
        "error_url": f"{logs}/error_{run_id}.log",
        "url": f"{api_url}{location}",
    }
    assert INSTANT.fullmatch(ended["start_time"]) and INSTANT.fullmatch(ended["end_time"])
    assert await get_json(api, f"{JOB}/history") == {"runs": [ended]}
    assert (await get_json(api, JOB))["latest_run"] == ended
    assert (await get_json(api, "/api/jobs"))[0]["latest_run"] == ended


async def test_an_accepted_run_is_visible_before_any_runner_took_it(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    backend.may_take_runs.clear()
    await backend.define(JobType.TRIGGERED, "hello")
    location = await run(api)
    run_id = location.rpartition("/")[2]
    for path in (location, JOB, f"{JOB}/history", "/api/jobs", "/api/jobs/triggered"):
        told = str(await get_json(api, path))
        assert run_id in told and "Initializing" in told, path


async def test_a_finished_run_is_never_missing_while_the_projection_lags(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    backend.may_project.clear()
    location = await run(api)
    run_id = location.rpartition("/")[2]
    await eventually(lambda: "hello" in backend.held)
    await backend.end_run("hello")
    paths = (location, JOB, f"{JOB}/history", "/api/jobs", "/api/jobs/triggered")
    asked = [asyncio.create_task(get_json(api, path)) for path in paths]
    await eventually(lambda: backend.bus.is_connected)
    backend.may_project.set()
    for path, told in zip(paths, await asyncio.gather(*asked), strict=True):
        assert run_id in str(told), path


async def test_a_second_run_of_a_running_job_is_refused(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    await run(api)
    async with api.post(f"{JOB}/run") as answer:
        assert answer.status == 409
        assert "already running" in await answer.text()


async def test_a_run_is_accepted_as_soon_as_the_last_one_is_shown_as_ended(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    await run(api)
    await eventually(lambda: "hello" in backend.held)
    await backend.end_run("hello", free_the_job=False)
    await eventually(lambda: backend.position == 3)
    second = asyncio.create_task(run(api))
    await backend.free("hello")
    await second
    await eventually(lambda: "hello" in backend.held)


async def test_of_many_requests_at_once_one_run_is_accepted(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")

    async def ask() -> int:
        async with api.post(f"{JOB}/run") as answer:
            return answer.status

    assert sorted(await asyncio.gather(*(ask() for _ in range(10)))) == [202] + [409] * 9


async def test_stopped_jobs_are_not_run(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    await backend.bus.settings.put("WEBJOBS_STOPPED", b"1")

    async def is_refused() -> bool:
        async with api.post(f"{JOB}/run") as answer:
            assert "WEBJOBS_STOPPED" in await answer.text() or "already running" in await answer.text()
            return answer.status == 409

    await eventually(is_refused)


async def test_a_history_can_be_read_page_by_page(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    ids = []
    for _ in range(3):
        async with api.post(f"{JOB}/run") as answer:
            ids.append(answer.headers["Location"].rpartition("/")[2])
        await eventually(lambda: "hello" in backend.held)
        await backend.end_run("hello")
    backend.may_take_runs.clear()
    async with api.post(f"{JOB}/run") as answer:  # waits in the queue
        ids.append(answer.headers["Location"].rpartition("/")[2])
    newest_first = ids[::-1]

    async def page(query: str) -> list[str]:
        return [run["id"] for run in (await get_json(api, f"{JOB}/history?{query}"))["runs"]]

    assert await page("limit=2") == newest_first[:2]
    assert await page(f"limit=2&before={newest_first[1]}") == newest_first[2:]
    assert await page(f"before={newest_first[0]}") == newest_first[1:]
    assert await page(f"before={newest_first[-1]}") == []
    async with api.get(f"{JOB}/history?limit=0") as answer:
        assert answer.status == 400
        assert "from 1 to 1000" in await answer.text()
    async with api.get(f"{JOB}/history?before=yesterday") as answer:
        assert answer.status == 400
    backend.may_take_runs.set()


async def test_unknown_jobs_and_runs_are_not_found(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    never = run_id_at(datetime.now(UTC))
    for path in ("/api/jobs/triggered/no", "/api/jobs/triggered/no/history", f"{JOB}/history/{never}"):
        async with api.get(path) as answer:
            assert answer.status == 404
            assert answer.content_type == "text/plain"
    async with api.get(f"{JOB}/history/yesterday") as answer:
        assert answer.status == 404
    async with api.post("/api/jobs/triggered/no/run") as answer:
        assert answer.status == 404
    async with api.get(f"/api/jobs/triggered/no/history/{never}") as answer:
        assert answer.status == 404


async def test_history_without_a_definition_is_not_found(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    location = await run(api)
    await eventually(lambda: backend.position == 2)
    await backend.bus.jobs.delete("triggered.hello")
    for path in (location, f"{JOB}/history"):

        async def is_gone(path: str = path) -> bool:
            async with api.get(path) as answer:
                return answer.status == 404

        await eventually(is_gone)


async def test_a_definition_written_elsewhere_is_seen_at_once(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    for number in range(20):
        await backend.define(JobType.TRIGGERED, f"job{number}")
        async with api.post(f"/api/jobs/triggered/job{number}/run") as answer:
            assert answer.status == 202


async def test_arguments_with_an_open_quote_are_refused(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    for bad in ("%22open", "%00", "back%5C"):
        async with api.post(f"{JOB}/run?arguments={bad}") as answer:
            assert answer.status == 400
            assert "arguments cannot be passed on" in await answer.text()


async def test_lists_are_in_name_order_and_triggered_jobs_come_first(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    for name in ("b", "C", "a"):
        await backend.define(JobType.TRIGGERED, name)
    await backend.define(JobType.CONTINUOUS, "a")

    async def names() -> list[str]:
        return [f"{job['type']}/{job['name']}" for job in await get_json(api, "/api/jobs")]

    expected = ["triggered/a", "triggered/b", "triggered/C", "continuous/a"]
    await eventually(lambda: _equals(names(), expected))


async def _equals(answer, expected) -> bool:
    return await answer == expected


async def test_names_of_any_script_work_and_are_encoded_in_urls(
    api: aiohttp.ClientSession, api_url: str, backend: FakeBackend
) -> None:
    name = "naïve job 日本 {x} 100%"
    await backend.define(JobType.TRIGGERED, name)
    encoded = "na%C3%AFve%20job%20%E6%97%A5%E6%9C%AC%20%7Bx%7D%20100%25"
    async with api.get(URL(f"{api_url}/api/jobs/triggered/{encoded}", encoded=True)) as answer:
        job = await answer.json()
    assert job["name"] == name
    assert job["url"] == f"{api_url}/api/jobs/triggered/{encoded}"
    async with api.post(URL(f"{job['url']}/run", encoded=True)) as answer:
        assert answer.status == 202
        location = answer.headers["Location"]
    assert location.startswith(f"{job['url']}/history/")
    async with api.get(URL(location, encoded=True)) as answer:
        assert answer.status == 200


async def test_head_and_wrong_methods_are_answered_as_http_wants(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    async with api.head(JOB) as answer:
        assert answer.status == 200
    for method, path in (("GET", f"{JOB}/run"), ("POST", JOB), ("DELETE", "/api/jobs"), ("PUT", "/")):
        async with api.request(method, path) as answer:
            assert answer.status == 405, (method, path)
            assert answer.headers["Allow"]
    async with api.get("/api/nothing") as answer:
        assert answer.status == 404
