"""A viewer sees everything but secrets, and changes nothing."""

import json
import re
from collections.abc import AsyncIterator

import aiohttp
import pytest
from integration.api.conftest import QUICK, SHORT
from integration.api.test_unknown_input import ROUTES, path_of
from pydantic import SecretStr
from support.eventually import eventually
from support.fake_backend import FakeBackend
from webjobs_api.app import run_api
from webjobs_api.describe.document import keys_of
from webjobs_api.describe.operations import OPERATIONS
from webjobs_api.settings import ApiSettings
from webjobs_rules.job import JobType

SECRET = "canary-7f3a"
ADMIN = {"Authorization": aiohttp.encode_basic_auth("ann", "secret")}
VIEWER = {"Authorization": aiohttp.encode_basic_auth("eve", "looks")}
REFUSED_READS = {
    "/api/settings",
    "/api/settings/NAME",
    "/api/vfs",
    "/api/vfs/x/y.txt",
    "/vfs",
    "/vfs/x/y.txt",
    "/api/zip",
    "/api/zip/x/y.txt",
    "/pages/triggered/hello/files",
    "/vfs/data/jobs/triggered/hello/201311080256000000/x.json",
    "/api/vfs/data/jobs/triggered/hello/201311080256000000/x.json",
}
ALLOWED_CHANGES = {"/login", "/logout", "/pages/clock"}
STREAMS = {route.path for route in ROUTES if "logstream" in route.path} | {"/api/events"}


@pytest.fixture
async def api(settings: ApiSettings, backend: FakeBackend) -> AsyncIterator[aiohttp.ClientSession]:
    users = {
        "username": "ann",
        "password": SecretStr("secret"),
        "viewer_username": "eve",
        "viewer_password": SecretStr("looks"),
    }
    env = {"env": {"TOKEN": SECRET}, "stopping_wait_time": 7}
    await backend.define(JobType.TRIGGERED, "hello", settings=env)
    await backend.define(JobType.CONTINUOUS, "worker", settings=env)
    async with (
        run_api(settings.model_copy(update=users), {}, SHORT, QUICK) as url,
        aiohttp.ClientSession(url, cookie_jar=aiohttp.DummyCookieJar()) as session,
    ):
        yield session


async def test_every_change_and_every_secret_is_refused_on_every_route(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    changes = 0
    for route in ROUTES:
        operation, path = OPERATIONS[keys_of(route)[0]], path_of(route)
        if operation.passes_on:
            methods = ["GET", "POST", "OPTIONS"]
        else:
            methods = ["GET", "HEAD"] if route.method == "GET" else [route.method]
        reads = methods[0] == "GET" and not operation.passes_on
        if path in ALLOWED_CHANGES or (route.path in STREAMS and reads):
            continue
        for method in methods:
            async with api.request(method, path, headers=VIEWER, allow_redirects=False) as answer:
                text = await answer.text()
                is_refused = answer.status == 403
            if reads:
                is_secret = path in REFUSED_READS or path.endswith("/diff")
                assert is_refused == is_secret, (method, path, answer.status)
            else:
                assert is_refused, (method, path, answer.status)
                changes += 1
            if is_refused and method != "HEAD":
                assert "'eve' is a viewer" in text and "WEBJOBS_USERNAME" in text, path
            assert SECRET not in text
    assert changes > 60
    assert not backend.seen


async def test_a_viewer_sees_jobs_without_the_values_of_their_variables(
    api: aiohttp.ClientSession,
) -> None:
    for path in (
        "/api/jobs",
        "/api/webjobs",
        "/api/triggeredwebjobs",
        "/api/triggeredwebjobs/hello",
        "/api/continuouswebjobs",
        "/api/continuouswebjobs/worker",
        "/api/jobs/triggered/hello/settings",
        "/api/continuouswebjobs/worker/settings",
        "/jobs",
        "/pages/triggered/hello",
        "/pages/continuous/worker",
    ):
        async with api.get(path, headers=ADMIN) as answer:
            assert answer.status == 200
            shown, tag = await answer.text(), answer.headers.get("ETag")
        async with api.get(path, headers=VIEWER) as answer:
            assert answer.status == 200, path
            text = await answer.text()
            assert SECRET not in text, path
            assert tag is None or answer.headers["ETag"] != tag, path
        assert ("TOKEN" in text) == ("TOKEN" in shown), path
    async with api.get("/api/jobs/triggered/hello/settings", headers=VIEWER) as answer:
        assert await answer.json() == {"env": {"TOKEN": "[redacted]"}, "stopping_wait_time": 7}


async def test_a_viewer_sees_names_of_app_settings_and_no_form(api: aiohttp.ClientSession) -> None:
    form = {"name": "GREETING", "value": SECRET}
    async with api.post("/pages/settings", data=form, headers=ADMIN) as answer:
        assert answer.status == 200 and "/GREETING/delete" in await answer.text()
    async with api.get("/pages/settings", headers=VIEWER) as answer:
        text = await answer.text()
    assert "GREETING" in text and SECRET not in text and 'action="/pages/settings' not in text
    for path in ("/pages/settings", "/pages/settings/GREETING/delete"):
        async with api.post(path, data=form, headers=VIEWER) as answer:
            assert answer.status == 403


async def test_a_viewer_reads_runs_and_logs_and_follows_events(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    async with api.post("/api/jobs/triggered/hello/run", headers=ADMIN) as answer:
        assert answer.status == 202
        run = answer.headers["Location"].rpartition("/")[2]
    await eventually(lambda: "hello" in backend.held)
    subject = backend.bus.subjects.log(JobType.TRIGGERED, "hello", run)
    written = b"[01/01/2026 00:00:00 > 327e1e: INFO] hello\n"
    await backend.log(subject, f"output_{run}.log", 0, written)
    await backend.end_run("hello", output_log_bytes=len(written))
    await eventually(lambda: run in backend.runs["hello"] and backend.runs["hello"][run].ended_at)
    for path in (
        f"/api/jobs/triggered/hello/history/{run}",
        "/api/runs",
        f"/vfs/data/jobs/triggered/hello/{run}/output_log.txt",
        f"/api/jobs/triggered/hello/history/{run}/log",
    ):
        async with api.get(path, headers=VIEWER) as answer:
            assert answer.status == 200, (path, await answer.text())
    async with api.get("/api/events", headers=VIEWER) as answer:
        assert answer.status == 200


async def test_a_viewer_signs_in_and_out_and_chooses_a_clock(api: aiohttp.ClientSession) -> None:
    form = {"username": "eve", "password": "looks"}
    async with api.post("/login", data=form, allow_redirects=False) as answer:
        assert answer.status == 303
        (cookie,) = answer.cookies.values()
    own = {"Cookie": f"{cookie.key}={cookie.value}", "Sec-Fetch-Site": "same-origin"}
    async with api.get("/api/jobs", headers=own) as answer:
        assert answer.status == 200
    async with api.post("/api/jobs/triggered/hello/run", headers=own) as answer:
        assert answer.status == 403 and "'eve' is a viewer" in await answer.text()
    async with api.delete("/api/jobs/triggered/hello", headers={"Cookie": own["Cookie"]}) as answer:
        assert answer.status == 403
    for following, to in (("/pages/runs", "/pages/runs"), ("/\t/evil.example", "/"), ("//evil", "/")):
        clock = {"clock": "utc", "zone": "", "next": following}
        async with api.post("/pages/clock", data=clock, headers=own, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, to)
    async with api.post("/logout", headers=own, allow_redirects=False) as answer:
        assert answer.status == 303


async def test_pages_offer_a_viewer_nothing_that_would_be_refused(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    async with api.post("/api/jobs/triggered/hello/run", headers=ADMIN) as answer:
        run = answer.headers["Location"].rpartition("/")[2]
    await eventually(lambda: run in backend.runs.get("hello", {}))
    forms = re.compile(r'<form [^>]*method="post"[^>]* action="([^"]*)"')
    links = re.compile(r'href="([^"]*(?:/vfs/|/zip/|/pages/new)[^"]*)"')
    for path, offered in (
        ("/", 1),
        ("/pages/runs", 1),
        ("/?select=1", 2),
        ("/pages/runs?select=1", 1),
        ("/pages/new", 1),
        ("/pages/triggered/hello", 6),
        (f"/pages/triggered/hello/history/{run}", 1),
        ("/pages/continuous/worker", 5),
    ):
        found = {}
        for user, headers in (("ann", ADMIN), ("eve", VIEWER)):
            async with api.get(path, headers=headers) as answer:
                assert answer.status == 200
                text = await answer.text()
            assert (">eve (sees only)<" in text) == (user == "eve")
            found[user] = {*forms.findall(text), *links.findall(text)}
        assert len(found["ann"] - found["eve"]) >= offered, (path, found)
        assert set(forms.findall(text)) <= ALLOWED_CHANGES, path
        assert ("/pages/new" in text) == (path == "/pages/new"), path
        for link in links.findall(text):
            async with api.get(link, headers=VIEWER) as answer:
                assert answer.status != 403, link


async def test_refusals_are_problem_documents_where_errors_are(api: aiohttp.ClientSession) -> None:
    path = "/api/jobs/triggered/hello/history/201311080256000000"
    async with api.delete(path, headers=VIEWER) as answer:
        assert answer.content_type == "application/problem+json"
        assert "is a viewer" in json.loads(await answer.text())["detail"]
