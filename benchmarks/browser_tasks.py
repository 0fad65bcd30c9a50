"""The tasks of a page in Chromium: how long each kept the browser's main thread busy, in processor time."""

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import CDPSession, Page, async_playwright

_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
_TASK = "RunTask"  # ends the names that Chromium gives to tasks


@asynccontextmanager
async def open_page(address: str) -> AsyncIterator[tuple[Page, CDPSession]]:
    """A page in a Chromium of its own, and its protocol of the developer tools."""
    program = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if program is None:
        raise SystemExit("Chromium is not installed; on Debian: apt install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(_OPTIONS))
        page = await browser.new_page(viewport={"width": 1280, "height": 900})
        await page.goto(address)
        yield page, await page.context.new_cdp_session(page)
        await browser.close()


class TaskTrace:
    """Records the tasks of a page. Processor time hardly depends on what else the machine does."""

    def __init__(self, devtools: CDPSession) -> None:
        self._devtools = devtools
        self._events: list[dict[str, Any]] = []
        self._is_complete = asyncio.Event()
        devtools.on("Tracing.dataCollected", lambda part: self._events.extend(part["value"]))
        devtools.on("Tracing.tracingComplete", lambda _: self._is_complete.set())

    async def start(self) -> None:
        """Begin to record."""
        categories = {"includedCategories": ["toplevel"]}
        await self._devtools.send(
            "Tracing.start", {"transferMode": "ReportEvents", "traceConfig": categories}
        )

    async def stop(self) -> list[float]:
        """Milliseconds of processor time of each task, the longest first."""
        await self._devtools.send("Tracing.end")
        await self._is_complete.wait()
        mains = {
            (each["pid"], each["tid"])
            for each in self._events
            if each["ph"] == "M" and each["args"].get("name") == "CrRendererMain"
        }
        tasks = [
            each
            for each in self._events
            if each["ph"] == "X" and each["name"].endswith(_TASK) and (each["pid"], each["tid"]) in mains
        ]
        busy: Counter[int] = Counter()
        for each in tasks:
            busy[each["pid"]] += each.get("tdur", 0)
        renderer = busy.most_common(1)[0][0]
        return sorted((each.get("tdur", 0) / 1000 for each in tasks if each["pid"] == renderer), reverse=True)
