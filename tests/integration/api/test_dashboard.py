"""The pages in a real Chromium: in their states, wide and narrow, light and dark, without scripts too."""

import io
import os
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from integration.api.conftest import OwnNats
from integration.api.test_continuous_page import crash_loop
from playwright.async_api import Browser
from support.browser import PHONE, WIDE, WatchedPage, chromium, tab
from support.eventually import eventually
from support.fake_backend import INSTANCE, FakeBackend
from support.outages import crash
from support.runners import zipped
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobVersion
from webjobs_rules.job import JobType
from webjobs_rules.log_format import LineCount, output_log
from webjobs_rules.status import Status

_SHOTS = os.environ.get("WEBJOBS_TEST_SCREENSHOTS")
_VIEWS = [
    pytest.param({"viewport": WIDE, "color_scheme": "light"}, id="wide-light"),
    pytest.param({"viewport": PHONE, "color_scheme": "dark"}, id="phone-dark"),
]
DIGESTS = ("a" * 64, "b" * 64)
_LOOKS: dict[str, dict[str, object]] = {
    "wide-dark": {"viewport": WIDE, "color_scheme": "dark"},
    "phone-light": {"viewport": PHONE, "color_scheme": "light"},
    "forced-colors": {"viewport": WIDE, "forced_colors": "active"},
    "zoom-200": {"viewport": {"width": 640, "height": 450}, "device_scale_factor": 2},
}
_MARK = b"[11/08/2013 02:56:00 > 327e1e: %b] "
LOG = (
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
_OBSERVE_ROWS = """() => {
  window.changedRows = new Set();
  const rowOf = (node) => (node.closest ? node : node.parentElement).closest("tr")?.id ?? node.nodeName;
  const all = { subtree: true, childList: true, attributes: true, characterData: true };
  new MutationObserver((changes) => changes.forEach((each) => window.changedRows.add(rowOf(each.target))))
    .observe(document.querySelector("#jobs tbody"), all);
}"""
LONG = "nightly-invoice-export-for-the-northern-region"


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


async def looked_at(view: WatchedPage, path: str, name: str, *, allow: tuple[str, ...] = ()) -> None:
    """Load a page, check it, and keep a picture of it where one is wanted."""
    await view.open(path)
    await pictured(view, name)
    await view.check(allow=allow)


async def pictured(view: WatchedPage, name: str) -> None:
    if _SHOTS:
        Path(_SHOTS).mkdir(parents=True, exist_ok=True)
        await view.page.screenshot(path=f"{_SHOTS}/{name}.png", full_page=True)


async def acted_on_all(view: WatchedPage, kind: str) -> None:
    """Disable all jobs but one by check boxes, and look at each step."""
    await looked_at(view, "/?select=1", f"{kind}-select")
    for box in (await view.page.locator("#jobs .box input").all())[1:]:
        await box.check()
    await view.page.get_by_role("button", name="Run", exact=True).click()
    for step in ("question", "outcome"):
        await view.page.wait_for_load_state()
        await pictured(view, f"{kind}-{step}")
        await view.check()
        if step == "question":
            await view.page.get_by_role("button", name="Run: 2 jobs").click()
    await view.page.get_by_role("button", name="Try these again").wait_for()


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


@pytest.mark.parametrize("view", _VIEWS)
async def test_pages_are_whole_accessible_and_fit(
    browser: Browser,
    api: aiohttp.ClientSession,
    api_url: str,
    backend: FakeBackend,
    view: dict[str, object],
    request: pytest.FixtureRequest,
) -> None:
    kind = request.node.callspec.id
    async with tab(browser, api_url, **view) as page:
        await looked_at(page, "/", f"{kind}-overview-empty")
        await looked_at(page, "/pages/runs", f"{kind}-runs-empty")
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
            await looked_at(page, path, f"{kind}-{name}")
        await acted_on_all(page, kind)
        await looked_at(page, "/pages/triggered/nothing", f"{kind}-unknown", allow=("404",))
        backend.history_away = True
        await looked_at(page, "/", f"{kind}-history-away", allow=("503",))


async def test_pages_fit_in_every_look(
    browser: Browser, api: aiohttp.ClientSession, api_url: str, backend: FakeBackend, bus: Bus
) -> None:
    run_id = await some_jobs(api, backend)
    subject = bus.subjects.log(JobType.TRIGGERED, LONG, run_id)
    await backend.log(subject, output_log(run_id), 0, LOG, LineCount())
    await crash_loop(backend, bus)
    paths = {
        "overview": "/",
        "select": "/?select=1",
        "run": f"/pages/triggered/{LONG}/history/{run_id}?line=2-3&q=green",
        "continuous": "/pages/continuous/worker",
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


async def test_calls_of_a_hook_come_by_themselves(
    browser: Browser, api_url: str, api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    hook = await a_hook(api)
    async with tab(browser, api_url, viewport=WIDE) as page:
        await page.open(f"/pages/hooks/{hook}")
        rows = page.page.locator("#calls tbody tr")
        assert await rows.count() == 1
        async with api.post(f"/api/hooks/{hook}/test"):
            await eventually(lambda: _counts(rows, 2))
        await page.check()


async def test_a_page_whose_stream_is_held_back_says_so(
    browser: Browser, api_url: str, backend: FakeBackend
) -> None:
    async with tab(browser, api_url, viewport=WIDE) as page:
        await page.page.clock.install()
        await page.page.route("**/api/events?*", lambda _: None)  # as by a proxy that buffers
        await page.open("/pages/runs")
        await page.page.clock.fast_forward(46_000)
        await page.page.get_by_role("alert").filter(has_text="does a proxy buffer them?").wait_for()


async def _is_there(api: aiohttp.ClientSession, path: str) -> bool:
    async with api.get(path) as answer:
        return answer.status == 200


async def test_a_thousand_jobs_fit_into_the_budget_of_a_page(
    browser: Browser, api_url: str, backend: FakeBackend
) -> None:
    for number in range(1000):
        await backend.define(JobType.TRIGGERED, f"job-{number:04d}")
    async with tab(browser, api_url, viewport=WIDE) as page:
        for path, most_stops in (("/", 3), ("/?select=1", 2)):
            await page.open(path)
            await page.check()
            assert await page.page.evaluate("document.querySelectorAll('#jobs tbody tr').length") == 100
            assert await page.page.evaluate("document.querySelectorAll('*').length") <= 2500
            rows = "[...document.querySelectorAll('#jobs tbody tr')]"
            stops = f"{rows}.map((row) => row.querySelectorAll('a, button, input').length)"
            assert max(await page.page.evaluate(stops)) <= most_stops
        await page.page.get_by_label("All 1,000 jobs that match").wait_for()


async def test_what_happens_is_shown_without_a_reload_and_nothing_typed_is_lost(
    browser: Browser, api_url: str, api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    async with tab(browser, api_url, viewport=WIDE) as page:
        await page.open("/pages/triggered/hello")
        await page.page.wait_for_selector("#live.on")
        field = page.page.locator("#arguments")
        await field.fill("--name Ada")
        await ran(api, backend, "hello")
        await page.page.wait_for_selector("#runs .status.Success")
        assert await field.input_value() == "--name Ada"
        await field.fill("")
        await field.blur()
        await page.page.wait_for_selector("#head p > time")
        age = page.page.locator("#head p > time")
        shown = await age.text_content()

        async def has_gone_on() -> bool:
            return bool(re.fullmatch(r"\d+ s ago", text := await age.text_content() or "")) and text != shown

        await eventually(has_gone_on)
        await page.check()


async def test_a_refresh_changes_only_the_rows_that_events_name_and_waits_for_a_selection(
    browser: Browser, api_url: str, api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    name = "it's Ada's (first) job! *"
    for each in (name, *(f"job-{number:02d}" for number in range(30))):
        await backend.define(JobType.TRIGGERED, each)
    async with tab(browser, api_url, viewport=WIDE) as page:
        asked: list[str] = []
        page.page.on("request", lambda request: asked.append(request.url))
        await page.open("/")
        await page.page.wait_for_selector("#live.on")
        await page.page.evaluate(_OBSERVE_ROWS)
        row = page.page.locator("#jobs tbody tr").filter(has_text="Ada")
        await ran(api, backend, name)
        await row.locator(".status.Success").wait_for()
        names = [await row.get_attribute("id")]
        assert await page.page.evaluate("[...window.changedRows]") == names
        assert all("_rows=job-triggered-it" in each for each in asked if "_regions" in each), asked

        async with page.page.expect_response("**_regions=*"):
            await page.page.evaluate("invalidate('*')")
        await eventually(lambda: page.page.evaluate("!isAsking && !stale.size"))
        assert await page.page.evaluate("[...window.changedRows]") == names, "the others are as they were"

        await page.page.evaluate("getSelection().selectAllChildren(document.querySelector('#jobs th'))")
        await ran(api, backend, name, 3)
        await page.page.locator("#attention tr").filter(has_text="Ada").wait_for()
        assert await row.locator(".status").text_content() == "Success", "what is selected holds still"
        await page.page.evaluate("getSelection().empty()")
        await row.locator(".status.Failed").wait_for()
        await page.check()


async def test_rows_hold_still_until_they_are_asked_for_and_while_one_is_checked(
    browser: Browser, api_url: str, api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    await ran(api, backend, "hello")
    async with tab(browser, api_url, viewport=WIDE) as page:
        await page.open("/pages/runs?select=1")
        await page.page.wait_for_selector("#live.on")
        rows, box = page.page.locator("#list tbody tr"), page.page.get_by_label("Select run")
        assert await rows.count() == 1
        show = page.page.get_by_role("button", name="1 new · show")
        await box.check()
        await box.blur()
        await ran(api, backend, "hello", 3)
        await eventually(lambda: page.page.evaluate("[...stale.keys()].includes('list') && !isAsking"))
        assert await box.is_checked() and await show.count() == 0
        await box.uncheck()
        await box.blur()
        await show.wait_for()
        assert await rows.count() == 1
        await show.click()
        await page.page.wait_for_load_state()
        await eventually(lambda: _counts(rows, 2))


async def _counts(rows: object, wanted: int) -> bool:
    return await rows.count() == wanted  # type: ignore[attr-defined, no-any-return]


async def test_events_come_by_themselves_until_the_list_is_paused(
    browser: Browser, api_url: str, api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    async with tab(browser, api_url, viewport=WIDE) as page:
        await page.open("/pages/events?job=hello")
        await page.page.wait_for_selector("#live.on")
        await ran(api, backend, "hello", 3)
        await page.page.wait_for_selector("#list .status.Failed")
        await page.page.get_by_role("button", name="Pause").click()
        await ran(api, backend, "hello")
        assert await page.page.locator("#list .status.Success").count() == 0
        await page.page.get_by_role("button", name="Continue").click()
        await page.page.wait_for_selector("#list .status.Success")
        summary = page.page.locator("#list summary").first
        await summary.click()
        assert '"specversion"' in str(await page.page.locator("#list details[open] pre").text_content())
        await page.check()


async def test_what_needs_attention_is_acknowledged_and_folds(
    browser: Browser, api_url: str, api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, LONG)
    await backend.define(JobType.TRIGGERED, "hello")
    await ran(api, backend, LONG, 3)
    async with tab(browser, api_url, viewport=WIDE) as view:
        page, line = view.page, view.page.locator("#attention tbody tr")
        await view.open("/")
        await page.wait_for_selector("#live.on")
        assert (await page.title()).startswith("(1) Jobs")
        await line.get_by_text("Acknowledge").click()
        await line.get_by_label("Note").fill("The supplier is informed.")
        await ran(api, backend, "hello", 4)  # what is typed stays
        await page.locator("#jobs .status.Failed").nth(1).wait_for()
        for size in (PHONE, WIDE):
            await page.set_viewport_size(size)
            await pictured(view, f"acknowledge-{size['width']}")
            await view.check()
        assert await line.get_by_label("Note").input_value() == "The supplier is informed."
        await page.keyboard.press("Enter")
        await page.locator("#acknowledged summary").click()
        known = page.locator("#acknowledged tbody tr")
        await known.get_by_text("The supplier is informed.").wait_for()
        await known.get_by_text("Until it changes.").wait_for()
        await page.set_viewport_size(PHONE)
        await pictured(view, "acknowledged")
        await view.check()
        await ran(api, backend, LONG)
        await page.locator("#jobs .status.Success").wait_for()
        await page.locator("#acknowledged summary").click()
        await page.locator("#acknowledged[hidden]").wait_for(state="attached")
        await view.check()
    async with tab(browser, api_url, viewport=PHONE, java_script_enabled=False) as view:
        page = view.page
        await view.open("/")
        await page.locator("#attention").get_by_text("Acknowledge").click()
        await page.get_by_role("button", name="For good").click()
        await page.get_by_text("1 acknowledged").click()
        await page.get_by_text("For good, until it recovers.").wait_for()
        assert await page.locator("#attention[hidden]").count() == 1
        await page.get_by_role("button", name="Withdraw").click()
        await page.locator("#attention").get_by_text("Exit code 4").wait_for()


async def test_everything_works_without_scripts(browser: Browser, api_url: str, backend: FakeBackend) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    async with tab(browser, api_url, java_script_enabled=False) as page:
        await page.open("/")
        await page.page.get_by_role("link", name="hello").click()
        await page.page.locator("#arguments").fill("--name Ada")
        await page.page.get_by_role("button", name="Run", exact=True).click()
        await eventually(lambda: "hello" in backend.held)
        assert backend.held["hello"].command.arguments == "--name Ada"
        await page.page.locator("#clock").select_option("utc")
        await page.page.get_by_role("button", name="Set").click()
        await page.page.reload()
        assert "UTC" in str(await page.page.locator("time").first.text_content())
        await page.open("/")
        await page.page.get_by_role("link", name="Select").click()
        await page.page.get_by_label("Select hello").check()
        await page.page.get_by_role("button", name="Disable").click()
        await page.page.get_by_role("button", name="Disable: 1 job").click()
        await page.page.get_by_role("heading", name="Disable: done for 1 job").wait_for()
        await page.page.get_by_role("link", name="Back to the list").click()
        await page.page.locator("#jobs .status.Disabled").wait_for()


async def test_keys_move_and_act_only_while_no_field_has_focus(
    browser: Browser, api_url: str, backend: FakeBackend
) -> None:
    for name in ("a", "b"):
        await backend.define(JobType.TRIGGERED, name)
    async with tab(browser, api_url) as page:
        await page.open("/")
        await page.page.keyboard.press("j")
        await page.page.keyboard.press("j")
        assert await page.page.evaluate("document.activeElement.textContent") == "b"
        await page.page.keyboard.press("k")
        assert await page.page.evaluate("document.activeElement.textContent") == "a"
        await page.page.keyboard.press("/")
        await page.page.keyboard.type("jkx/?")
        assert await page.page.locator("#search").input_value() == "jkx/?"
        await page.open("/?select=1")
        boxes = page.page.locator("#jobs .box input")
        for keys, checked in (("jx", [True, False]), ("jx", [True, True]), ("kx", [False, True])):
            for key in keys:
                await page.page.keyboard.press(key)
            assert [await box.is_checked() for box in await boxes.all()] == checked
        await boxes.last.focus()
        await page.page.keyboard.press("x")
        assert not await boxes.last.is_checked()
        await page.page.keyboard.press("?")
        dialog = page.page.get_by_role("dialog", name="Keys")
        await dialog.get_by_text("check or uncheck the row").wait_for()
        await page.page.keyboard.press("x")
        assert not await boxes.last.is_checked()
        await page.check()
        await dialog.get_by_label("Keys act").uncheck()
        await page.page.keyboard.press("Escape")
        await boxes.last.focus()
        await page.page.keyboard.press("x")
        assert not await boxes.last.is_checked()
        await page.page.get_by_role("button", name="Keys").click()
        await dialog.wait_for()
