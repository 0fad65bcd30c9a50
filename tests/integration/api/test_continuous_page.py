"""The page of a continuous job: its uptime, a crash loop in a sentence, and its log cut into starts."""

import re
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from support.eventually import eventually
from support.fake_backend import INSTANCE, FakeBackend
from webjobs_events.events import ContinuousPendingRestart, ContinuousRunning, ContinuousStarting
from webjobs_events.jetstream import Bus
from webjobs_events.queries import InstanceView
from webjobs_events.usage import ProcessUsage, UsageReport, encode_usage
from webjobs_rules.job import JobName, JobType
from webjobs_rules.log_format import APPLICATION_LOG, LineCount, line_mark
from webjobs_rules.status import Reason, Status

PAGE = "/pages/continuous/worker"
STARTS = 4
REMOVED = LineCount(100, 7)  # what retention has removed of the log


async def crash_loop(backend: FakeBackend, bus: Bus) -> list[datetime]:
    """Three starts that crashed after a second, and one that goes on; answers when each began."""
    await backend.define(JobType.CONTINUOUS, "worker")
    now = datetime.now(UTC)
    starts = [now - timedelta(seconds=60 * (STARTS - number)) for number in range(STARTS)]
    common = {"instance": INSTANCE, "boot": "1", "job_name": JobName("worker"), "digest": "d1"}
    count, offset = REMOVED, 5000
    for number, at in enumerate(starts):
        await bus.publish_event(ContinuousStarting(**common, at=at, sequence=3 * number + 1))
        await bus.publish_event(ContinuousRunning(**common, at=at, sequence=3 * number + 2, script="run.sh"))
        lines = [
            line_mark(at, INSTANCE, "SYS INFO") + b"Status changed to Starting\n",
            *(
                line_mark(at, INSTANCE, "INFO") + b"step %d of start %d\n" % (step, number)
                for step in range(9)
            ),
        ]
        if number < STARTS - 1:
            lines += [
                line_mark(at, INSTANCE, "ERROR") + b"ValueError: part %d of start %d\n" % (part, number)
                for part in range(7)
            ]
            ended = at + timedelta(seconds=1)
            lines.append(line_mark(ended, INSTANCE, "SYS INFO") + b"Status changed to PendingRestart\n")
            await bus.publish_event(
                ContinuousPendingRestart(
                    **common,
                    at=ended,
                    sequence=3 * number + 3,
                    reason=Reason.EXIT_CODE,
                    exit_code=1,
                    restart_delay_seconds=59,
                )
            )
        subject = bus.subjects.log(JobType.CONTINUOUS, "worker", INSTANCE)
        for chunk in (b"".join(lines[:5]), b"".join(lines[5:])):
            await backend.log(subject, APPLICATION_LOG, offset, chunk, count)
            count, offset = count.after(chunk), offset + len(chunk)
    backend.statuses["worker"] = [
        InstanceView(
            instance=INSTANCE,
            status=Status.RUNNING,
            since=starts[-1],
            digest="d1",
            exit_code=1,
            crashes=STARTS - 1,
            crashing_since=starts[0],
        )
    ]
    return starts


async def page(api: aiohttp.ClientSession, query: str = "") -> str:
    async with api.get(f"{PAGE}{query}", headers={"Accept": "text/html"}) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.text()


def lines_of(text: str) -> dict[int, str]:
    """The lines of the log by their numbers."""
    found = re.findall(r'id="L(\d+)".*?<span class="text">(.*?)</span></li>', text)
    return {int(number): line for number, line in found}


async def test_a_crash_loop_is_a_sentence_with_its_last_errors_and_opens_the_log_of_the_last_crash(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    await crash_loop(backend, bus)
    text = await page(api)
    assert "Crash loop: 4 starts in the last hour, exit code 1 after 1.0 s." in text
    errors = text.partition('<pre class="errors"')[2].partition("</pre>")[0]
    assert [f"ValueError: part {part} of start 2" in errors for part in range(7)] == [False] * 2 + [True] * 5
    assert re.search(r'aria-label="Up \d+ m \d\d s of the last 24 h: 4 starts, 3 of them crashed."', text)
    assert re.search(r'aria-current="true">start 3 · 1.0 s · exit code 1</a>', text)
    lines = lines_of(text)
    assert min(lines) == REMOVED.lines + 1, "all of a short log is shown"
    marked = re.findall(r'class="stderr marked" id="L(\d+)"', text)
    assert [lines[int(number)] for number in marked] == ["ValueError: part 0 of start 2"]
    starting = [number for number, line in lines.items() if line == "Status changed to Starting"]
    assert [int(each) for each in re.findall(r'class="system start" id="L(\d+)"', text)] == starting


async def test_instances_show_what_their_processes_use(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    await crash_loop(backend, bus)
    text = await page(api)
    assert "on each runner" in text and "pid" not in text
    usage = ProcessUsage(
        job_name=JobName("worker"),
        pid=4711,
        started_at=datetime.now(UTC),
        restarts=3,
        health_failures=1,
        cpu_seconds=64.2,
        cpu_percent=12.5,
        memory_bytes=42_000_000,
    )
    await bus.broadcast(bus.subjects.usage(INSTANCE), b"{")
    await bus.broadcast(bus.subjects.usage(INSTANCE), encode_usage(UsageReport(jobs=[usage])))
    await bus.broadcast(bus.subjects.usage("abcdef"), encode_usage(UsageReport(jobs=[usage])))

    async def is_shown() -> bool:
        return "pid 4711" in await page(api)

    await eventually(is_shown)
    text = await page(api)
    for words in ("3 restarts", "1 failure in a row", "12.5 % of a core, 1 m 04 s in all", "42 MB"):
        assert words in text
    async with api.get("/api/overview") as answer:
        [job] = (await answer.json())["jobs"]
    [instance] = job["instances"]
    wanted = {"role": "each", "pid": 4711, "restarts": 3, "health_failures": 1, "memory_bytes": 42_000_000}
    assert instance.items() >= {**wanted, "cpu_seconds": 64.2, "cpu_percent": 12.5}.items()


async def test_the_log_opens_at_the_start_that_the_address_names(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    await crash_loop(backend, bus)
    text = await page(api)
    addresses = re.findall(rf'href="{PAGE}(\?[^"#]*)#log"[^>]*>start (\d)', text)
    assert [number for _, number in addresses] == ["4", "3", "2", "1"]
    for address, number in addresses[1:]:
        shown = await page(api, address.replace("&amp;", "&"))
        assert f"start {number} · 1.0 s" in shown.partition('aria-current="true">')[2][:40]
        marked = re.findall(r'class="stderr marked" id="L(\d+)"', shown)
        start = int(number) - 1
        assert [lines_of(shown)[int(each)] for each in marked] == [f"ValueError: part 0 of start {start}"]


async def test_lines_of_a_log_whose_beginning_was_removed_keep_their_numbers(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    await crash_loop(backend, bus)
    lines = lines_of(await page(api))
    for query in ("?line=1", f"?line={REMOVED.lines + 30}", "?q=step"):
        assert lines_of(await page(api, query)) == lines, query
    found = await page(api, "?q=step+8+of+start+1")
    (marked,) = re.findall(r'class="stdout marked" id="L(\d+)"', found)
    assert lines[int(marked)] == "step 8 of start 1"
    assert "1 of 1 match" in found
    range_of = await page(api, f"?line={REMOVED.lines + 2}-{REMOVED.lines + 4}")
    assert re.findall(r' marked" id="L(\d+)"', range_of) == [str(REMOVED.lines + each) for each in (2, 3, 4)]


@pytest.mark.parametrize(
    "query",
    [
        "?instance=*",
        "?instance=%3E",
        "?instance=aaaaaa&start=1",
        "?start=x&line=0",
        "?line=5-3",
        "?line=9-" + "9" * 40,
    ],
)
async def test_addresses_that_name_nothing_show_the_page(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, query: str
) -> None:
    await backend.define(JobType.CONTINUOUS, "worker")
    assert "Nothing yet." in await page(api, query)
