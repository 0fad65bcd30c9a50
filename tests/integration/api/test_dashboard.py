"""The pages in a real Chromium: what goes on in them, by keys, without scripts, with a thousand jobs."""

import re

import aiohttp
from playwright.async_api import Browser
from support.browser import PHONE, WIDE, tab
from support.dashboard import LONG, a_hook, pictured, ran
from support.eventually import eventually
from support.fake_backend import FakeBackend
from webjobs_rules.job import JobType

_OBSERVE_ROWS = """() => {
  window.changedRows = new Set();
  const rowOf = (node) => (node.closest ? node : node.parentElement).closest("tr")?.id ?? node.nodeName;
  const all = { subtree: true, childList: true, attributes: true, characterData: true };
  new MutationObserver((changes) => changes.forEach((each) => window.changedRows.add(rowOf(each.target))))
    .observe(document.querySelector("#jobs tbody"), all);
}"""


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


async def test_the_tab_of_every_page_says_what_needs_attention(
    browser: Browser, api_url: str, api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    async with tab(browser, api_url, viewport=WIDE) as view:
        page = view.page
        icon = page.locator("#icon")

        async def says(title: str, shape: str) -> bool:
            found = await page.title(), await icon.get_attribute("href") or ""
            return found[0].startswith(title) and f"/icon_{shape}." in found[1]

        await view.open("/pages/runs")
        await page.wait_for_selector("#live.on")
        assert await says("Runs ·", "well")
        await ran(api, backend, "hello", 3)
        await eventually(lambda: says("(1) Runs ·", "attention"))
        await view.open("/pages/settings")  # from the first byte on
        assert await says("(1) Settings ·", "attention")
        async with api.post("/api/acknowledgements", json={"type": "triggered", "job": "hello"}) as answer:
            assert answer.status == 201
        await page.clock.install()
        await view.open("/pages/system")
        await page.clock.run_for(16_000)
        await eventually(lambda: says("System ·", "well"))
        await view.check()


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
        await page.page.locator("main time").filter(has_text="UTC").first.wait_for()
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
