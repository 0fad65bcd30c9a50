"""A site with something to see, and what must be true of its pages in a real browser."""

import io
import os
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from support.browser import WatchedPage
from support.eventually import eventually
from support.fake_backend import INSTANCE, FakeBackend
from support.runners import zipped
from webjobs_events.job import JobVersion
from webjobs_rules.job import JobType
from webjobs_rules.status import Status

_SHOTS = os.environ.get("WEBJOBS_TEST_SCREENSHOTS")
DIGESTS = ("a" * 64, "b" * 64)
LONG = "nightly-invoice-export-for-the-northern-region"


async def see_every_page(
    view: WatchedPage, kind: str, api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    """Look at every page, of a site without jobs, with some, and without history."""
    await looked_at(view, "/", f"{kind}-overview-empty")
    await looked_at(view, "/pages/runs", f"{kind}-runs-empty")
    run_id = await some_jobs(api, backend)
    paths = {
        "overview": "/",
        "runs": "/pages/runs?status=Failed",
        "runs-select": "/pages/runs?select=1",
        "triggered": f"/pages/triggered/{LONG}",
        "scheduled": "/pages/triggered/hello",
        "run": f"/pages/triggered/{LONG}/history/{run_id}",
        "continuous": "/pages/continuous/queue-worker",
        "versions": f"/pages/continuous/queue-worker?version={DIGESTS[1]}&against={DIGESTS[0]}",
        "schedule": "/pages/schedule",
        "events": "/pages/events",
        "hooks": "/pages/hooks",
        "hook": f"/pages/hooks/{await a_hook(api)}",
        "settings": "/pages/settings",
        "system": "/pages/system",
        "new": "/pages/new",
        "docs": "/docs",
    }
    for name, path in paths.items():
        await looked_at(view, path, f"{kind}-{name}")
    await acted_on_all(view, kind)
    await looked_at(view, "/pages/triggered/nothing", f"{kind}-unknown", allow=("404",))
    backend.history_away = True
    await looked_at(view, "/", f"{kind}-history-away", allow=("503",))


async def looked_at(view: WatchedPage, path: str, name: str, *, allow: tuple[str, ...] = ()) -> None:
    """Load a page, check it, and keep a picture of it where one is wanted."""
    await view.open(path)
    await pictured(view, name)
    await view.check(allow=allow)


async def pictured(view: WatchedPage, name: str) -> None:
    """Keep a picture of a page where one is wanted."""
    if _SHOTS:
        Path(_SHOTS).mkdir(parents=True, exist_ok=True)
        await view.page.screenshot(path=f"{_SHOTS}/{name}.png", full_page=True)


async def acted_on_all(view: WatchedPage, kind: str) -> None:
    """Run all jobs but one by check boxes, and look at each step; the continuous one among them fails."""
    await looked_at(view, "/?select=1", f"{kind}-select")
    for box in (await view.page.locator("#jobs .box input").all())[1:]:
        await box.check()
    await view.page.get_by_role("button", name="Run", exact=True).click()
    for step, button in (("question", "Run: 2 jobs"), ("outcome", "Try these again")):
        await view.page.get_by_role("button", name=button).wait_for()
        await pictured(view, f"{kind}-{step}")
        await view.check()
        if step == "question":
            await view.page.get_by_role("button", name=button).click()


async def ran(api: aiohttp.ClientSession, backend: FakeBackend, name: str, exit_code: int = 0) -> str:
    """Run a job to its end; answers the id of the run."""
    async with api.post(f"/api/jobs/triggered/{name}/run") as answer:
        assert answer.status == 202, await answer.text()
    await eventually(lambda: name in backend.held)
    run_id: str = backend.held[name].command.run_id
    await backend.end_run(name, exit_code=exit_code, has_error_log=exit_code != 0)
    return run_id


async def two_versions(backend: FakeBackend) -> list[JobVersion]:
    """Versions of a job whose files differ in a long line and a name without a space."""
    for digest, number in zip(DIGESTS, ("2", "1"), strict=True):
        files = {"run.sh": f"echo {number} {'x' * 300}\n", f"{LONG}_{number}.txt": "a\n", "data": b"\0"}
        await backend.bus.packages.put(digest, io.BytesIO(zipped(files)))
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        JobVersion(digest=digest, script="run.sh", deployed_at=at, deployed_by="Dashboard", files=3)
        for digest in DIGESTS
    ]


async def some_jobs(api: aiohttp.ClientSession, backend: FakeBackend) -> str:
    """Jobs of either type with some runs; the id of the last run, which failed."""
    await backend.define(JobType.TRIGGERED, "hello", settings={"schedule": "0 0 3 * * *"})
    await backend.define(JobType.TRIGGERED, LONG)
    await backend.define(
        JobType.CONTINUOUS, "queue-worker", digest=DIGESTS[0], versions=await two_versions(backend)
    )
    backend.tell("queue-worker", **{f"i{INSTANCE}": Status.RUNNING})
    return await ran(api, backend, LONG, 3)


async def a_hook(api: aiohttp.ClientSession) -> str:
    """A hook that was called once, in vain; its id."""
    fields = {"url": f"https://hooks.invalid/services/{LONG}", "event": "PostDeployment", "secret": "key"}
    async with api.post("/api/hooks", json=fields) as answer:
        hook_id: str = (await answer.json())["id"]
    async with api.post(f"/api/hooks/{hook_id}/test") as answer:
        assert answer.status == 200, await answer.text()
    return hook_id
