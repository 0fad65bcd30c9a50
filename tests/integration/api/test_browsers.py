"""What browsers and caches ask of every route: OPTIONS, CORS, and compressed answers."""

import gzip
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest
from integration.api.conftest import QUICK, SHORT
from integration.api.test_unknown_input import ROUTES, path_of
from pydantic import SecretStr
from support.fake_backend import FakeBackend
from webjobs_api.app import run_api
from webjobs_api.describe.document import keys_of
from webjobs_api.describe.operations import OPERATIONS
from webjobs_api.settings import ApiSettings
from webjobs_rules.job import JobType

PAGE, OTHER = "https://pages.example", "https://evil.example"
RUN = "/api/triggeredwebjobs/hello/run"
LOGIN = aiohttp.encode_basic_auth("ann", "secret")
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-a"}


@pytest.fixture
def guarded(settings: ApiSettings) -> ApiSettings:
    return settings.model_copy(update={"username": "ann", "password": SecretStr("secret")})


@pytest.fixture
async def plain(api_url: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that asks for no compression and shows bodies as they come."""
    async with aiohttp.ClientSession(
        api_url, auto_decompress=False, skip_auto_headers=["Accept-Encoding"]
    ) as session:
        yield session


async def test_options_tells_the_methods_of_every_route(api: aiohttp.ClientSession) -> None:
    methods: dict[str, set[str]] = {}
    for route in ROUTES:
        if not OPERATIONS[keys_of(route)[0]].passes_on:
            methods.setdefault(path_of(route), {"OPTIONS"}).add(route.method)
    assert len(methods) > 60
    for path, known in methods.items():
        for address in {path, path.upper() if "{" not in path else path, f"{path.rstrip('/')}/"}:
            async with api.options(address) as answer:
                assert (answer.status, await answer.read()) == (204, b""), address
                told = set(answer.headers["Allow"].split(", "))
                assert "Access-Control-Allow-Origin" not in answer.headers
            assert told >= known, address
            assert ("HEAD" in told) == ("GET" in told), address
    async with api.options("/api/nothing") as answer:
        assert answer.status == 404
    async with api.patch("/api/jobs") as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
        assert await answer.text() == "PATCH is not allowed here; use GET, HEAD."


async def test_pages_of_other_sites_are_told_nothing_unless_they_are_allowed(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    for headers in ({}, PREFLIGHT):
        async with api.options(RUN, headers={"Origin": PAGE, **headers}) as answer:
            assert answer.status == 204
            assert not cors(answer.headers) and "Vary" not in answer.headers
    async with api.get("/api/jobs", headers={"Origin": PAGE}) as answer:
        assert answer.status == 200 and not cors(answer.headers)
    async with api.post(RUN, headers={"Origin": PAGE}) as answer:
        assert answer.status == 403
        assert "WEBJOBS_CORS_ORIGINS" in await answer.text()


def cors(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.startswith("Access-Control-")}


async def test_a_page_of_an_allowed_origin_uses_the_api_with_a_login(
    guarded: ApiSettings, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    allowing = guarded.model_copy(update={"cors_origins": f"{PAGE},http://localhost:3000"})
    async with run_api(allowing, {}, SHORT, QUICK) as url, aiohttp.ClientSession(url) as api:
        # The preflight needs no login, whatever the address; that of another page does.
        for path in (RUN, "/API/TriggeredWebJobs/hello/Run/", "/api/continuouswebjobs/x/passthrough/y"):
            async with api.options(path, headers={"Origin": PAGE, **PREFLIGHT}) as answer:
                assert (answer.status, await answer.read()) == (204, b""), path
                assert answer.headers["Access-Control-Allow-Origin"] == PAGE
                assert answer.headers["Access-Control-Allow-Credentials"] == "true"
                assert "POST" in answer.headers["Access-Control-Allow-Methods"].split(", ")
                assert answer.headers["Access-Control-Allow-Headers"] == "authorization, x-a"
                assert int(answer.headers["Access-Control-Max-Age"]) > 0
                assert answer.headers["Vary"] == "Origin"
            for headers in ({"Origin": OTHER, **PREFLIGHT}, {"Origin": PAGE}, PREFLIGHT, {}):
                async with api.options(path, headers=headers) as answer:
                    assert answer.status == 401, (path, headers)
        # Every answer tells the browser that the page may read it, errors and streams included.
        login = {"Authorization": LOGIN}
        for method, path, headers, status in (
            ("GET", "/api/jobs", {}, 401),
            ("GET", "/api/jobs", login, 200),
            ("GET", "/api/nothing", login, 404),
            ("PATCH", "/api/jobs", login, 405),
            ("GET", "/api/runs?wibble=1", login, 400),
            ("GET", "/healthz", {}, 200),
            ("POST", RUN, login | {"Sec-Fetch-Site": "cross-site"}, 202),
            ("GET", "/api/events", login, 200),
        ):
            async with api.request(method, path, headers={"Origin": PAGE, **headers}) as answer:
                assert answer.status == status, path
                assert answer.headers["Access-Control-Allow-Origin"] == PAGE, path
                assert "Location" in answer.headers["Access-Control-Expose-Headers"].split(", ")
                assert "Origin" in answer.headers["Vary"].split(", ")
        async with api.get("/api/jobs", headers={"Origin": OTHER, **login}) as answer:
            assert answer.status == 200 and not cors(answer.headers)
            assert "Origin" in answer.headers["Vary"].split(", ")
        async with api.post(RUN, headers={"Origin": OTHER, **login}) as answer:
            assert answer.status == 403


async def test_pages_of_any_origin_get_no_use_of_the_browsers_login(
    settings: ApiSettings, guarded: ApiSettings, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    any_origin = {"cors_origins": "*"}
    login, page = {"Authorization": LOGIN}, {"Origin": OTHER, "Sec-Fetch-Site": "cross-site"}
    async with (
        run_api(guarded.model_copy(update=any_origin), {}, SHORT, QUICK) as url,
        aiohttp.ClientSession(url) as api,
    ):
        async with api.options(RUN, headers=page | PREFLIGHT) as answer:
            assert answer.status == 204
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert "Access-Control-Allow-Credentials" not in answer.headers
            assert "Vary" not in answer.headers
        async with api.get("/api/jobs", headers=page | login) as answer:
            assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")
        async with api.post(RUN, data={"arguments": "x"}, headers=page | login) as answer:
            assert answer.status == 403, "a form of any site could send this"
        async with api.post(RUN, json={}, headers=page | login) as answer:
            assert answer.status == 202, await answer.text()
    async with (
        run_api(settings.model_copy(update=any_origin), {}, SHORT, QUICK) as url,
        aiohttp.ClientSession(url) as api,
    ):
        async with api.delete("/api/jobs/triggered/nothing", headers=page) as answer:
            assert answer.status == 200
        async with api.get("/api/jobs", headers=page | {"Host": "evil.example"}) as answer:
            assert answer.status == 403, "the name of this machine is asked for all the same"


async def test_lists_pages_and_documents_are_compressed_for_who_takes_it(
    plain: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    for number in range(9):
        await backend.define(JobType.TRIGGERED, f"job {number}")
    paths = [
        "/api/jobs",
        "/api/triggeredwebjobs",
        "/",
        "/docs",
        "/openapi.json",
        "/asyncapi.json",
        "/metrics",
    ]
    for path in paths:
        status, headers, body = await got(plain, path)
        assert status == 200 and "Content-Encoding" not in headers, path
        assert "Accept-Encoding" in headers["Vary"].split(", "), path
        for accepted in ("gzip", "br;q=1, gzip;q=0.5"):
            _, packed, small = await got(plain, path, **{"Accept-Encoding": accepted})
            assert packed["Content-Encoding"] == "gzip", path
            assert int(packed["Content-Length"]) == len(small) < len(body) / 2
            if path not in ("/", "/docs", "/metrics"):  # which are never the same
                assert gzip.decompress(small) == body
            assert packed["Content-Type"] == headers["Content-Type"]
    assert "Content-Encoding" not in (await got(plain, "/api/settings/WEBJOBS_STOPPED", **TAKES))[1]
    _, headers, _ = await got(plain, "/api/nothing", **TAKES)
    assert "Content-Encoding" not in headers


TAKES = {"Accept-Encoding": "gzip"}


async def got(api: aiohttp.ClientSession, path: str, **headers: str) -> tuple[int, Any, bytes]:
    async with api.get(path, headers=headers) as answer:
        return answer.status, answer.headers, await answer.read()


async def test_a_tag_is_the_same_compressed_or_not_and_leads_to_304(
    plain: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    for number in range(9):
        await backend.define(JobType.TRIGGERED, f"job {number}")
    tags = {(await got(plain, "/api/jobs", **headers))[1]["ETag"] for headers in ({}, TAKES)}
    assert len(tags) == 1
    tag = tags.pop()
    assert re.fullmatch(r'W/"[0-9a-f]+"', tag)
    for headers in ({}, TAKES):
        status, told, body = await got(plain, "/api/jobs", **headers, **{"If-None-Match": tag})
        assert (status, body, told["ETag"]) == (304, b"", tag)
        assert "Accept-Encoding" in told["Vary"].split(", ")
        assert "Content-Encoding" not in told
    async with plain.head("/api/jobs", headers=TAKES) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"


async def test_streams_are_not_compressed(plain: aiohttp.ClientSession, backend: FakeBackend) -> None:
    for path in ("/api/events", "/api/logstream"):
        async with plain.get(path, headers=TAKES) as answer:
            assert answer.status == 200
            assert "Content-Encoding" not in answer.headers
