"""Pages under load in a real Chromium: many events, many tabs, many jobs."""

import asyncio
import gzip
from datetime import UTC, datetime, timedelta

import aiohttp
from support.browser import WIDE, chromium, tab
from support.eventually import eventually, pause
from support.fake_backend import INSTANCE, FakeBackend
from webjobs_events.events import RunFailed, RunInitializing, RunSuccess
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import run_id_at
from webjobs_rules.status import Reason

TYPED = "--name 'Ada Lovelace' --all"
TABS = 8
HIDEABLE = """
let isHidden = false;
Object.defineProperty(document, "hidden", { get: () => isHidden });
window.hide = (value) => { isHidden = value; document.dispatchEvent(new Event("visibilitychange")); };
"""


async def runs_of(bus: Bus, job: str, count: int, *, failed_every: int = 3) -> None:
    """Publish two events for each of so many runs."""
    now = datetime.now(UTC)
    for number in range(count):
        at = now + timedelta(milliseconds=number)
        about = {
            "instance": INSTANCE,
            "job_name": JobName(job),
            "run_id": run_id_at(at),
            "trigger": "External - tests",
            "digest": "d1",
            "requested_at": at,
            "at": at,
        }
        await bus.publish_event(RunInitializing(**about))
        is_failed = number % failed_every == 0
        ended = RunFailed if is_failed else RunSuccess
        code = 3 if is_failed else 0
        await bus.publish_event(ended(**about, started_at=at, reason=Reason.EXIT_CODE, exit_code=code))
        await asyncio.sleep(0)


async def test_nothing_typed_is_lost_while_fifty_events_a_second_come(
    api_url: str, backend: FakeBackend, bus: Bus
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    await runs_of(bus, "hello", 1)
    async with chromium() as browser, tab(browser, api_url, viewport=WIDE) as watched:
        page = watched.page
        await watched.open("/pages/triggered/hello")
        await page.wait_for_selector("#live.on")
        devtools = await page.context.new_cdp_session(page)
        await devtools.send("Emulation.setCPUThrottlingRate", {"rate": 4})

        async def burst() -> None:
            for _ in range(15):
                await runs_of(bus, "hello", 5)
                await pause(0.2, "the pace of the events")

        field = page.locator("#arguments")
        await asyncio.gather(burst(), field.press_sequentially(TYPED, delay=100))
        await devtools.send("Emulation.setCPUThrottlingRate", {"rate": 1})
        await page.get_by_role("button", name="show").wait_for()
        assert await field.input_value() == TYPED
        assert await page.evaluate("document.activeElement.id") == "arguments"
        assert watched.faults == []


async def test_eight_tabs_work_at_the_same_time(api_url: str, backend: FakeBackend, bus: Bus) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    async with chromium() as browser:
        context = await browser.new_context(viewport=WIDE)
        await context.add_init_script(HIDEABLE)
        tabs = []
        for _ in range(TABS):
            if tabs:
                await tabs[-1].evaluate("hide(true)")
            page = await context.new_page()
            await page.goto(f"{api_url}/pages/triggered/hello", wait_until="load")
            await page.wait_for_selector("#live.on")
            tabs.append(page)
        await runs_of(bus, "hello", 1)
        await tabs[-1].wait_for_selector("#runs .status.Failed")
        await tabs[-1].evaluate("hide(true)")
        for page in tabs[:-1]:
            await page.evaluate("hide(false)")
            await page.wait_for_selector("#runs .status.Failed")
            await page.evaluate("hide(true)")
        await context.close()


async def test_the_overview_of_a_thousand_jobs_is_at_most_100_kb(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    for number in range(1000):
        await backend.define(JobType.TRIGGERED, f"nightly-invoice-export-{number:04d}")
    for number in range(100):
        await runs_of(bus, f"nightly-invoice-export-{number:04d}", 20)
    end = await bus.last_sequence(bus.subjects.events_stream)
    await eventually(lambda: backend.position >= end)
    async with api.get("/", headers={"Accept": "text/html"}) as answer:
        page = await answer.text()
    assert page.count('<svg class="bars"') == 100 and "Last 20 runs: 13 succeeded and 7 failed." in page
    assert len(gzip.compress(page.encode())) <= 100_000
    assert len(gzip.compress(page.encode())) >= 5_000, "it has its rows"
