"""`GET /api/system`: runners, histories, queue and streams, and their releases."""

from datetime import UTC, datetime, timedelta

import aiohttp
from support.eventually import eventually
from support.fake_backend import INSTANCE, FakeBackend
from support.http import get_json
from webjobs_events.heartbeat import (
    DiskReport,
    EnvironmentsReport,
    Heartbeat,
    PreparingJob,
    encode_heartbeat,
)
from webjobs_events.jetstream import Bus, metrics_served
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobType
from webjobs_service.release import VERSION

PATH = "/api/system"


async def beats(bus: Bus, version: str | None, *, is_new_version: bool = False) -> None:
    """Send what a runner of this release sends."""
    disk = DiskReport(free=3, total=9, reserve=1, is_low=False)
    since = datetime(2026, 1, 2, tzinfo=UTC)
    preparing = PreparingJob(
        job_type="continuous",
        job_name="w",
        since=since,
        until=None if is_new_version else since + timedelta(minutes=10),
        is_new_version=is_new_version,
    )
    environments = EnvironmentsReport(
        count=2,
        bytes=3_000_000,
        cache_bytes=0,
        environment_limit=4,
        cache_limit=5_000_000,
        preparing=[preparing],
        preparing_count=1,
    )
    beat = encode_heartbeat(
        Heartbeat(boot="202601020304056789", disk=disk, slots=4, version=version, environments=environments)
    )
    await bus.leases.put(Subjects.instance_key(INSTANCE), beat, ttl=60)
    await bus.broadcast(bus.subjects.heartbeat(INSTANCE), beat)


async def test_the_parts_are_listed_with_their_figures_and_releases(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    backend.may_take_runs.clear()
    async with api.post("/api/jobs/triggered/hello/run") as answer:
        assert answer.status == 202
    await beats(bus, VERSION)
    async with metrics_served(bus, "runner", INSTANCE, VERSION), metrics_served(bus, "history", "h", VERSION):

        async def shown() -> bool:
            system = await get_json(api, PATH)
            return system["histories"][0]["up"] and system["runners"][0]["version"] is not None

        await eventually(shown)
        system = await get_json(api, PATH)
    assert (system["version"], system["warnings"], system["problems"]) == (VERSION, [], {})
    assert system["queue"] == {"waiting": 1, "begun": 0}
    (runner,) = system["runners"]
    assert (runner["id"], runner["up"], runner["version"], runner["slots"]) == (INSTANCE, True, VERSION, 4)
    assert runner["since"] == "2026-01-02T03:04:05.678900Z" and runner["heartbeat_seconds"] < 10
    assert runner["disk"] == {"free_bytes": 3, "total_bytes": 9, "reserve_bytes": 1, "is_low": False}
    assert runner["environments"] == {
        "count": 2,
        "bytes": 3_000_000,
        "cache_bytes": 0,
        "environment_limit_bytes": 4,
        "cache_limit_bytes": 5_000_000,
        "preparing": 1,
    }
    (history,) = system["histories"]
    assert (history["instance"], history["up"], history["version"]) == ("h", True, VERSION)
    streams = {each["name"]: each for each in system["streams"]}
    assert streams[bus.subjects.commands_stream]["messages"] == 1


async def test_a_job_waits_for_the_packages_that_its_runner_installs(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    await backend.define(JobType.CONTINUOUS, "w")
    await beats(bus, VERSION)
    cause = await eventually(lambda: _first_cause(api, "preparing_dependencies"))
    assert (cause["since"], cause["until"]) == ("2026-01-02T00:00:00Z", "2026-01-02T00:10:00Z")
    async with api.get("/pages/continuous/w") as answer:
        page = await answer.text()
    assert "What it waits for" in page and cause["text"] in page


async def test_a_job_that_is_deployed_for_the_first_time_says_what_it_waits_for(
    api: aiohttp.ClientSession, bus: Bus
) -> None:
    """A folder was dropped, whose packages a runner installs before there is a job."""
    path = "/api/jobs/continuous/w/why"
    async with api.get(path) as answer:
        assert answer.status == 404
    await beats(bus, VERSION, is_new_version=True)

    async def causes() -> list[dict[str, str]]:
        async with api.get(path) as answer:
            found: list[dict[str, str]] = (await answer.json())["causes"] if answer.status == 200 else []
        return found

    (cause,) = await eventually(causes)
    assert cause["code"] == "preparing_dependencies" and cause["since"] == "2026-01-02T00:00:00Z"
    async with api.get("/api/jobs/triggered/w/why") as answer:
        assert answer.status == 404


async def _first_cause(api: aiohttp.ClientSession, code: str) -> dict[str, str] | None:
    first: dict[str, str] = (await get_json(api, "/api/jobs/continuous/w/why"))["causes"][0]
    return first if first["code"] == code else None


async def test_parts_of_different_releases_are_a_warning_here_and_on_the_page(
    api: aiohttp.ClientSession, bus: Bus
) -> None:
    await beats(bus, "0.0.7")
    async with metrics_served(bus, "runner", INSTANCE), metrics_served(bus, "history", "h"):

        async def warned() -> str:
            found = (await get_json(api, PATH))["warnings"]
            return found[0] if found and "history" in found[0] and "0.0.7" in found[0] else ""

        warning = await eventually(warned)
        async with api.get("/pages/system") as answer:
            page = await answer.text()
    assert warning == (
        f"Parts have different releases: this api is {VERSION}, runner {INSTANCE} is 0.0.7, "
        "history h is of an earlier release. Upgrade all to one."
    )
    assert '<td data-label="Packages">2 environments, 3.0 MB<' in page and "downloads 0 B of 5.0 MB" in page
    assert warning in page and '<td data-label="Release">0.0.7</td>' in page


async def test_parts_that_are_away_are_named_and_the_rest_is_shown(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    assert [each["up"] for each in (await get_json(api, PATH))["runners"]] == [True]
    backend.history_away = True
    await backend.fall_silent()
    await eventually(lambda: _problems(api, {"history", "runner"}))
    system = await get_json(api, PATH)
    assert system["histories"] == [
        {"instance": "", "up": False, "version": None, "projecting": None, "lag_events": None}
    ]
    assert [each["up"] for each in system["runners"]] == [False]
    assert all(each["messages"] is not None for each in system["streams"])


async def _problems(api: aiohttp.ClientSession, wanted: set[str]) -> bool:
    return set((await get_json(api, PATH))["problems"]) == wanted
