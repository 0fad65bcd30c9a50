"""A run's log by line: windows and search, however its chunks are stored."""

from typing import Any

import aiohttp
import pytest
from support.eventually import eventually
from support.fake_backend import FakeBackend
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobType
from webjobs_rules.log_format import LineCount

INFO = b"[11/08/2013 02:56:00 > 327e1e: INFO] "
ERROR = b"[11/08/2013 02:56:00 > 327e1e: ERROR] "
LINES = 2000
AN_ERROR = 1234


def line_of(number: int) -> bytes:
    """Long ones now and then, so that chunks have different numbers of lines."""
    filler = b"." * (20_000 if number % 500 == 0 else 50)
    mark = ERROR if number >= AN_ERROR and number % 100 == AN_ERROR % 100 else INFO
    return mark + b"line %d %b\n" % (number, filler)


LOG = b"".join(line_of(number) for number in range(1, LINES + 1)) + INFO + b"unfinished"


def chunks_of(log: bytes) -> list[tuple[int, bytes, LineCount]]:
    """The log in pieces that are cut in the middle of lines."""
    return [(at, log[at : at + 1500], LineCount().after(log[:at])) for at in range(0, len(log), 1500)]


async def store(
    backend: FakeBackend,
    bus: Bus,
    run_id: str,
    chunks: list[tuple[int, bytes, LineCount]],
    *,
    counted: bool = True,
) -> None:
    """Store chunks of the output, with some of the error log and of another run between them."""
    subject = bus.subjects.log(JobType.TRIGGERED, "hello", run_id)
    other = bus.subjects.log(JobType.TRIGGERED, "hello", "209901010000000000")
    for number, (offset, data, before) in enumerate(chunks):
        await backend.log(subject, f"output_{run_id}.log", offset, data, before if counted else None)
        if number % 3 == 0:
            await backend.log(subject, f"error_{run_id}.log", number, b"x", LineCount(number))
            await backend.log(other, "output_209901010000000000.log", number, b"x\n", LineCount(number))


async def ask(api: aiohttp.ClientSession, run_id: str, rest: str, status: int = 200) -> Any:
    async with api.get(f"/api/jobs/triggered/hello/history/{run_id}/log{rest}") as answer:
        assert answer.status == status, await answer.text()
        return await answer.json(content_type=None)


async def check_windows(api: aiohttp.ClientSession, run_id: str, *, ended: bool) -> None:
    for query, first, count in [
        ("line=1", 1, 500),
        ("line=1&lines=3", 1, 3),
        ("lines=2", 1, 2),
        ("line=777&lines=40", 777, 40),
        ("line=1500&lines=5000", 1500, LINES + 2 - 1500),
        (f"line={LINES + 1}", LINES + 1, 1),
        ("tail=10", LINES + 2 - 10, 10),
        ("tail=5000", 1, LINES + 1),
        ("around=1000&lines=20", 990, 20),
        ("around=2&lines=20", 1, 20),
    ]:
        window = await ask(api, run_id, f"?{query}")
        numbers = [line["number"] for line in window["lines"]]
        assert numbers == list(range(first, first + count)), query
        facts = [window[name] for name in ("first", "last", "total", "ended", "first_error")]
        assert facts == [first, first + count - 1, LINES + 1, ended, AN_ERROR], query
        for line in window["lines"]:
            whole = LOG[line["offset"] : line["offset"] + line["size"]]
            assert whole.startswith((INFO, ERROR))
            text = whole.partition(b"] ")[2].decode()
            assert (line["text"], line["is_cut"]) == (text[:8192], len(text) > 8192)
            assert text.startswith(f"line {line['number']} " if line["number"] <= LINES else "unfinished")
            assert line["stream"] == ("stderr" if whole.startswith(ERROR) else "stdout")
    beyond = await ask(api, run_id, f"?line={LINES + 2}")
    assert (beyond["first"], beyond["lines"], beyond["total"]) == (None, [], LINES + 1)


async def check_search(api: aiohttp.ClientSession, run_id: str) -> None:
    for query, matches in [
        ("LINE+1234+", [1234]),
        ("line+123", [123, *range(1230, 1240)]),
        ("unfinished", [LINES + 1]),
        ("LINE&case=1", []),
        ("327e1e", []),
    ]:
        expected = {"matches": matches, "count": len(matches), "complete": True}
        assert await ask(api, run_id, f"/search?q={query}") == expected, query
    everywhere = await ask(api, run_id, "/search?q=line")
    assert (everywhere["matches"], everywhere["count"]) == (list(range(1, 1001)), LINES)


@pytest.mark.parametrize("counted", [True, False], ids=["lines counted", "of an earlier release"])
async def test_windows_and_search_of_a_log_that_is_written_and_of_one_that_has_ended(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, run_id: str, counted: bool
) -> None:
    empty = await ask(api, run_id, "?tail=500")
    assert (empty["first"], empty["total"], empty["ended"], empty["lines"]) == (None, 0, False, [])
    assert await ask(api, run_id, "/search?q=x") == {"matches": [], "count": 0, "complete": True}
    await store(backend, bus, run_id, chunks_of(LOG), counted=counted)
    await check_windows(api, run_id, ended=False)
    await check_search(api, run_id)
    await backend.end_run("hello", output_log_bytes=len(LOG), error_log_bytes=0, dropped_lines=0)
    await eventually(lambda: backend.position == 3)
    await check_windows(api, run_id, ended=True)


async def test_chunks_around_an_outage_come_twice_and_late(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, run_id: str
) -> None:
    chunks = chunks_of(LOG)
    late = chunks[:40] + chunks[50:60] + chunks[35:55] + chunks[60:]
    await store(backend, bus, run_id, late)
    await check_windows(api, run_id, ended=False)
    await check_search(api, run_id)


async def test_a_log_that_has_ended_but_is_not_stored_whole_says_so(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus, run_id: str
) -> None:
    chunks = chunks_of(LOG)
    await store(backend, bus, run_id, chunks[:-1])
    await backend.end_run("hello", output_log_bytes=len(LOG), error_log_bytes=0, dropped_lines=0)
    await eventually(lambda: backend.position == 3)
    assert (await ask(api, run_id, "?tail=3"))["ended"] is False
    assert (await ask(api, run_id, "/search?q=line"))["complete"] is False
    await store(backend, bus, run_id, chunks[-1:])
    await check_windows(api, run_id, ended=True)


async def test_parameters_that_name_no_lines_are_refused(api: aiohttp.ClientSession, run_id: str) -> None:
    for query in (
        *(
            "?line=0",
            "?line=x",
            "?line=-1",
            "?line=1&lines=0",
            "?lines=5001",
            "?tail=0",
            "?around=",
            "?tail=5001",
        ),
        *("?line=1&tail=5", "?line=" + "9" * 30, "/search", "/search?q=", "/search?q=a%0Ab"),
        *(f"/search?q={'x' * 1001}", "/search?q=x&case=maybe"),
    ):
        problem = await ask(api, run_id, query, 400)
        assert problem["status"] == 400, query
    for rest in ("?line=1", "/search?q=x"):
        async with api.get(f"/api/jobs/triggered/hello/history/209901010000000000/log{rest}") as answer:
            assert answer.status == 404
