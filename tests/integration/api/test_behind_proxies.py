"""Behind proxies: URLs in answers are those that the client uses, and its own address is known."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from integration.api.conftest import QUICK, SHORT
from pydantic import SecretStr
from support.eventually import eventually
from support.fake_backend import INSTANCE, FakeBackend
from webjobs_api.app import run_api
from webjobs_api.hooks.hooks import Hooks
from webjobs_api.http.dialects import DIALECTS
from webjobs_api.http.failed_logins import FailedLogins
from webjobs_api.routes import routes
from webjobs_api.settings import ApiSettings
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobType
from webjobs_rules.status import Status

PUBLIC = "https://jobs.example:8443/team/jobs"
FORWARDED = {
    "X-Forwarded-For": "198.51.100.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "jobs.example:8443",
    "X-Forwarded-Prefix": "/team/jobs",
}
STANDARD = {"Forwarded": 'for="[2001:db8::7]:80";proto=https;host="jobs.example:8443"'}
GARBAGE = {
    "X-Forwarded-For": "evil, , 1.2.3.4.5",
    "X-Forwarded-Proto": "javascript",
    "X-Forwarded-Host": 'evil.example"><script>',
    "X-Forwarded-Prefix": "//evil.example",
}


_LOGS = ("/api/logstream", "/logstream")
STREAMS = frozenset({"/api/events", *_LOGS, *(f"{each}/application" for each in _LOGS)})


@pytest.fixture
async def proxied(api_url: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A client behind a proxy on this machine."""
    async with aiohttp.ClientSession(api_url, headers=FORWARDED) as session:
        yield session


async def define_and_run(backend: FakeBackend, api: aiohttp.ClientSession) -> str:
    """A job of each type, and a run of the triggered one; returns its Location."""
    await backend.define(JobType.TRIGGERED, "hello", settings={"schedule": "0 0 3 * * *"})
    await backend.define(JobType.CONTINUOUS, "worker")
    backend.tell("worker", **{f"i{INSTANCE}": Status.RUNNING})
    async with api.post("/api/triggeredwebjobs/hello/run") as answer:
        assert answer.status == 202, await answer.text()
        location = answer.headers["Location"]
    await eventually(lambda: "hello" in backend.held)
    await backend.end_run("hello", has_error_log=True)
    run_id = location.rpartition("/")[2]
    await eventually(lambda: backend.runs["hello"][run_id].ended_at is not None)
    return location


async def test_every_url_in_an_answer_is_the_public_one(
    proxied: aiohttp.ClientSession, api_url: str, backend: FakeBackend
) -> None:
    location = await define_and_run(backend, proxied)
    assert location.startswith(f"{PUBLIC}/api/triggeredwebjobs/hello/history/")
    run_id, urls = location.rpartition("/")[2], []
    paths = ["/api/runs?limit=1", "/api/triggeredwebjobsswagger"]
    for dialect in DIALECTS:
        triggered, continuous = (dialect.jobs_of(each) for each in JobType)
        paths += [dialect.all_jobs or triggered, triggered, continuous]
        paths += [f"{triggered}/hello", f"{triggered}/hello/history", f"{triggered}/hello/history/{run_id}"]
        paths += [f"{continuous}/worker"]
    for path in paths:
        async with proxied.get(path) as answer:
            assert answer.status == 200, path
            text = await answer.text()
        assert "127.0.0.1" not in text and "http:" not in text, path
        urls += re.findall(r'"(https?:[^"]*)"', text)
    assert len(urls) > 80
    assert {url[: len(PUBLIC) + 1] for url in urls} == {f"{PUBLIC}/"}
    async with proxied.post(f"/api/jobs/triggered/hello/history/{run_id}/rerun") as answer:
        assert answer.headers["Location"].startswith(f"{PUBLIC}/api/jobs/triggered/hello/history/")
    async with proxied.get("/api/runs?limit=1") as answer:
        following = (await answer.json())["next"]
        assert following.startswith(f"{PUBLIC}/api/runs?")
        assert answer.headers["Link"] == f'<{following}>; rel="next"'
    async with proxied.get("/api/triggeredwebjobsswagger") as answer:
        document = await answer.json()
    assert (document["host"], document["schemes"]) == ("jobs.example:8443", ["https"])
    assert document["basePath"] == "/team/jobs"


async def test_no_address_without_parts_shows_the_apis_own(
    proxied: aiohttp.ClientSession, api_url: str, backend: FakeBackend
) -> None:
    await define_and_run(backend, proxied)
    own, shown = api_url.removeprefix("http://"), 0
    for route in routes():
        if route.method == "GET" and "{" not in route.path and route.path not in STREAMS:
            async with proxied.get(route.path, allow_redirects=False) as answer:
                text = await answer.text() if answer.status == 200 else ""
            assert own not in text, route.path
            shown += "jobs.example" in text
    assert shown > 10


async def test_links_of_pages_and_documents_begin_with_the_prefix(
    proxied: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    location = await define_and_run(backend, proxied)
    found = 0
    for path in ("/", "/pages/triggered/hello", "/pages/continuous/worker", "/docs", "/docs/"):
        async with proxied.get(path) as answer:
            text = await answer.text()
        for link in re.findall(r'(?:href|action|src|data-root|data-well)="([^"]*)"', text):
            assert link.startswith(("/team/jobs", "#")), (path, link)
            found += 1
    assert found > 20 and location
    async with proxied.post("/pages/continuous/worker/start", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/team/jobs/pages/continuous/worker")
    async with proxied.get("/openapi.json") as answer:
        assert json.loads(await answer.text())["servers"][0]["url"] == "/team/jobs"


async def test_a_hook_made_through_a_proxy_sends_public_urls(
    proxied: aiohttp.ClientSession, bus: Bus, backend: FakeBackend
) -> None:
    body = {"url": "https://1.1.1.1/x", "event": "TriggeredJobFinished"}
    async with proxied.post("/api/hooks", json=body) as answer:
        assert answer.status == 201, await answer.text()
    async with Hooks(bus) as hooks:
        assert [hook.base_url for hook in hooks.all()] == [PUBLIC]


async def test_the_standard_header_counts_when_there_is_no_other(
    api: aiohttp.ClientSession, api_url: str, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    async with api.get("/api/jobs/triggered/hello", headers=STANDARD) as answer:
        assert (await answer.json())["url"] == "https://jobs.example:8443/api/jobs/triggered/hello"
    async with api.get(
        "/api/jobs/triggered/hello", headers=STANDARD | {"X-Forwarded-Proto": "http"}
    ) as answer:
        assert (await answer.json())["url"] == f"{api_url}/api/jobs/triggered/hello"


def without_nonces(page: str) -> str:
    return re.sub('nonce="[^"]*"|data-once="[^"]*"|_once=[^"&]*', "", page)


async def test_malformed_values_are_ignored(
    api: aiohttp.ClientSession, api_url: str, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    for path in ("/api/jobs", "/", "/openapi.json", "/api/triggeredwebjobsswagger"):
        async with api.get(path) as answer:
            plain = without_nonces(await answer.text())
        async with api.get(path, headers=GARBAGE | {"Forwarded": ';;="\\,for=x'}) as answer:
            assert (answer.status, without_nonces(await answer.text())) == (200, plain), path
    async with api.post("/api/jobs/triggered/hello/run", headers=GARBAGE) as answer:
        assert answer.headers["Location"].startswith(f"{api_url}/api/jobs/")


@pytest.fixture
def checked_peers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses whose passwords were checked."""
    peers: list[str] = []

    async def check(_self: FailedLogins, peer: str, is_right: Callable[[], Awaitable[None]]) -> None:
        peers.append(peer)
        assert is_right()

    monkeypatch.setattr(FailedLogins, "check", check)
    return peers


async def test_only_trusted_proxies_say_who_and_where_the_client_is(
    settings: ApiSettings, backend: FakeBackend, checked_peers: list[str]
) -> None:
    changes = {"username": "ann", "password": SecretStr("secret"), "host": "0.0.0.0"}
    guarded = settings.model_copy(update=changes | {"trusted_proxies": "127.0.0.2/31"})
    headers = FORWARDED | {"Authorization": aiohttp.encode_basic_auth("ann", "secret")}
    await backend.define(JobType.TRIGGERED, "hello")
    async with run_api(guarded, {}, SHORT, QUICK) as url:
        url = url.replace("0.0.0.0", "127.0.0.1")
        for peer, client, base in (
            ("127.0.0.1", "127.0.0.1", url),
            ("127.0.0.2", "198.51.100.7", PUBLIC),
            ("127.0.0.3", "198.51.100.7", PUBLIC),
            ("127.0.0.4", "127.0.0.4", url),
        ):
            connector = aiohttp.TCPConnector(local_addr=(peer, 0))
            async with aiohttp.ClientSession(url, connector=connector, headers=headers) as api:
                async with api.get("/api/jobs/triggered/hello") as answer:
                    assert (await answer.json())["url"] == f"{base}/api/jobs/triggered/hello", peer
                assert checked_peers[-1] == client
                # Its own page may change things, though it knows another host than the api does.
                own = {"Origin": "https://jobs.example:8443"}
                async with api.delete("/api/jobs/triggered/nothing", headers=own) as answer:
                    assert answer.status == (200 if base == PUBLIC else 403), peer


async def test_a_proxy_that_is_not_trusted_changes_nothing_without_credentials_either(
    settings: ApiSettings, backend: FakeBackend
) -> None:
    async with (
        run_api(settings.model_copy(update={"trusted_proxies": "none"}), {}, SHORT, QUICK) as url,
        aiohttp.ClientSession(url, headers=FORWARDED | STANDARD) as api,
    ):
        await backend.define(JobType.TRIGGERED, "hello")
        async with api.get("/api/jobs/triggered/hello") as answer:
            assert (await answer.json())["url"] == f"{url}/api/jobs/triggered/hello"
        async with api.get("/") as answer:
            assert "/team/jobs" not in await answer.text()
