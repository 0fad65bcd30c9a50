"""How long pages keep a slow browser busy at a time while fifty events a second come and a person types."""

import asyncio
import itertools
from datetime import UTC, datetime

from browser_tasks import TaskTrace, open_page
from figures import Figure, note, tell
from filled_site import FilledSite, filled_site
from live_stack import fresh_folder
from projection import events_of_run
from reads import JOBS, new_database
from webjobs_stack.nats_server import run_nats_server
from webjobs_stack.postgres import run_postgres

RUNS = 100 * JOBS
SECONDS = 10
EVENTS = 50  # a second
SLOWER = 4  # times
_PAGES = {"overview": "/", "runs": "/pages/runs"}
_TEXT = "job00001 and more"
_OBSERVE = """() => {
  window.tasks = [];
  new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map((each) => each.duration)))
    .observe({ type: "longtask" });
}"""


async def publish(site: FilledSite) -> None:
    """Events of runs of the jobs on the first page, at the rate of the budget."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    jobs = itertools.cycle(site.jobs[:100])
    sent = 0
    while sent < EVENTS * SECONDS:
        for event in events_of_run(next(jobs), datetime.now(UTC)):
            await site.bus.publish_event(event)
            sent += 1
        await asyncio.sleep(max(0.0, began + sent / EVENTS - loop.time()))


async def longest_task(site: FilledSite, path: str, slower: int) -> tuple[float, float]:
    """The longest task of a page meanwhile, in milliseconds of processor time, and of the clock if over 50.

    Args:
        site: With the page.
        path: Of the page.
        slower: How many times the browser's processor is slowed.
    """
    async with open_page(f"http://127.0.0.1:{site.port}{path}") as (page, devtools):
        await page.wait_for_selector("#live.on")
        await devtools.send("Emulation.setCPUThrottlingRate", {"rate": slower})
        await page.evaluate(_OBSERVE)
        trace, field = TaskTrace(devtools), page.locator("#search")
        await trace.start()
        delay = 1000 * SECONDS / len(_TEXT) / 2
        await asyncio.gather(publish(site), field.press_sequentially(_TEXT, delay=delay))
        tasks, typed = await trace.stop(), await field.input_value()
        by_clock = await page.evaluate("Math.max(0, ...window.tasks)")
    if typed != _TEXT:
        raise RuntimeError(f"of what was typed only {typed!r} is left")
    longest = [round(each) for each in tasks[:8]]
    note(f"{path}, slowed {slower} times: {longest} ms, by the clock {by_clock:.0f}")
    return tasks[0], by_clock


async def figure_of(site: FilledSite, name: str, path: str) -> Figure:
    """The longest task of a page."""
    task, _ = await longest_task(site, path, 1)
    slowed_task, slowed_by_clock = await longest_task(site, path, SLOWER)
    return Figure(
        what=f"longest task of {name}, {EVENTS} events/s: {SLOWER} times its processor time",
        unit="ms",
        value=SLOWER * task,
        goal=100,
        stretch=50,
        judged="value",
        better="lower",
        facts={"slowed": slowed_task, "slowed, by the clock": slowed_by_clock},
    )


async def main() -> None:
    with fresh_folder() as folder:
        async with (
            run_nats_server(folder / "nats") as nats,
            run_postgres(folder / "postgres") as postgres,
            new_database(postgres, "dashboard") as url,
            filled_site(nats.url, url, "dashboard", runs=RUNS, defined=JOBS) as site,
        ):
            figures = [await figure_of(site, name, path) for name, path in _PAGES.items()]
    tell(*figures)


if __name__ == "__main__":
    asyncio.run(main())
