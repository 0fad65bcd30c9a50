"""GET /api/overview: all jobs at a glance."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from msgspec.structs import replace
from support.eventually import eventually
from support.fake_backend import INSTANCE, FakeBackend
from webjobs_events.events import ScheduleTicked, TickOutcome
from webjobs_events.refusal import Refusal, encode_refusal
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobName, JobType
from webjobs_rules.log_format import output_log
from webjobs_rules.status import Status


async def start(api: aiohttp.ClientSession, name: str, query: str = "") -> str:
    async with api.post(f"/api/jobs/triggered/{name}/run{query}") as answer:
        assert answer.status == 202, await answer.text()
        return answer.headers["Location"].rpartition("/")[2]


async def run(api: aiohttp.ClientSession, backend: FakeBackend, name: str, exit_code: int = 0) -> str:
    run_id = await start(api, name)
    await eventually(lambda: name in backend.held)
    await backend.end_run(name, exit_code=exit_code)
    return run_id


async def overview(api: aiohttp.ClientSession, query: str = "") -> dict[str, Any]:
    async with api.get(f"/api/overview{query}") as answer:
        assert answer.status == 200, await answer.text()
        found: dict[str, Any] = await answer.json()
        return found


def names(rows: list[dict[str, Any]]) -> list[str]:
    return [row["job"] for row in rows]


async def acknowledge(api: aiohttp.ClientSession, status: int = 201, **asked: Any) -> dict[str, Any]:
    async with api.post("/api/acknowledgements", json={"type": "triggered", **asked}) as answer:
        assert answer.status == status, await answer.text()
        found: dict[str, Any] = await answer.json(content_type=None)
        assert status < 400 or answer.content_type == "application/problem+json"
        return found


async def test_an_empty_site(api: aiohttp.ClientSession) -> None:
    found = await overview(api)
    assert set(found.pop("counts").values()) == {0}
    assert found == {
        "attention": [],
        "acknowledged": [],
        "running": [],
        "next_due": [],
        "jobs": [],
        "next": None,
    }


async def test_jobs_at_a_glance(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    for name in ("bad", "good", "busy", "waits", "never"):
        await backend.define(JobType.TRIGGERED, name)
    await backend.define(JobType.TRIGGERED, "daily", settings={"schedule": "0 0 8 * * *"})
    for name in ("loop", "up"):
        await backend.define(JobType.CONTINUOUS, name)
    await backend.define(JobType.CONTINUOUS, "stopped", disabled=True)
    backend.tell("loop", **{f"i{INSTANCE}": Status.PENDING_RESTART})
    backend.statuses["loop"] = [replace(view, crashes=7, exit_code=1) for view in backend.statuses["loop"]]
    backend.tell("up", **{f"i{INSTANCE}": Status.RUNNING, "ibbbbbb": Status.RUNNING})
    await run(api, backend, "bad")
    await run(api, backend, "bad", exit_code=3)
    failed = await run(api, backend, "bad", exit_code=3)
    await run(api, backend, "good")
    busy_run = await start(api, "busy", "?arguments=a%20b")
    await eventually(lambda: "busy" in backend.held)
    subject = backend.bus.subjects.log(JobType.TRIGGERED, JobName("busy"), busy_run)
    line = b"[11/08/2013 02:56:00 > 327e1e: INFO] page 7\n"
    await backend.log(subject, output_log(busy_run), 0, line)
    backend.may_take_runs.clear()
    waiting = await start(api, "waits")
    await skip_a_due_time(backend, "daily")
    await refuse(backend, "no..job")

    found = await eventually_with_attention(api, 4)
    assert [(each["job"], each["kind"]) for each in found["attention"]] == [
        ("loop", "crash_loop"),
        ("bad", "failed"),
        ("no..job", "refused"),
        ("daily", "skipped"),
    ]
    crashes, bad, refused, _ = found["attention"]
    assert crashes["text"].endswith("7 crashes in a row, each soon after the start; exit code 1.")
    assert bad["text"].startswith("Exit code 3, second time in a row; last success ")
    assert bad["run_id"] == failed and bad["url"].endswith(f"/bad/history/{failed}")
    assert refused["url"].endswith("/api/refusals") and refused["text"] == "Two dots."

    assert found["counts"] == {
        "running": 1,
        "waiting": 1,
        "failed_24h": 2,
        "continuous_up": 1,
        "continuous_total": 2,
        "jobs": 9,
        "attention": 4,
        "acknowledged": 0,
    }
    (busy,) = found["running"]
    assert (busy["job"], busy["arguments"], busy["median_ms"]) == ("busy", "a b", None)
    assert (busy["last_line"], busy["progress"], busy["progress_text"]) == ("page 7", None, "")
    assert 0 <= busy["elapsed_ms"] < 60_000
    assert [(each["job"], each["at"][11:]) for each in found["next_due"]] == [("daily", "08:00:00Z")]

    in_order = ["loop", "bad", "daily", "busy", "good", "never", "stopped", "up", "waits"]
    assert names(found["jobs"]) == in_order and found["next"] is None
    rows = {row["job"]: row for row in found["jobs"]}
    assert (rows["bad"]["results"], rows["bad"]["success_rate"], rows["bad"]["streak"]) == ("SFF", 0.333, 2)
    assert len(rows["bad"]["durations_ms"]) == 3 and rows["bad"]["median_ms"] is not None
    assert rows["waits"]["latest"]["run_id"] == waiting and rows["waits"]["status"] == "Initializing"
    assert rows["never"]["latest"] is None and rows["never"]["status"] is None
    assert [each["instance"] for each in rows["up"]["instances"]] == [INSTANCE]  # the other runner is gone
    assert rows["stopped"]["disabled"] and rows["stopped"]["status"] == "Stopped"
    for row in (rows["good"], rows["up"]):
        async with api.get(row["url"]) as answer:
            assert (await answer.json())["name"] == row["job"]

    assert names((await overview(api, "?filter=failed"))["jobs"]) == ["loop", "bad"]
    assert names((await overview(api, "?filter=running"))["jobs"]) == ["busy", "up"]
    assert names((await overview(api, "?type=continuous&text=UP"))["jobs"]) == ["up"]
    seen, address = [], "/api/overview?limit=4"
    while address:
        async with api.get(address) as answer:
            page = await answer.json()
            assert answer.headers.get("Link", "") == (f'<{page["next"]}>; rel="next"' if page["next"] else "")
        seen += names(page["jobs"])
        address = page["next"]
    assert seen == in_order
    backend.may_take_runs.set()


async def eventually_with_attention(api: aiohttp.ClientSession, count: int) -> dict[str, Any]:
    """The overview once the mirrors of the api have what was just published."""

    async def found() -> dict[str, Any] | None:
        current = await overview(api)
        return current if len(current["attention"]) == count else None

    current = await eventually(found)
    assert current is not None
    return current


async def skip_a_due_time(backend: FakeBackend, name: str) -> None:
    await backend.bus.publish_event(
        ScheduleTicked(
            at=datetime.now(UTC),
            instance=INSTANCE,
            job_name=JobName(name),
            due=datetime.now(UTC) - timedelta(minutes=1),
            outcome=TickOutcome.SKIPPED,
            reason="Run 1 was not over.",
            schedule="0 0 8 * * *",
            time_zone="UTC",
        )
    )


async def refuse(backend: FakeBackend, folder: str) -> None:
    refusal = Refusal(
        job_type=JobType.TRIGGERED,
        folder_name=folder,
        reason="Two dots.",
        at=datetime.now(UTC),
        instance=INSTANCE,
    )
    await backend.bus.leases.put(
        Subjects.refusal_key(INSTANCE, JobType.TRIGGERED, folder), encode_refusal(refusal)
    )


async def test_a_run_is_shown_from_its_acceptance_on(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    """In the queue or in history, also while the projection lags."""
    await backend.define(JobType.TRIGGERED, "job")
    for _ in range(5):
        run_id = await start(api, "job")
        (row,) = (await overview(api))["jobs"]
        assert row["latest"]["run_id"] == run_id
        await eventually(lambda: "job" in backend.held)
        (row,) = (await overview(api))["jobs"]
        assert row["latest"]["run_id"] == run_id
        await backend.end_run("job")
        (row,) = (await overview(api))["jobs"]
        assert row["latest"]["run_id"] == run_id


async def test_faults_are_problem_documents(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    for query in ("?filter=broken", "?type=x", "?limit=0", "?after=x", "?text=" + "x" * 201):
        async with api.get(f"/api/overview{query}") as answer:
            assert (answer.status, answer.content_type) == (400, "application/problem+json")
            assert "selects no jobs" in (await answer.json())["detail"], query
    backend.history_away = True
    async with api.get("/api/overview") as answer:
        assert (answer.status, answer.content_type) == (503, "application/problem+json")


async def test_what_is_acknowledged_is_shown_apart_until_it_changes_or_the_job_recovers(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "bad")
    await refuse(backend, "no..job")
    await run(api, backend, "bad", exit_code=3)
    await eventually_with_attention(api, 2)
    given = await acknowledge(api, job="bad", note="The supplier is informed.")
    assert {**given, "id": "", "at": ""} == {
        "id": "",
        "job": "bad",
        "type": "triggered",
        "kinds": ["failed"],
        "hook": None,
        "by": "External - tests/1",
        "at": "",
        "until": "change",
        "note": "The supplier is informed.",
    }
    found = await overview(api)
    assert [each["job"] for each in found["attention"]] == ["no..job"]
    (known,) = found["acknowledged"]
    assert (known["job"], known["kind"], known["evidence"]) == ("bad", "failed", "exit_code 3")
    assert known["acknowledgement"] == given
    assert (found["counts"]["attention"], found["counts"]["acknowledged"]) == (1, 1)
    assert found["jobs"][0]["attention"] is None
    assert await acknowledge(api, 200, job="bad", note=" The supplier is informed. ") == given

    assert await jobs_with_attention(api, backend, exit_code=3) == ["no..job"]  # in the same way
    assert await jobs_with_attention(api, backend, exit_code=4) == ["bad", "no..job"]
    assert await jobs_with_attention(api, backend, exit_code=4) == ["bad", "no..job"]
    await acknowledge(api, job="bad", until="forever", kinds=["failed"])
    assert await jobs_with_attention(api, backend, exit_code=5) == ["no..job"]
    await run(api, backend, "bad")
    assert await jobs_with_attention(api, backend, exit_code=5) == ["bad", "no..job"]

    refused = await acknowledge(api, job="no..job", until="2999-01-01T00:00:00+01:00")
    assert refused["until"] == "2998-12-31T23:00:00Z" and refused["kinds"] == ["refused"]
    assert names((await overview(api))["attention"]) == ["bad"]
    async with api.get("/api/acknowledgements") as answer:
        assert await answer.json() == [refused]
    for status in (204, 404):
        async with api.delete(f"/api/acknowledgements/{refused['id']}") as answer:
            assert answer.status == status
    assert names((await overview(api))["attention"]) == ["bad", "no..job"]


async def jobs_with_attention(api: aiohttp.ClientSession, backend: FakeBackend, exit_code: int) -> list[str]:
    """After one more run of the job `bad`; the evidence is not known while that goes on."""
    before = names((await overview(api))["attention"])
    run_id = await start(api, "bad")
    await eventually(lambda: "bad" in backend.held)
    assert names((await overview(api))["attention"]) == before
    await backend.end_run("bad", exit_code=exit_code)

    async def is_shown() -> bool:
        latest = (await overview(api))["jobs"][0]["latest"]
        return (latest["run_id"], latest["exit_code"]) == (run_id, exit_code)

    await eventually(is_shown)
    return names((await overview(api))["attention"])


async def test_while_the_next_run_goes_on_the_last_failure_is_acknowledged(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "bad")
    await run(api, backend, "bad", exit_code=3)
    await eventually_with_attention(api, 1)
    await start(api, "bad")
    await eventually(lambda: "bad" in backend.held)
    await acknowledge(api, job="bad")
    await backend.end_run("bad", exit_code=3)
    await eventually_with_attention(api, 0)
    assert await jobs_with_attention(api, backend, exit_code=4) == ["bad"]


async def test_what_cannot_be_acknowledged(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    await backend.define(JobType.TRIGGERED, "good")
    for status, asked, says in (
        (400, {"job": "good", "until": "never"}, "change, forever"),
        (400, {"job": "good", "until": "2001-01-01T00:00:00Z"}, "has passed"),
        (400, {"job": "good", "note": "n" * 1001}, "1000"),
        (400, {"job": "good", "kinds": ["late"]}, "late"),
        (400, {"job": 1}, "job"),
        (400, {"job": "good", "colour": "red"}, "colour"),
        (404, {"job": "nobody"}, "nobody"),
        (404, {"job": "good", "type": "continuous"}, "good"),
        (409, {"job": "good"}, "needs no attention"),
        (409, {"job": "good", "kinds": ["failed"]}, "needs no attention for failed"),
    ):
        assert says in (await acknowledge(api, status, **asked))["detail"]
    async with api.get("/api/acknowledgements") as answer:
        assert await answer.json() == []


async def test_a_failure_is_acknowledged_as_soon_as_its_event_is_stored(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "bad")
    await start(api, "bad")
    await eventually(lambda: "bad" in backend.held)
    backend.may_project.clear()
    await backend.end_run("bad", exit_code=3)
    questions = backend.questions
    asked = asyncio.create_task(acknowledge(api, job="bad"))
    await eventually(lambda: backend.questions > questions)
    backend.may_project.set()
    assert (await asked)["kinds"] == ["failed"]


async def test_all_tabs_together_lead_to_one_read(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    await backend.define(JobType.TRIGGERED, "bad")
    await run(api, backend, "bad", exit_code=3)
    await eventually_with_attention(api, 1)

    async def tab() -> Any:
        async with api.get("/pages/tab") as answer:
            return await answer.json()

    await overview(api)
    before = backend.questions
    await overview(api)
    of_one = backend.questions - before
    found = await asyncio.gather(*(tab() for _ in range(30)))
    assert found == [{"attention": 1, "running": 0}] * 30
    assert backend.questions - before - of_one <= of_one
