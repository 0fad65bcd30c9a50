"""Pages in a real Chromium, and what must be true of every page in it."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright
from support.programs import need_program

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
_OPTIONS = (
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-quic"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_AXE = Path(__file__).with_name("vendor") / "axe.min.js"
_SERIOUS = {"serious", "critical"}
# Words of letters only whose parts stand on different lines.
_UNEVEN_FORMS = """() => {
  const found = [];
  for (const row of document.querySelectorAll("form .filters, form.filters, form .row, form.row")) {
    const fields = [...row.querySelectorAll(":scope > .field")].filter((each) => each.checkVisibility());
    const end = (each) => each.getBoundingClientRect().bottom;
    const label = (each) => each.querySelector("label").getBoundingClientRect().top;
    for (const each of fields) {
      const beside = fields.filter((other) => Math.abs(end(other) - end(each)) < 8);
      if (beside.some((other) => Math.abs(label(other) - label(each)) > 1)) {
        found.push(`label not in line: ${each.textContent}`);
      }
    }
  }
  const measure = document.createElement("canvas").getContext("2d");
  for (const select of document.querySelectorAll("select")) {
    measure.font = getComputedStyle(select).font;
    const room = select.clientWidth - 2 * parseFloat(getComputedStyle(select).paddingLeft);
    const text = select.selectedOptions[0]?.textContent || "";
    if (select.checkVisibility() && measure.measureText(text).width > room) found.push(`cut: ${text}`);
  }
  return found;
}"""
"""Labels of fields in one row that are not at one height, and choices that are cut."""

_BROKEN_WORDS = """() => {
  function* ancestors(element) { for (; element; element = element.parentElement) yield element; }
  const found = [], range = new Range();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text; (text = texts.nextNode());) {
    const element = text.parentElement;
    if (!element.checkVisibility() || element.closest("pre, code, textarea, .log")) continue;
    if ([...ancestors(element)].some((each) => each.getBoundingClientRect().width <= 1)) continue;  // clipped
    for (const word of text.data.matchAll(/[A-Za-z]{2,}/g)) {
      range.setStart(text, word.index);
      range.setEnd(text, word.index + word[0].length);
      const parts = [...range.getClientRects()].filter((part) => part.width > 1);
      if (new Set(parts.map((part) => Math.round(part.top))).size > 1) found.push(word[0]);
    }
  }
  return found;
}"""


class WatchedPage:
    """A tab that remembers what went wrong in it.

    Attributes:
        page: Of playwright.
        faults: Errors on its console, exceptions, and requests to other hosts.
    """

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.base = base
        self.faults: list[str] = []
        self._host = urlsplit(base).netloc
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"exception: {error}"))
        page.on("request", self._request)

    async def open(self, path: str) -> None:
        """Load a page of the site, and wait until its script has run."""
        await self.page.goto(self.base + path, wait_until="load")

    async def check(self, *, allow: tuple[str, ...] = ()) -> None:
        """Fail unless the page fits its width, has whole words, even forms and no fault, and is accessible.

        Args:
            allow: Parts of console errors that belong to the state of the page, such as `503`.
        """
        width, room = await self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width <= room, f"{self.page.url} scrolls sideways: {width} > {room}"
        broken = await self.page.evaluate(_BROKEN_WORDS)
        assert broken == [], f"{self.page.url}: {broken}"
        uneven = await self.page.evaluate(_UNEVEN_FORMS)
        assert uneven == [], f"{self.page.url}: {uneven}"
        violations = await self.violations()
        assert not violations, f"{self.page.url}: {violations}"
        faults, self.faults = self.faults, []
        assert [fault for fault in faults if not any(part in fault for part in allow)] == []

    async def violations(self) -> list[str]:
        """What axe finds that is serious or worse."""
        await self.page.evaluate(_AXE.read_text("utf-8"))
        # What passes is not described: that took most of the time.
        found: list[dict[str, Any]] = await self.page.evaluate(
            "axe.run({ resultTypes: ['violations'] }).then((found) => found.violations)"
        )
        return [
            f"{each['id']}: {[node['html'][:160] for node in each['nodes'][:3]]}"
            for each in found
            if each["impact"] in _SERIOUS
        ]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.faults.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).netloc not in (self._host, ""):
            self.faults.append(f"request to another host: {request.url}")


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser that ends with the body; without one the test is skipped, or fails where CI insists."""
    program = need_program("chromium", "chromium-browser", "google-chrome")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(_OPTIONS))
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def tab(browser: Browser, base: str, **options: Any) -> AsyncIterator[WatchedPage]:
    """A tab in a session of its own.

    Args:
        browser: Where to open it.
        base: Address of the site.
        options: Of the browser's context, such as `viewport` and `color_scheme`.
    """
    context = await browser.new_context(**options)
    try:
        yield WatchedPage(await context.new_page(), base)
    finally:
        await context.close()
