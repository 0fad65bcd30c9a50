"""Whether memory stays flat while a page follows a log of 5,000 lines a second, and its longest task."""

import asyncio
from dataclasses import dataclass

import psutil
from browser_tasks import TaskTrace, open_page
from figures import Figure, note, tell
from live_stack import Client, fresh_folder, live_stack
from playwright.async_api import CDPSession, Page

LINES = 5000  # a second
SECONDS = 32
MOST_LINES = 5000  # in the page
SLOWER = 4  # times
_WARM = 8  # seconds until the page has all the lines that it keeps
_EVERY = 2  # seconds between two looks
_JOB = "writer"
_NUMBERS = "[...document.querySelectorAll('.log li[id]')].map((row) => +row.id.slice(1))"
_SCRIPT = f"""exec python3 -u -c '
import sys, time
began = time.monotonic()
for part in range({SECONDS * 50}):
    first = part * {LINES // 50}
    lines = (f"order {{first + n:07d}} of this day was processed" for n in range({LINES // 50}))
    sys.stdout.write("\\n".join(lines) + "\\n")
    time.sleep(max(0, began + (part + 1) / 50 - time.monotonic()))
'
"""


@dataclass(frozen=True, slots=True)
class Look:
    """What page and api have at a moment."""

    heap: float
    """Megabytes of script objects after a collection."""
    nodes: int
    lines: int
    last: int
    """Number of the last line in the page."""
    api: float
    """Megabytes of the api in memory."""


async def look(page: Page, devtools: CDPSession, api_bytes: int) -> Look:
    """Collect garbage, and look."""
    await devtools.send("HeapProfiler.collectGarbage")
    measured = (await devtools.send("Performance.getMetrics"))["metrics"]
    metrics = {each["name"]: each["value"] for each in measured}
    numbers = await page.evaluate(_NUMBERS)
    heap, nodes = metrics["JSHeapUsedSize"] / 1e6, int(metrics["Nodes"])
    return Look(heap, nodes, len(numbers), max(numbers, default=0), api_bytes / 1e6)


async def followed(address: str, api: psutil.Process) -> tuple[list[Look], float]:
    """Looks while a log grows and is followed, and the longest task between two of them."""
    async with open_page(address) as (page, devtools):
        await devtools.send("Performance.enable")
        await page.wait_for_selector(".log li[id]")
        await asyncio.sleep(_WARM)
        trace = TaskTrace(devtools)
        await trace.start()
        await asyncio.sleep(_EVERY)
        tasks = await trace.stop()
        looks: list[Look] = []
        while len(looks) < 2 or looks[-1].last > looks[-2].last:
            looks.append(await look(page, devtools, api.memory_info().rss))
            await asyncio.sleep(_EVERY)
    return looks, tasks[0]


def growth(what: str, sizes: list[float], task: float) -> Figure:
    """By how much a size is larger in the second half of the looks than in the first."""
    half = len(sizes) // 2
    return Figure(
        what=f"{what} of a followed log, {LINES:,} lines/s, second half to first",
        unit="",
        value=max(sizes[half:]) / max(sizes[:half]),
        goal=1.1,
        stretch=1.02,
        judged="value",
        better="lower",
        facts={"first": sizes[0], "last": sizes[-1], f"longest task, {SLOWER} times its time": SLOWER * task},
    )


async def main() -> None:
    with fresh_folder():
        async with live_stack({_JOB: _SCRIPT}) as stack:
            path = await asyncio.to_thread(Client(stack.port).run, _JOB)
            run_id = path.rsplit("/", 1)[1]
            address = f"http://127.0.0.1:{stack.port}/pages/triggered/{_JOB}/history/{run_id}"
            looks, task = await followed(address, stack.process("webjobs_api"))
    for each in looks:
        note(f"{each}")
    note(f"longest task: {task:.1f} ms")
    assert max(each.lines for each in looks) <= MOST_LINES
    tell(
        growth("script memory", [each.heap for each in looks], task),
        growth("nodes", [float(each.nodes) for each in looks], task),
        growth("memory of the api", [each.api for each in looks], task),
    )


if __name__ == "__main__":
    asyncio.run(main())
