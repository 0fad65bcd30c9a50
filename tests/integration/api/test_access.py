"""Who is let in: this machine only without credentials, whoever has them otherwise."""

import asyncio

import aiohttp
import pytest
from pydantic import SecretStr
from support.eventually import eventually
from support.fake_backend import FakeBackend
from webjobs_api.app import run_api
from webjobs_api.settings import ApiSettings


@pytest.fixture
def guarded(settings: ApiSettings) -> ApiSettings:
    changes = {"username": "ann", "password": SecretStr("paß:wort")}
    return settings.model_copy(update=changes)


async def test_every_route_but_healthz_wants_credentials(guarded: ApiSettings, backend: FakeBackend) -> None:
    async with run_api(guarded, {}) as url, aiohttp.ClientSession(url) as api:
        for path in ("/", "/metrics", "/api/jobs", "/api/nothing", "/jobs/triggered/x", "/vfs/x"):
            wrong = (("ann", "wrong"), ("bob", "paß:wort"), ("ann", "")) if path == "/api/jobs" else ()
            for given in (None, *wrong):
                login = aiohttp.encode_basic_auth(*given, "utf-8") if given else ""
                async with api.get(path, headers={"Authorization": login} if login else {}) as answer:
                    assert answer.status == 401, path
                    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
                    assert "wort" not in await answer.text()
        for path in ("/healthz", "/healthz/"):
            async with api.get(path) as answer:
                assert answer.status == 200


async def test_whoever_has_the_credentials_is_served_under_any_host(
    guarded: ApiSettings, backend: FakeBackend
) -> None:
    headers = {"Authorization": aiohttp.encode_basic_auth("ann", "paß:wort", "utf-8")}
    async with run_api(guarded, {}) as url, aiohttp.ClientSession(url, headers=headers) as api:
        async with api.get("/api/jobs", headers={"Host": "jobs.example"}) as answer:
            assert answer.status == 200
        async with api.delete("/api/jobs/triggered/x", headers={"Origin": "https://evil.example"}) as answer:
            assert answer.status == 403


async def test_headers_that_are_no_credentials_are_refused(
    guarded: ApiSettings, backend: FakeBackend
) -> None:
    async with run_api(guarded, {}) as url, aiohttp.ClientSession(url) as api:
        for header in ("Basic", "Basic !!!", "Bearer YW5u", "Basic /w==", "Basic YW5u"):
            async with api.get("/api/jobs", headers={"Authorization": header}) as answer:
                assert answer.status == 401, header


async def test_wrong_passwords_are_answered_ever_later_and_others_are_not_held_up(
    guarded: ApiSettings, backend: FakeBackend
) -> None:
    guarded = guarded.model_copy(update={"host": "0.0.0.0"})
    right = {"Authorization": aiohttp.encode_basic_auth("ann", "paß:wort", "utf-8")}
    clock = asyncio.get_running_loop().time
    async with (
        run_api(guarded, {}) as url,
        guesser(url, "127.0.0.1") as guesses,
        guesser(url, "127.0.0.2") as other,
    ):
        began = clock()

        async def guess(number: int) -> int:
            wrong = aiohttp.encode_basic_auth("ann", f"guess {number}", "utf-8")
            async with guesses.get("/api/jobs", headers={"Authorization": wrong}) as answer:
                await answer.read()
                return answer.status

        guessing = [asyncio.create_task(guess(number)) for number in range(60)]
        await eventually(lambda: any(guess.done() for guess in guessing))
        asked = clock()
        for _ in range(5):
            async with other.get("/api/jobs", headers=right) as answer:
                assert answer.status == 200
        assert clock() - asked < 3, "another address is not held up"
        statuses = await asyncio.gather(*guessing)
        assert set(statuses) == {401, 429}
        compared = statuses.count(401)
        assert clock() - began > compared / 40, "at most some ten guesses a second get through"
        async with guesses.get("/api/jobs", headers=right) as answer:
            assert answer.status == 200, "the right password is not locked out"


def guesser(url: str, address: str) -> aiohttp.ClientSession:
    """A client that comes from this address of loopback."""
    connector = aiohttp.TCPConnector(local_addr=(address, 0), limit=0)
    return aiohttp.ClientSession(url.replace("0.0.0.0", "127.0.0.1"), connector=connector)


async def test_without_credentials_a_foreign_name_is_not_served(api: aiohttp.ClientSession) -> None:
    for host, status in (
        ("evil.example", 403),
        ("evil.example:8080", 403),
        ("localhost.evil.example", 403),
        ("192.168.0.1", 403),
        ("localhost", 200),
        ("LOCALHOST:1234", 200),
        ("127.9.9.9:1", 200),
        ("[::1]:8080", 200),
    ):
        async with api.get("/api/jobs", headers={"Host": host}) as answer:
            assert answer.status == status, host


async def test_metrics_count_by_route(api: aiohttp.ClientSession) -> None:
    async with api.get("/api/jobs/triggered/nobody"):
        pass
    async with api.get("/metrics") as answer:
        text = await answer.text()
    assert (
        'webjobs_api_request_seconds_count{method="GET",route="/api/jobs/triggered/{job}",status="404"}'
        in text
    )
