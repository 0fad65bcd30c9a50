"""Pages in a real Chromium: the other themes and sizes, forced colours, and without NATS."""

import re

import aiohttp
from integration.api.conftest import OwnNats
from integration.api.test_continuous_page import crash_loop
from playwright.async_api import Browser
from support.browser import PHONE, WIDE, tab
from support.dashboard import LONG, looked_at, some_jobs
from support.eventually import eventually
from support.fake_backend import FakeBackend
from support.outages import crash
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobType
from webjobs_rules.log_format import LineCount, output_log

_LOOKS: dict[str, dict[str, object]] = {
    "wide-dark": {"viewport": WIDE, "color_scheme": "dark"},
    "phone-light": {"viewport": PHONE, "color_scheme": "light"},
    "forced-colors": {"viewport": WIDE, "forced_colors": "active"},
    "zoom-200": {"viewport": {"width": 640, "height": 450}, "device_scale_factor": 2},
}
_MARK = b"[11/08/2013 02:56:00 > 327e1e: %b] "
_LOG = (
    _MARK % b"SYS INFO"
    + b"Status changed to Running\n"
    + _MARK % b"INFO"
    + b"\x1b[32mgreen\x1b[0m \x1b[1;33;44mbold\x1b[0m and a line that is "
    + 30 * b"long "
    + b"\n"
    + _MARK % b"ERROR"
    + b"ValueError: "
    + 300 * b"x"
    + b"\n"
)


async def test_pages_fit_in_every_look(
    browser: Browser, api: aiohttp.ClientSession, api_url: str, backend: FakeBackend, bus: Bus
) -> None:
    run_id = await some_jobs(api, backend)
    subject = bus.subjects.log(JobType.TRIGGERED, LONG, run_id)
    await backend.log(subject, output_log(run_id), 0, _LOG, LineCount())
    await crash_loop(backend, bus)
    paths = {
        "overview": "/",
        "select": "/?select=1",
        "run": f"/pages/triggered/{LONG}/history/{run_id}?line=2-3&q=green",
        "continuous": "/pages/continuous/worker",
        "deployments": "/pages/deployments",
    }
    for kind, look in _LOOKS.items():
        async with tab(browser, api_url, **look) as page:
            for name, path in paths.items():
                await looked_at(page, path, f"{kind}-{name}")


async def test_pages_say_that_nats_is_away_and_come_back(browser: Browser, own_nats: OwnNats) -> None:
    server, api = own_nats.server, own_nats.api
    run_id = await some_jobs(api, own_nats.backend)
    paths = (
        "/",
        f"/pages/triggered/{LONG}",
        f"/pages/triggered/{LONG}/history/{run_id}",
        "/pages/system",
    )
    async with (
        tab(browser, own_nats.url, viewport=WIDE) as page,
        tab(browser, own_nats.url, viewport=WIDE) as opened,
    ):
        await page.open("/")
        await opened.open("/pages/runs")
        await opened.page.wait_for_selector("#live.on")
        rows = await opened.page.locator("#list tbody tr").count()
        await crash(server)
        # A page that is open keeps its rows, greyed, and says what is away and how old they are.
        away = opened.page.locator("main.stale > #away")
        await away.wait_for()
        assert re.search(r"NATS is away.*(ago|just now)", str(await away.text_content()))
        assert await opened.page.locator("#list tbody tr").count() == rows > 0
        async with api.get("/") as answer:
            text = await answer.text()
            assert answer.status == 503 and "NATS is away" in text and LONG in text
        for path in paths:
            await looked_at(page, path, f"nats-away-{path.count('/')}", allow=("503",))
            assert "NATS" in str(await page.page.locator("main").text_content()), path
        await server.start()
        await eventually(lambda: _is_there(api, paths[2]))
        await opened.page.wait_for_selector("main:not(.stale)")
        await opened.page.wait_for_selector("#live.on")
        assert await away.count() == 0 and await opened.page.locator("#list tbody tr").count() == rows
        await opened.check(allow=("503", "ERR_"))
        await page.open(paths[2])
        await page.check()


async def _is_there(api: aiohttp.ClientSession, path: str) -> bool:
    async with api.get(path) as answer:
        return answer.status == 200
