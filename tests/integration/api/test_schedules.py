"""Schedules over HTTP: the next due times, what became of the last ones, and the scheduler log."""

from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from support.eventually import eventually
from support.fake_backend import INSTANCE, FakeBackend
from webjobs_events.events import Deleted, ScheduleTicked, TickOutcome
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import run_id_at

DAILY = {"schedule": "0 30 8 * * *", "time_zone": "Asia/Tokyo"}
DUE = datetime(2026, 6, 1, 23, 30, tzinfo=UTC)
PREVIEW = "/api/jobs/triggered/report/schedule"
LOG = "/vfs/data/jobs/triggered/report/job_scheduler.log"


async def tell(bus: Bus, number: int = 0, outcome: TickOutcome = TickOutcome.RAN, **facts: Any) -> None:
    """Tell of the due time of a day, as a runner does."""
    due = DUE + timedelta(days=number)
    await bus.publish_event(
        ScheduleTicked(
            at=due,
            instance=INSTANCE,
            job_name=JobName("report"),
            due=due,
            outcome=outcome,
            run_id=run_id_at(due) if outcome is TickOutcome.RAN else None,
            schedule="0 30 8 * * *",
            time_zone="Asia/Tokyo",
            **facts,
        )
    )


async def preview(api: aiohttp.ClientSession, path: str = PREVIEW, status: int = 200) -> Any:
    async with api.get(path) as answer:
        assert answer.status == status
        return await answer.json(content_type=None)


async def test_the_next_due_times_are_shown_in_utc_and_by_the_clock_of_the_zone(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "report", settings=DAILY)
    body = await preview(api, f"{PREVIEW}?next=3")
    assert (body["schedule"], body["time_zone"]) == ("0 30 8 * * *", "Asia/Tokyo")
    assert (body["normalized"], body["words"]) == ("0 30 8 * * *", "every day at 08:30:00")
    assert (body["enabled"], body["held_back"], body["last"], body["log_url"]) == (True, None, [], None)
    assert [due["local"][10:] for due in body["next"]] == ["T08:30:00+09:00"] * 3
    assert all(due["due"].endswith("T23:30:00.000000Z") for due in body["next"])


async def test_every_dialect_has_the_schedule(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    await backend.define(JobType.TRIGGERED, "report", settings=DAILY)
    for path in ("/api/triggeredwebjobs", "/api/triggeredjobs", "/jobs/triggered"):
        assert len((await preview(api, f"{path}/report/schedule"))["next"]) == 10


async def test_a_job_without_a_schedule_has_none(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    await backend.define(JobType.TRIGGERED, "report")
    body = await preview(api)
    assert (body["schedule"], body["time_zone"], body["next"]) == (None, "UTC", [])


async def test_settings_from_before_they_were_checked_say_what_is_wrong(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "report", settings={"schedule": "every day"})
    body = await preview(api)
    assert body["next"] == []
    assert "must have six fields" in body["held_back"]


async def test_what_holds_a_schedule_back_is_said(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    await backend.define(JobType.TRIGGERED, "report", settings=DAILY)
    await bus.settings.put("WEBJOBS_DISABLE_SCHEDULE", b"1")

    async def held_back() -> str | None:
        found: str | None = (await preview(api))["held_back"]
        return found

    await eventually(held_back)
    assert await held_back() == "WEBJOBS_DISABLE_SCHEDULE is set."
    await backend.define(JobType.TRIGGERED, "report", settings={**DAILY, "enabled": False})
    await eventually(lambda: _is(held_back, "enabled is false in settings.job."))


async def _is(ask: Any, wanted: str) -> bool:
    return bool(await ask() == wanted)


@pytest.mark.parametrize("count", ["-1", "101", "ten", "1.5", "", "\u0663", "9" * 400])
async def test_a_count_that_is_none_is_a_problem(
    count: str, api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "report", settings=DAILY)
    async with api.get(PREVIEW, params={"next": count}) as answer:
        assert answer.status == 400
        assert answer.content_type == "application/problem+json"
        problem = await answer.json(content_type=None)
    assert (problem["status"], problem["title"]) == (400, "Bad Request")
    assert "a whole number from 0 to 100" in problem["detail"]


async def test_the_schedule_of_no_job_is_a_problem(api: aiohttp.ClientSession) -> None:
    problem = await preview(api, status=404)
    assert problem["detail"] == "There is no triggered job named 'report'."


async def test_what_became_of_due_times_is_shown_newest_first_and_as_lines(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    await backend.define(JobType.TRIGGERED, "report", settings=DAILY)
    async with api.get(LOG) as answer:
        assert answer.status == 404
    for number in range(60):
        await tell(bus, number)
    await tell(bus, 60, TickOutcome.SKIPPED, reason="WEBJOBS_STOPPED is set.")
    until = DUE + timedelta(days=63)
    await tell(bus, 61, TickOutcome.MISSED, reason="It was seen only 3 s late.", until=until, count=3)
    body = await preview(api)
    assert [tick["outcome"] for tick in body["last"]] == ["missed", "skipped", *["ran"] * 8]
    assert (body["last"][0]["count"], body["last"][0]["run_url"]) == (3, None)
    assert body["last"][2]["run_url"].endswith("/api/jobs/triggered/report/history/202607302330000000")
    assert body["log_url"].endswith(LOG)
    for path in (LOG, f"/api{LOG}"):
        async with api.get(path) as answer:
            lines = (await answer.text()).splitlines()
        assert len(lines) == 62
        mark = f"[06/01/2026 23:30:00 > {INSTANCE}: SYS INFO]"
        assert lines[0] == (
            f"{mark} Invoking WebJob for 06/01/2026 23:30:00: run 202606012330000000 (0 30 8 * * *)"
        )
        assert lines[-2].endswith("Skipped schedule of 07/31/2026 23:30:00: WEBJOBS_STOPPED is set.")
        assert "Missed 3 schedules from 08/01/2026 23:30:00 to 08/03/2026 23:30:00: " in lines[-1]


async def test_a_job_names_its_scheduler_log_as_soon_as_there_is_one_and_until_it_is_deleted(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    async def url() -> str | None:
        async with api.get("/api/triggeredwebjobs/report") as answer:
            one = (await answer.json())["scheduler_logs_url"]
        async with api.get("/api/triggeredwebjobs") as answer:
            (listed,) = await answer.json()
        assert listed["scheduler_logs_url"] == one
        return str(one) if one else None

    await backend.define(JobType.TRIGGERED, "report", settings=DAILY)
    assert await url() is None
    await tell(bus)
    found = await eventually(url)
    assert found is not None and found.endswith(LOG)
    deleted = Deleted(
        at=DUE,
        instance=INSTANCE,
        job_type=JobType.TRIGGERED,
        job_name=JobName("report"),
        revision=1,
        cause="test",
    )
    await bus.publish_event(deleted)
    await eventually(lambda: _is_none(url))
    async with api.get(LOG) as answer:
        assert answer.status == 404


async def _is_none(ask: Any) -> bool:
    return await ask() is None


async def test_a_continuous_job_that_is_not_enabled_is_not_started(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.CONTINUOUS, "worker", settings={"enabled": False})
    async with api.post("/api/jobs/continuous/worker/start") as answer:
        assert answer.status == 409
        assert "enabled" in await answer.text()
    async with api.get("/api/jobs/continuous/worker") as answer:
        assert (await answer.json())["status"] == "Stopped"


async def test_the_page_of_a_job_says_when_it_runs_next(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    async def shows(part: str) -> bool:
        async with api.get("/jobs/triggered/report", headers={"Accept": "text/html"}) as answer:
            assert answer.status == 200
            return part in await answer.text()

    await backend.define(JobType.TRIGGERED, "report", settings=DAILY)
    assert await shows("08:30:00 Asia/Tokyo")
    assert not await shows(LOG)
    await tell(bus)
    await eventually(lambda: shows(LOG))


async def test_a_schedule_says_what_the_clocks_do_to_it(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    for name, hour in (("night", 2), ("noon", 12)):
        settings = {"schedule": f"0 30 {hour} * * *", "time_zone": "Europe/Berlin"}
        await backend.define(JobType.TRIGGERED, name, settings=settings)
    found = await preview(api, "/api/jobs/triggered/night/schedule?next=100")
    change = found["clock_change"]
    assert change["effect"] in ("moved", "once") and "02:30:00" in change["words"]
    special = [due for due in found["next"] if due["clock_change"]]
    assert all(due["clock_change"]["words"].startswith("On 20") for due in special)
    async with api.get("/pages/triggered/night") as answer:
        assert change["words"] in await answer.text()
    found = await preview(api, "/api/jobs/triggered/noon/schedule?next=100")
    assert [found["clock_change"], *(due["clock_change"] for due in found["next"])] == [None] * 101
    async with api.get("/pages/triggered/noon") as answer:
        assert "the clocks are put" not in await answer.text()


async def test_a_job_that_is_not_enabled_is_not_run(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    await backend.define(JobType.TRIGGERED, "report", settings={"enabled": False})
    for path in ("/api/jobs/triggered/report/run", "/api/triggeredwebjobs/report/run"):
        async with api.post(path) as answer:
            assert answer.status == 409
            assert "enabled" in await answer.text()
