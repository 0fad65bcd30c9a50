"""The log viewer of a page: windows, gaps, ranges and the position bar, and what its script loads."""

import re

import aiohttp
import pytest
from playwright.async_api import Page
from support.browser import WIDE, chromium, tab
from support.eventually import eventually
from support.fake_backend import FakeBackend
from support.sse import reading
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobType
from webjobs_rules.log_format import LineCount, output_log

INFO = b"[11/08/2013 02:56:00 > 327e1e: INFO] "
ERROR = b"[11/08/2013 02:56:00 > 327e1e: ERROR] "
LINES = 7000
ERRORS = (1234, 5000)
CHUNK = 20_000


class GrowingLog:
    """The output of a run, written by the test."""

    def __init__(self, backend: FakeBackend, bus: Bus, run_id: str) -> None:
        self._backend = backend
        self._subject = bus.subjects.log(JobType.TRIGGERED, "hello", run_id)
        self._name = output_log(run_id)
        self.size = 0
        self._before = LineCount()

    async def write(self, data: bytes) -> None:
        for at in range(0, len(data), CHUNK):
            chunk = data[at : at + CHUNK]
            await self._backend.log(self._subject, self._name, self.size, chunk, self._before)
            self.size += len(chunk)
            self._before = self._before.after(chunk)


def lines_from(first: int, last: int) -> bytes:
    return b"".join(
        (ERROR if number in ERRORS else INFO) + b"line %d\n" % number for number in range(first, last + 1)
    )


@pytest.fixture
def path(run_id: str) -> str:
    return f"/pages/triggered/hello/history/{run_id}"


@pytest.fixture
def log(backend: FakeBackend, bus: Bus, run_id: str) -> GrowingLog:
    return GrowingLog(backend, bus, run_id)


async def html(api: aiohttp.ClientSession, path: str, status: int = 200) -> str:
    async with api.get(path, headers={"Accept": "text/html"}) as answer:
        assert answer.status == status, await answer.text()
        return await answer.text()


def numbers(text: str) -> list[int]:
    return [int(each) for each in re.findall(r'<li class="[^"]*" id="L(\d+)"', text)]


def gaps(text: str) -> list[tuple[int, int, str]]:
    """Of each gap the lines around it, and its words."""
    found = re.findall(r'class="gap" data-after="(\d+)" data-before="(\d+)"><a [^>]*>(.*?)</a>', text)
    return [(int(after), int(before), words) for after, before, words in found]


async def test_lines_are_loaded_in_windows_with_gaps_for_those_that_are_not_shown(
    api: aiohttp.ClientSession, log: GrowingLog, path: str
) -> None:
    assert numbers(await html(api, f"{path}/lines")) == []
    await log.write(lines_from(1, LINES))
    shown = await html(api, f"{path}?line=3000")
    assert numbers(shown) == list(range(2950, 3450))
    assert gaps(shown) == [
        (0, 2950, "2,949 lines not shown · load"),
        (3449, LINES + 1, "3,551 lines not shown · load"),
    ]
    for query, first, last, expected in [
        ("", 1, 500, [(500, LINES + 1, "6,500 lines not shown · load")]),
        ("?after=10&before=12", 11, 11, []),
        ("?after=10&before=600", 11, 510, [(510, 600, "89 lines not shown · load")]),
        ("?after=10&before=600&last=1", 100, 599, [(10, 100, "89 lines not shown · load")]),
        ("?before=3&last=1", 1, 2, []),
        ("?after=6998&last=1", 6999, 7000, []),
        ("?after=10&last=1", 6001, 7000, [(10, 6001, "5,990 lines not shown · load")]),
        ("?after=998&before=1000", 999, 999, []),
    ]:
        part = await html(api, f"{path}/lines{query}")
        assert (numbers(part), gaps(part)) == (list(range(first, last + 1)), expected), query
    for query in ("?after=7000", "?after=99999999", "?after=5&before=5", "?after=9&before=2"):
        part = await html(api, f"{path}/lines{query}")
        assert (numbers(part), gaps(part)) == ([], []), query
    for query in ("?after=x", "?before=-1", "?last=%C2%B2", "?after=" + "9" * 40):
        assert "give a whole number" in await html(api, f"{path}/lines{query}", 400)
    assert "not a run id" in await html(api, "/pages/triggered/hello/history/x/lines", 404)
    assert "nothing" in await html(api, "/pages/continuous/nothing/lines", 404)


async def test_a_range_is_marked_and_the_bar_shows_errors_matches_and_the_window(
    api: aiohttp.ClientSession, log: GrowingLog, path: str
) -> None:
    await log.write(lines_from(1, LINES))
    shown = await html(api, f"{path}?line=812-820&q=line+7")
    marked = [int(each) for each in re.findall(r'class="\w+ marked" id="L(\d+)"', shown)]
    assert marked == list(range(812, 821))
    assert 'aria-label="Lines 762 to 1,261 of 7,000; errors in 2 parts of 200; 112 matches."' in shown
    window = re.search(r'<path class="window" d="M(\d+) 0h(\d+)v12', shown)
    assert window is not None and (int(window[1]), int(window[2])) == (21, 16)
    errors = re.search(r'<path class="Failed" d="([^"]*)"', shown)
    assert errors is not None and re.findall(r"M(\d+) ", errors[1]) == ["35", "142"]
    assert 'class="bars position"' not in await html(api, "/pages/triggered/hello")


async def test_an_unfinished_line_is_shown_until_its_rest_comes(
    api: aiohttp.ClientSession, log: GrowingLog, path: str, run_id: str
) -> None:
    await log.write(INFO + b"first\n" + INFO + b"12 %\r34 %")
    async with reading(api, f"/api/jobs/triggered/hello/history/{run_id}/log?quiet=1") as events:
        grown = await events.next()
        assert grown is not None
        assert (grown.name, grown.data, grown.id) == ("grown", str(log.size), str(log.size))
        shown = await html(api, path)
        assert 'class="stdout partial" id="L2"' in shown and "34 %" in shown and "12 %" not in shown
        await log.write(b"\r56 %\n")
        grown = await events.next()
        assert grown is not None and grown.data == str(log.size)
    part = await html(api, f"{path}/lines?after=1&last=1")
    assert "partial" not in part and "56 %" in part and numbers(part) == [2]


async def shown_lines(page: Page) -> list[int]:
    ids: list[str] = await page.evaluate("[...document.querySelectorAll('.log li[id]')].map((row) => row.id)")
    return [int(each[1:]) for each in ids]


async def shown_gaps(page: Page) -> list[str]:
    return await page.locator(".log .gap").all_text_contents()


async def test_windows_load_in_place_and_at_most_5000_lines_stay(
    api_url: str, log: GrowingLog, path: str
) -> None:
    await log.write(lines_from(1, LINES))
    async with chromium() as browser, tab(browser, api_url, viewport=WIDE) as watched:
        page = watched.page
        await watched.open(f"{path}?line=3000")

        async def lines_are(first: int, last: int) -> bool:
            return await shown_lines(page) == list(range(first, last + 1))

        assert await lines_are(2950, 3449)
        top = "document.querySelector('#L2950').getBoundingClientRect().top"
        await page.evaluate("document.querySelector('.log').scrollTop = 0")
        before = await page.evaluate(top)
        await page.get_by_role("link", name="Earlier").click()
        await eventually(lambda: lines_are(2450, 3449))
        assert abs(await page.evaluate(top) - before) < 60, "what was read stays where it was"
        for number in range(1, 5):
            await page.get_by_role("link", name="Later").click()
            await eventually(lambda number=number: lines_are(2450, 3449 + 500 * number))
        for number in range(1, 5):
            await page.locator(".log .gap a").first.click()
            await eventually(lambda number=number: lines_are(2450 - 500 * number, 5449))
        await page.locator(".log .gap a").first.click()
        await eventually(lambda: lines_are(1, 5000))
        assert await shown_gaps(page) == ["2,000 lines not shown · load"]
        await page.locator(".log .gap a").last.click()
        await eventually(lambda: lines_are(501, 5500))
        assert await shown_gaps(page) == ["500 lines not shown · load", "1,500 lines not shown · load"]
        assert await page.locator("#shown-first").text_content() == "501"

        await page.locator("#L812 .line").click()
        await page.locator("#L820 .line").click(modifiers=["Shift"])
        assert page.url.endswith(f"{path}?line=812-820#L812")
        await page.get_by_role("button", name="Copy marked lines").click()
        await page.get_by_text("Copied 9 lines.").wait_for()
        await page.locator("#q").focus()
        await page.keyboard.press("Control+V")
        pasted = await page.locator("#q").input_value()
        assert pasted.startswith("line 812") and pasted.endswith("line 820")
        assert watched.faults == []


async def test_a_log_is_followed_as_the_server_renders_it_and_what_is_dropped_is_a_gap(
    api_url: str, log: GrowingLog, path: str, backend: FakeBackend
) -> None:
    async with chromium() as browser, tab(browser, api_url, viewport=WIDE) as watched:
        page = watched.page
        await watched.open(path)
        await page.wait_for_selector("#live.on")
        await log.write(INFO + b"\x1b[32mgreen\x1b[0m <b>\n" + ERROR + b"wrong\n" + INFO + b"half")
        await page.locator(".log .ansi-green").get_by_text("green").wait_for()
        await page.locator(".log .stderr .text").get_by_text("wrong").wait_for()
        await page.locator(".log .partial").get_by_text("half").wait_for()
        await log.write(b" and half\n")
        await page.locator("#L3 .text").get_by_text("half and half").wait_for()
        assert await page.locator(".log .partial").count() == 0
        await watched.check()
        await log.write(lines_from(4, LINES))
        await page.locator(f"#L{LINES}").wait_for()
        assert (await shown_lines(page))[-1] == LINES and len(await shown_lines(page)) <= 5000
        assert any("lines not shown · load" in each for each in await shown_gaps(page))
        bottom = "(box) => box.scrollHeight - box.scrollTop - box.clientHeight"
        assert await page.locator(".log").evaluate(bottom) < 40, "it stays at the end"
        lists = "[...document.querySelectorAll('.log ol')].map((each) => each.childElementCount)"
        assert max(await page.evaluate(lists)) <= 50, "lists out of sight are left out, so none is long"
        await backend.end_run("hello", output_log_bytes=log.size)
        await page.locator("#head .status.Success").wait_for()
        await page.get_by_role("link", name="First error").wait_for()
        assert (await shown_lines(page))[-1] == LINES, "the lines stay when the run ends"
        assert watched.faults == []
