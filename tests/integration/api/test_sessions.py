"""People sign in by a form: where it leads, what the cookie may do, and what a browser gets without one."""

import asyncio
import re
from collections.abc import AsyncIterator
from html import escape
from http.cookies import Morsel
from typing import Any

import aiohttp
import pytest
from integration.api.conftest import QUICK, SHORT
from pydantic import SecretStr
from support.browser import PHONE, WatchedPage, chromium, tab
from support.eventually import eventually
from support.fake_backend import FakeBackend
from webjobs_api.app import run_api
from webjobs_api.http import session_cookie
from webjobs_api.http.failed_logins import FailedLogins
from webjobs_api.settings import ApiSettings
from webjobs_rules.job import JobType
from yarl import URL

PASSWORD = "paß:wort"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
NAVIGATION = BROWSER | {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none"}
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
RUN = "/api/jobs/triggered/hello/run"


@pytest.fixture
def guarded(settings: ApiSettings) -> ApiSettings:
    return settings.model_copy(update={"username": "ann", "password": SecretStr(PASSWORD)})


@pytest.fixture
async def browser(guarded: ApiSettings, backend: FakeBackend) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that sends no cookie of its own accord."""
    await backend.define(JobType.TRIGGERED, "hello")
    async with (
        run_api(guarded, {}, SHORT, QUICK) as url,
        aiohttp.ClientSession(url, cookie_jar=aiohttp.DummyCookieJar()) as session,
    ):
        yield session


async def sign_in(
    api: aiohttp.ClientSession, following: str = "/", **headers: str
) -> tuple[aiohttp.ClientResponse, Morsel[str]]:
    """The answer to the right password, and its cookie."""
    form = {"username": "ann", "password": PASSWORD, "next": following}
    async with api.post("/login", data=form, headers=headers, allow_redirects=False) as answer:
        assert answer.status == 303, await answer.text()
        (cookie,) = answer.cookies.values()
        return answer, cookie


def sent(cookie: Morsel[str]) -> dict[str, str]:
    return {"Cookie": f"{cookie.key}={cookie.value}"}


async def test_a_browser_is_led_to_the_form_and_back_to_the_page_asked_for(
    browser: aiohttp.ClientSession,
) -> None:
    wanted = "/pages/triggered/hello?_=1&api-version=%26x"
    async with browser.get(wanted, headers=NAVIGATION, allow_redirects=False) as answer:
        assert answer.status == 303
        assert "WWW-Authenticate" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"
        location = answer.headers["Location"]
    assert location.startswith("/login?next=/pages/triggered/hello?_")
    assert URL(location).query["next"] == wanted
    async with browser.get(location) as answer:
        assert answer.status == 200
        text = await answer.text()
        nonce = re.findall(r"style-src 'nonce-([\w-]+)'", answer.headers["Content-Security-Policy"])
    assert f'nonce="{nonce[0]}"' in text and "<script" not in text
    assert 'action="/login"' in text and f'name="next" value="{escape(wanted)}"' in text
    assert "<style" not in text and "style=" not in text
    [style] = re.findall(r'href="(/assets/style\.[^"]+)"', text)
    async with browser.get(style, headers=BROWSER, allow_redirects=False) as answer:
        assert (answer.status, answer.content_type) == (200, "text/css"), "the form has its stylesheet"
    answer, cookie = await sign_in(browser, wanted)
    assert answer.headers["Location"] == wanted
    async with browser.get(wanted, headers=NAVIGATION | sent(cookie)) as answer:
        assert answer.status == 200 and "hello" in await answer.text()


async def test_only_what_is_no_page_is_asked_for_basic(browser: aiohttp.ClientSession) -> None:
    basic: dict[str, Any] = {"status": 401, "challenge": True}
    quiet: dict[str, Any] = {"status": 401, "challenge": False}
    form: dict[str, Any] = {"status": 303, "challenge": False}
    for method, path, headers, wanted in (
        ("GET", "/api/jobs", {}, basic),
        ("GET", "/", {}, basic),
        ("GET", "/api/jobs", BROWSER, basic),
        ("POST", RUN, {"Origin": "https://evil.example"}, basic),
        ("GET", "/api/jobs", {"Authorization": "Basic YW5uOng="}, basic),
        ("GET", "/", NAVIGATION | {"Authorization": "Basic YW5uOng="}, basic),
        ("GET", "/", BROWSER, form),
        ("HEAD", "/", NAVIGATION, form),
        ("GET", "/jobs/triggered/hello", BROWSER, form),
        ("GET", "/docs", BROWSER, form),
        ("GET", "/vfs/LogFiles/x", NAVIGATION, form),
        ("GET", "/", NAVIGATION | {"Cookie": "webjobs_session_0=1"}, form),
        ("POST", "/pages/triggered/hello/run", NAVIGATION | OWN_PAGE, form),
        ("GET", "/api/jobs", OWN_PAGE | {"Sec-Fetch-Mode": "cors"}, quiet),
        ("GET", "/", OWN_PAGE | {"Sec-Fetch-Mode": "cors"}, quiet),
        ("GET", "/api/events", {"X-Requested-With": "fetch"}, quiet),
        ("POST", RUN, OWN_PAGE | {"Sec-Fetch-Mode": "cors"}, quiet),
    ):
        async with browser.request(method, path, headers=headers, allow_redirects=False) as answer:
            assert answer.status == wanted["status"], (method, path, headers)
            assert ("WWW-Authenticate" in answer.headers) == wanted["challenge"], (method, path, headers)
            text = await answer.text()
            is_page = answer.status == 401 and headers.get("Sec-Fetch-Mode") == "navigate"
            assert (answer.content_type == "text/html") == is_page or answer.status == 303
            assert "data-root" not in text and "runner" not in text, "nothing about the site"
            assert not answer.cookies


async def test_a_form_sent_without_a_session_leads_back_to_its_page(
    browser: aiohttp.ClientSession,
) -> None:
    page = browser._base_url.with_path("/pages/triggered/hello")
    headers = NAVIGATION | OWN_PAGE | {"Referer": str(page)}
    async with browser.post("/pages/triggered/hello/run", headers=headers, allow_redirects=False) as answer:
        assert answer.headers["Location"] == "/login?next=/pages/triggered/hello"


async def test_the_cookie_is_for_this_site_and_for_no_script(browser: aiohttp.ClientSession) -> None:
    _, cookie = await sign_in(browser)
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert (cookie["max-age"], cookie["domain"], cookie["secure"]) == ("604800", "", "")
    assert PASSWORD not in cookie.value and "ann" not in cookie.value
    forwarded = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "jobs.example",
        "X-Forwarded-Prefix": "/team/jobs",
    }
    answer, below = await sign_in(browser, "/docs", **forwarded)
    assert answer.headers["Location"] == "/team/jobs/docs"
    assert (below["path"], below["secure"]) == ("/team/jobs", True)
    assert below.key != cookie.key
    async with browser.get("/docs", headers=forwarded | sent(below)) as answer:
        assert answer.status == 200
    async with browser.get("/docs", headers=forwarded | NAVIGATION, allow_redirects=False) as answer:
        assert answer.headers["Location"] == "/team/jobs/login?next=/docs"
    async with browser.get("/login", headers=forwarded) as answer:
        assert 'action="/team/jobs/login"' in await answer.text()


@pytest.mark.parametrize("following", ["//evil.example", "/\\evil.example", "https://evil.example", "/login"])
async def test_a_login_leads_to_no_other_site(browser: aiohttp.ClientSession, following: str) -> None:
    answer, _ = await sign_in(browser, following)
    assert answer.headers["Location"] == "/"
    async with browser.get("/login", params={"next": following}) as answer:
        assert 'name="next" value="/"' in await answer.text()


async def test_a_wrong_password_shows_the_form_again_and_is_counted(
    browser: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    count = FailedLogins._count

    def spy(self: FailedLogins, name: str, address: Any, peer: str) -> float:
        counted.append(peer)
        return count(self, name, address, peer)

    monkeypatch.setattr(FailedLogins, "_count", spy)
    for username, password in (("ann", "wrong"), ("bob", PASSWORD), ("ann", ""), ("", "")):
        form = {"username": username, "password": password, "next": "/docs"}
        async with browser.post("/login", data=form) as answer:
            assert answer.status == 401
            assert "WWW-Authenticate" not in answer.headers and not answer.cookies
            text = await answer.text()
        assert 'role="alert"' in text and 'name="next" value="/docs"' in text
        assert PASSWORD not in text
    async with browser.get("/api/jobs", headers={"Authorization": "Basic YW5uOng="}) as answer:
        assert answer.status == 401
    assert len(counted) == 5, "the form and Basic count together"


async def test_a_session_ends_with_its_time_its_password_and_its_cookie(
    browser: aiohttp.ClientSession, guarded: ApiSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, cookie = await sign_in(browser)

    async def status(api: aiohttp.ClientSession) -> int:
        async with api.get("/api/jobs", headers=sent(cookie)) as answer:
            assert "WWW-Authenticate" not in answer.headers
            return answer.status

    assert await status(browser) == 200
    async with browser.post("/logout", headers=OWN_PAGE | sent(cookie), allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/login")
        (removed,) = answer.cookies.values()
        assert (removed.key, removed.value, removed["max-age"]) == (cookie.key, "", "0")
        assert removed["path"] == "/"
    changed = guarded.model_copy(update={"password": SecretStr("new")})
    host = {"Host": browser._base_url.authority}
    async with run_api(changed, {}, SHORT, QUICK) as url, aiohttp.ClientSession(url, headers=host) as other:
        assert await status(other) == 401
    async with run_api(guarded, {}, SHORT, QUICK) as url, aiohttp.ClientSession(url, headers=host) as other:
        assert await status(other) == 200, "a session outlives a restart"
    now = session_cookie.time.time()
    monkeypatch.setattr("webjobs_api.http.logins.time.time", lambda: now + 604_801)
    assert await status(browser) == 401


async def test_a_change_with_a_session_comes_from_a_page_of_ours(
    browser: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    _, cookie = await sign_in(browser)
    own = f"http://{browser._base_url.authority}"
    for headers, status in (
        ({}, 403),
        ({"Origin": own.replace("http:", "https:")}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": own}, 403),
        ({"Origin": own}, 200),
        (OWN_PAGE, 200),
    ):
        for path in ("/api/jobs/triggered/nothing", "/api/continuousjobs/nothing"):
            async with browser.delete(path, headers=headers | sent(cookie)) as answer:
                assert answer.status == status, (headers, await answer.text())
    basic = {"Authorization": aiohttp.encode_basic_auth("ann", PASSWORD, "utf-8")}
    async with browser.delete("/api/jobs/triggered/nothing", headers=basic) as answer:
        assert answer.status == 200, "programs name no page"
    async with browser.post(
        "/login", data={"username": "ann", "password": PASSWORD}, headers={"Origin": "https://evil.example"}
    ) as answer:
        assert answer.status == 403


async def test_a_run_names_the_person_who_started_it_on_a_page(
    browser: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    _, cookie = await sign_in(browser)
    own = OWN_PAGE | sent(cookie) | {"User-Agent": "tests/1"}
    for path, trigger in (
        ("/pages/triggered/hello/run", "Dashboard - ann"),
        (RUN, "External - tests/1"),
    ):
        async with browser.post(path, headers=own, allow_redirects=False) as answer:
            assert answer.status in (202, 303), await answer.text()
        await eventually(lambda: "hello" in backend.held)
        assert backend.held["hello"].command.requested_by == trigger
        await backend.end_run("hello")
    await backend.define(JobType.CONTINUOUS, "worker")
    async with browser.post("/pages/continuous/worker/stop", headers=own) as answer:
        assert answer.status == 200
    assert backend.seen[-1].requested_by == "Dashboard - ann"


async def test_the_scheme_of_the_page_counts_behind_a_proxy(browser: aiohttp.ClientSession) -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "jobs.example"}
    _, cookie = await sign_in(browser, **forwarded)
    for origin, status in (
        ("https://jobs.example", 200),
        ("https://jobs.example:443", 403),
        ("http://jobs.example", 403),
        (f"http://{browser._base_url.authority}", 403),
    ):
        async with browser.delete(
            "/api/jobs/triggered/nothing", headers=forwarded | sent(cookie) | {"Origin": origin}
        ) as answer:
            assert answer.status == status, origin


async def sign_in_again(view: WatchedPage) -> None:
    await view.page.get_by_role("link", name="Sign in again").click()
    await view.page.fill("#username", "ann")
    await view.page.fill("#password", PASSWORD)
    await view.page.press("#password", "Enter")
    await view.page.wait_for_selector("#live")


async def test_a_person_signs_in_works_and_signs_out(
    browser: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    base = str(browser._base_url).rstrip("/")
    async with chromium() as program, tab(program, base, viewport=PHONE) as view:
        page = view.page
        await view.open("/pages/triggered/hello")
        assert page.url == f"{base}/login?next=/pages/triggered/hello"
        await view.check()
        for password in ("wrong", PASSWORD):
            await page.fill("#username", "ann")
            await page.fill("#password", password)
            await page.press("#password", "Enter")
            if password == "wrong":
                await page.wait_for_selector("[role=alert]")
                await view.check(allow=("401",))
        await page.wait_for_url(f"{base}/pages/triggered/hello")
        await page.wait_for_selector("#live.on")
        assert await page.evaluate("document.cookie") == ""
        await page.get_by_role("button", name="Run", exact=True).click()
        await eventually(lambda: "hello" in backend.held)
        assert backend.held["hello"].command.requested_by == "Dashboard - ann"
        await view.check()
        await page.context.clear_cookies()
        await backend.end_run("hello")  # the page asks for what is stale, without a session now
        await page.get_by_role("link", name="Sign in again").wait_for()
        await sign_in_again(view)
        await page.get_by_role("button", name="Sign out").click()
        await page.wait_for_url(f"{base}/login")
        await view.open("/")
        assert page.url == f"{base}/login?next=/"


async def test_no_header_makes_the_login_fail(browser: aiohttp.ClientSession) -> None:
    url = browser._base_url
    own, raw = f"http://{url.authority}".encode(), b"\xff\x80"
    _, cookie = await sign_in(browser)
    name, value = cookie.key.encode(), cookie.value.encode()
    for header in (
        b"Referer: %b/%b" % (own, raw),
        b"Referer: %b//evil.example" % own,
        b"Cookie: %b=%b" % (name, raw),
        b"Cookie: %b=%b%b; ;=; %b" % (name, value, raw, raw),
        b"Cookie: %b=; %b=%b" % (name, name, value[:-1]),
        b"Content-Type: application/%b" % raw,
        b"Content-Type: %b" % raw,
        b"Accept: text/html;q=%b" % raw,
        b"Origin: %b" % raw,
        b"Sec-Fetch-Mode: %b\r\nSec-Fetch-Site: %b" % (raw, raw),
        b"X-Forwarded-Host: %b\r\nX-Forwarded-Prefix: %b\r\nX-Forwarded-Proto: %b" % (raw, raw, raw),
    ):
        for line in (
            b"GET /",
            b"POST /pages/triggered/hello/run",
            b"GET /login?next=%FF%00//",
            b"POST /login",
            b"POST /logout",
        ):
            status, head = await raw_answer(url, line, b"Accept: text/html\r\n" + header)
            assert status < 500, (header, line)
            assert b"evil" not in head


async def raw_answer(url: URL, line: bytes, headers: bytes) -> tuple[int, bytes]:
    """The status and the head of the answer to a request that no client library would send."""
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(b"%b HTTP/1.1\r\nHost: %b\r\n" % (line, url.authority.encode()))
    writer.write(headers + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    head, _, _ = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), head


async def test_without_credentials_there_is_nothing_to_sign_in_to(api: aiohttp.ClientSession) -> None:
    form = {"username": "ann", "password": "x", "next": "/docs"}
    async with api.get("/login?next=/docs", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/")
    async with api.post("/login", data=form, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/")
        assert not answer.cookies
    async with api.get("/", headers=NAVIGATION, allow_redirects=False) as answer:
        assert answer.status == 200
