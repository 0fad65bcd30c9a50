"""Errors as pages for browsers; lists that stay while a part is away; runs that history has forgotten."""

import re
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from integration.api.conftest import OwnNats
from integration.api.test_hooks import finish_run
from support.dashboard import ran
from support.fake_backend import INSTANCE, FakeBackend
from support.outages import crash
from webjobs_events.events import Deleted, Purged
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobName, JobType

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Mode": "navigate"}


async def answer_of(
    api: aiohttp.ClientSession, path: str, status: int, headers: dict[str, str] | None = None
) -> tuple[str, str]:
    """Media type and text of an error."""
    async with api.get(path, headers=headers) as answer:
        text = await answer.text()
        assert answer.status == status, text
        return answer.content_type, text


@pytest.mark.parametrize(
    ("path", "status", "why", "advice"),
    [
        ("/nothing/here", 404, "There is nothing at", "Check the address"),
        ("/api/jobs/triggered/no", 404, "no triggered job named", "Check the address"),
        ("/api/jobs?wibble=1", 400, "wibble", "Correct the address"),
        ("/assets/style.000000000000.css", 404, "Load the page again", "Check the address"),
    ],
)
async def test_a_browser_gets_a_page_and_a_program_gets_text(
    api: aiohttp.ClientSession, backend: FakeBackend, path: str, status: int, why: str, advice: str
) -> None:
    kind, text = await answer_of(api, path, status, BROWSER)
    assert kind == "text/html" and "<h1>" in text
    assert why in text and advice in text
    kind, text = await answer_of(api, path, status)
    assert kind != "text/html" and why in text and advice not in text


GO_BACK = "Go back to the page with the form"
SITE = {"Sec-Fetch-Site": "cross-site"}
ERRORS: list[tuple[str, str, dict[str, Any], int, str, str]] = [
    # Method, path, more of the request, status, why, what to do.
    ("GET", "/pages/clock", {}, 405, "use POST", GO_BACK),
    ("DELETE", "/pages/runs", {}, 405, "use GET, HEAD", GO_BACK),
    ("GET", "/", {"headers": {"Host": "evil.example"}}, 403, "is not served", "Sign in as"),
    ("POST", "/pages/clock", {"headers": SITE}, 403, "may not change", "Sign in as"),
    ("GET", "/pages/system", {}, 500, "its log says why", "Try again"),
]


@pytest.mark.parametrize(("method", "path", "more", "status", "why", "advice"), ERRORS)
async def test_every_error_is_a_page_in_a_browser(
    api: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    more: dict[str, Any],
    status: int,
    why: str,
    advice: str,
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("as never before")

    monkeypatch.setattr("webjobs_api.monitoring.system._queue", fail)
    for asked, kind in ((BROWSER, "text/html"), ({}, "text/plain")):
        request = {**more, "headers": {**asked, **more.get("headers", {})}}
        async with api.request(method, path, allow_redirects=False, **request) as answer:
            text = await answer.text()
            assert (answer.status, answer.content_type) == (status, kind), text
            assert why in text and "as never before" not in text
            assert ("<h1>" in text and advice in text) == (kind == "text/html")
            assert ("Allow" in answer.headers) == (status == 405)
            if kind == "text/html":
                assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
                assert ("webjobs " in text) != ("evil" in text), "a foreign host sees nothing of the site"


async def test_an_error_page_takes_nothing_for_html(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    _, text = await answer_of(api, "/%3Cscript%3Ealert(1)", 404, BROWSER)
    assert "<script>alert" not in text


async def test_lists_stay_while_history_is_away_with_their_age_and_the_part_that_is_away(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    await backend.define(JobType.CONTINUOUS, "worker")
    run_id = await ran(api, backend, "hello")
    jobs = ("/pages/triggered/hello", f"/pages/triggered/hello/history/{run_id}", "/pages/continuous/worker")
    for path in ("/", "/pages/runs?status=Failed", "/?text=hel", *jobs):
        await answer_of(api, path, 200)
    backend.history_away = True
    for path in ("/", "/?text=hel"):
        _, text = await answer_of(api, path, 503)
        assert "History is away" in text and "Postgres is away" in text
        assert '<main id="main" class="stale">' in text
        assert 'href="/pages/triggered/hello"' in text
        assert re.search("What is shown is from <time[^>]*>[^<]*(just now|ago)</time>", text)
        assert "data-events" in text, "it follows when history is back"
    for path in jobs:
        _, text = await answer_of(api, path, 503)
        assert "History is away" in text and '<main id="main" class="stale">' in text, path
    _, text = await answer_of(api, "/pages/runs?status=Failed", 503)
    assert "History is away" in text and "No run matches" in text
    _, text = await answer_of(api, "/?text=other", 503)
    assert "Postgres is away" in text and 'class="stale"' not in text, "this address was never shown"
    backend.history_away = False
    _, text = await answer_of(api, "/", 200)
    assert 'class="stale"' not in text


async def test_a_run_that_history_has_forgotten_is_gone_and_its_events_are_shown(
    api: aiohttp.ClientSession, backend: FakeBackend, bus: Bus
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    run_id = await finish_run(bus)
    _, text = await answer_of(api, f"/pages/triggered/hello/history/{run_id}", 410)
    assert "no longer in the history" in text and "The run succeeded" in text
    assert "No event says that it was removed" in text
    common: dict[str, Any] = {"at": datetime.now(UTC), "instance": INSTANCE, "job_name": JobName("hello")}
    await bus.publish_event(Deleted(**common, job_type=JobType.TRIGGERED, revision=9, cause="c"))
    _, text = await answer_of(api, f"/pages/triggered/hello/history/{run_id}", 410)
    assert "The job was deleted <time" in text and "WEBJOBS_HISTORY_SIZE" not in text
    await bus.publish_event(Purged(**common, run_ids=[run_id], limit=7))
    _, text = await answer_of(api, f"/pages/triggered/hello/history/{run_id}", 410)
    assert "Retention removed it <time" in text and "the latest 7 runs of each job" in text
    other = f"{datetime.now(UTC):%Y%m%d}0000000000"
    _, text = await answer_of(api, f"/pages/triggered/hello/history/{other}", 404)
    assert "has no run" in text


async def test_what_nats_alone_knows_stays_while_it_is_away(own_nats: OwnNats) -> None:
    await own_nats.backend.define(JobType.TRIGGERED, "hello", settings={"schedule": "0 0 3 * * *"})
    paths = ("/pages/events", "/pages/schedule")
    for path in paths:
        await answer_of(own_nats.api, path, 200)
    await crash(own_nats.server)
    for path in paths:
        _, text = await answer_of(own_nats.api, path, 503)
        assert "NATS is away" in text and '<main id="main" class="stale">' in text, path
    _, text = await answer_of(own_nats.api, "/pages/events?event=Failed", 503)
    assert 'class="stale"' not in text, "this address was never shown"
