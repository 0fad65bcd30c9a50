"""The page of events: the last ones that pass its filters, with their JSON and the commands for the same."""

import re

import aiohttp
from integration.api.test_hooks import tell
from support.eventually import eventually
from support.fake_backend import FakeBackend
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobType


async def page(api: aiohttp.ClientSession, query: str = "", status: int = 200) -> str:
    async with api.get(f"/pages/events{query}") as answer:
        text = await answer.text()
        assert answer.status == status, text
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        return text


def sequences(text: str) -> list[int]:
    return [int(found) for found in re.findall('<tr id="event-([0-9]+)"', text)]


async def test_the_last_events_are_shown_newest_first_in_words_with_their_run(
    api: aiohttp.ClientSession, backend: FakeBackend, run_id: str
) -> None:
    await backend.end_run("hello", exit_code=3)
    await eventually(lambda: backend.position == 3)
    text = await page(api)
    assert sequences(text) == sorted(sequences(text), reverse=True)
    assert "The run failed" in text and "A run was requested" in text
    assert f'href="/pages/triggered/hello/history/{run_id}"' in text
    assert "&#34;specversion&#34;: &#34;1.0&#34;" in text
    assert 'data-events="/api/events?after=' in text
    only = (await page(api, "?type=&job=hello&event=Failed")).replace("<wbr>", "")
    assert len(sequences(only)) == 1 and sequences(only)[0] == sequences(text)[0]
    assert re.search(
        r"webjobs events --url http://127.0.0.1:[0-9]+ -f --filter job=hello --filter event=Failed\n", only
    )
    assert re.search(r"nats subscribe &#39;[a-z0-9_-]+\.events\.\*\.hello\.Failed&#39;", only)
    assert re.search(
        r"curl -N &#39;http://127.0.0.1:[0-9]+/api/events\?job=hello&amp;event=Failed&#39;", only
    )


async def test_a_long_stream_shows_its_last_hundred(api: aiohttp.ClientSession, bus: Bus) -> None:
    for number in range(150):
        await tell(bus, number, "other" if number % 10 else "hello")
    assert "No event matches" in await page(api, "?event=Failed")
    last = await bus.last_sequence(bus.subjects.events_stream)
    assert sequences(await page(api)) == list(range(last, last - 100, -1))
    assert len(sequences(await page(api, "?job=hello"))) == 15


async def test_a_filter_that_no_event_can_pass_is_named(api: aiohttp.ClientSession) -> None:
    assert "type" in await page(api, "?type=wibble", 400)
    assert "a/b" in await page(api, "?job=a/b", 400)
    assert "<script>alert" not in await page(api, "?event=%3Cscript%3Ealert", 400)


async def test_what_is_in_an_event_is_never_taken_for_html(
    api: aiohttp.ClientSession, bus: Bus, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "<b>", script="<img src=x>.sh")
    await tell(bus, 1, "<script>x")
    text = await page(api)
    assert "<b>" not in text and "<img" not in text and "<script>x" not in text
