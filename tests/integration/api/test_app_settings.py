"""App settings over HTTP: read after write, refused as a whole, and never the services' own credentials."""

import io
from collections.abc import AsyncIterator

import aiohttp
import pytest
from support.fake_backend import FakeBackend
from webjobs_api.app import run_api
from webjobs_api.settings import ApiSettings
from webjobs_rules.job import JobType

PATH = "/api/settings"
ENVIRONMENT = {
    "WEBJOBS_RESTART_TIME": "7",
    "WEBJOBS_PASSWORD": "secret",
    "WEBJOBS_NATS_URL": "nats://secret",
    "SHELL": "/bin/secret",
}


@pytest.fixture
async def api_url(settings: ApiSettings, backend: FakeBackend) -> AsyncIterator[str]:
    async with run_api(settings, ENVIRONMENT) as url:
        yield url


async def shown(api: aiohttp.ClientSession) -> dict[str, str]:
    async with api.get(PATH) as answer:
        assert answer.status == 200
        return dict(await answer.json())


async def status_of(api: aiohttp.ClientSession, method: str, path: str, **options: object) -> tuple[int, str]:
    async with api.request(method, path, **options) as answer:
        return answer.status, await answer.text()


async def test_what_was_set_is_read_at_once_and_taken_away_again(api: aiohttp.ClientSession) -> None:
    assert await shown(api) == {"WEBJOBS_RESTART_TIME": "7"}
    body = {"GREETING": "hé", "WEBJOBS_RESTART_TIME": 5, "FLAG": True, "my.dotted:name": ""}
    assert await status_of(api, "POST", PATH, json=body) == (204, "")
    expected = {"FLAG": "true", "GREETING": "hé", "WEBJOBS_RESTART_TIME": "5", "my.dotted:name": ""}
    assert await shown(api) == expected
    assert await status_of(api, "GET", f"{PATH}/GREETING/") == (200, '"hé"')
    for name in expected:
        assert await status_of(api, "DELETE", f"{PATH}/{name}") == (204, "")
    assert await shown(api) == {"WEBJOBS_RESTART_TIME": "7"}
    status, text = await status_of(api, "GET", f"{PATH}/GREETING")
    assert status == 404 and "GREETING" in text
    assert (await status_of(api, "DELETE", f"{PATH}/GREETING"))[0] == 204


async def test_kudus_older_form_sets_one(api: aiohttp.ClientSession) -> None:
    assert await status_of(api, "POST", PATH, json={"key": "A", "value": "x"}) == (204, "")
    assert (await shown(api))["A"] == "x"


async def test_a_change_holds_at_once(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    for _ in range(5):
        assert (await status_of(api, "POST", PATH, json={"WEBJOBS_STOPPED": "1"}))[0] == 204
        assert (await status_of(api, "POST", "/api/triggeredwebjobs/hello/run"))[0] == 409
        assert (await status_of(api, "DELETE", f"{PATH}/WEBJOBS_STOPPED"))[0] == 204
    assert (await status_of(api, "POST", "/api/triggeredwebjobs/hello/run"))[0] == 202


CANNOT_BE: list[tuple[bytes, int, str]] = [
    (b"", 400, "JSON object"),
    (b"[1]", 400, "JSON object"),
    (b'{"GOOD": "x", "B D": "x"}', 400, "name"),
    (b'{"GOOD": "x", "": "x"}', 400, "empty"),
    (b'{"GOOD": "x", "BAD": {"nested": 1}}', 400, "text"),
    (b'{"GOOD": "x", "BAD": null}', 400, "DELETE /api/settings/BAD"),
    (b'{"GOOD": "x", "BAD": "\\u0000"}', 400, "NUL"),
    (b'{"GOOD": "x", "BAD": "\\ud800"}', 400, ""),
    (b'{"GOOD": "x", "WEBJOBS_RESTART_TIME": "soon"}', 400, "number"),
    (b'{"GOOD": "x", "WEBJOBS_PASSWORD": "mine"}', 400, "services"),
    (b'{"GOOD": "x", "WEBJOBS_HOOKS_ALLOW_PRIVATE": "true"}', 400, "when they start"),
    (b'{"GOOD": "x", "WEBJOBS_UPLOAD_LIMIT_MB": 5}', 400, "when they start"),
    (b'{"GOOD": "x", "WEBJOBS_HOST": "1"}', 400, "when they start"),
    (b'{"GOOD": "x", "BAD": "' + b"x" * 40_000 + b'"}', 400, "longer"),
    (b'{"GOOD": "x", "BAD": "' + b"x" * 2_000_000 + b'"}', 413, ""),
    (b"{" + b",".join(b'"A%d": "%s"' % (n, b"x" * 30_000) for n in range(10)) + b"}", 413, "together"),
    (b"{" + b",".join(b'"A%d": ""' % n for n in range(1001)) + b"}", 413, "1,000 app settings"),
]


async def test_what_cannot_be_changes_nothing(api: aiohttp.ClientSession) -> None:
    for body, status, hint in CANNOT_BE:
        answered, text = await status_of(api, "POST", PATH, data=io.BytesIO(body))
        assert answered == status and hint in text and len(text) < 500, (body[:60], answered, text)
        assert await shown(api) == {"WEBJOBS_RESTART_TIME": "7"}, body[:60]


async def test_credentials_are_never_shown(api: aiohttp.ClientSession, backend: FakeBackend) -> None:
    await backend.bus.settings.put("WEBJOBS_DATABASE_URL", b"postgresql://secret")
    await status_of(api, "POST", PATH, json={"A": "x"})  # so that the api has seen the change before
    assert (await shown(api)).keys() == {"A", "WEBJOBS_RESTART_TIME"}
    for name in (*(set(ENVIRONMENT) - {"WEBJOBS_RESTART_TIME"}), "WEBJOBS_DATABASE_URL"):
        status, text = await status_of(api, "GET", f"{PATH}/{name}")
        assert status == 404 and "secret" not in text
    assert (await status_of(api, "DELETE", f"{PATH}/WEBJOBS_DATABASE_URL"))[0] == 204
    assert await backend.bus.settings.get("WEBJOBS_DATABASE_URL") is None


@pytest.mark.parametrize("key", ["*", "%3E", "a%20b", "%00", "a..b", "x" * 300, "%2e%2e%2f"])
async def test_names_that_cannot_be_are_refused(api: aiohttp.ClientSession, key: str) -> None:
    assert (await status_of(api, "GET", f"{PATH}/{key}"))[0] == 404
    assert (await status_of(api, "DELETE", f"{PATH}/{key}"))[0] in (400, 404)
