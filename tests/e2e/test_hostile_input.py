"""Every route there is, asked for what cannot be: the answer is always a sentence, and never a 5xx.

The routes are those of the table itself, so that a new one is asked too.
"""

import asyncio
import io
import re
from collections.abc import AsyncIterator, Iterable
from itertools import islice

import aiohttp
import pytest
import pytest_asyncio
from support.archives import zip_of
from support.client import Client, job_url, unique
from support.stack import RunningStack
from webjobs_api.http.dialects import LEGACY, dialect_of
from webjobs_api.routes import routes
from yarl import URL

ANY_METHOD = ("GET", "POST", "PUT", "DELETE", "PATCH")
ROUTES = sorted(
    {
        (method, route.path)
        for route in routes()
        for method in (ANY_METHOD if route.method == "*" else (route.method,))
    }
)
# What lies behind the address is the same in every dialect.
FIRST = [
    route
    for route in ROUTES
    if dialect_of(route[1].replace("{type:triggered|continuous}", "triggered")) is LEGACY
]


def every(routes: list[tuple[str, str]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("method", "path"), routes, ids=[" ".join(each) for each in routes])


NAMES = (
    "..",
    "%2e%2e",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "%2F",
    "%5C..%5C",
    "%00",
    "a%00b",
    "x" * 300,
    "x" * 5000,
    "%F0%9F%92%A9",
    "%C0%AF",
    "%ff%fe",
    "%0d%0aSet-Cookie:%20a=b",
    "%E2%80%AE",
    ".hidden",
    "%20",
    "*",
    "%3E",
    "a.*.b",
    "%7Bjob%7D",
    "%25s%25n",
    "'%22%3Cscript%3E",
    "-1",
    "99999999999999999999",
)
QUERIES = (
    "arguments=%00&offset=x&next=0&type=..&job=%00&event=*&name=%3E&timeout=nan",
    "arguments=%ff&follow=maybe&offset=-1&next=-1&limit=-1&filter=%5B",
    "arguments=%22&follow=1&offset=99999999999999999999&next=99999999999999999999&limit=99999999999999999999",
    "arguments=" + "x" * 6000,
    "recursive=x&next=x&limit=nan&type=%00",
    "&&=&%",
)
HEADERS = (
    {"If-None-Match": 'W/"', "If-Match": '"x', "Range": "bytes=9-1", "Accept": ";;,=q"},
    {"If-None-Match": "\x80,,,*", "Range": "bytes=99999999999999999999-", "Idempotency-Key": "\x80 a"},
    {"If-Modified-Since": "yesterday", "Range": "potatoes=a-b", "Last-Event-ID": "x", "Cookie": "\x80=;"},
    {"Authorization": "Basic !!!", "Accept-Encoding": "\x80", "Last-Event-ID": "99999999999999999999"},
    {"Content-Type": "=;;/", "Content-Disposition": 'attachment; filename="', "Last-Event-ID": "-1"},
    {"Content-Type": "multipart/form-data", "Idempotency-Key": "x" * 4000},
    {"Content-Disposition": "attachment; filename*=utf-8''%ff", "traceparent": "00-x"},
    {"Referer": "http://[", "x-ms-geo-location": "\x80", "User-Agent": "\x80" * 3000},
    {"Origin": "http://[", "X-Forwarded-For": "\x80", "X-Forwarded-Host": '"'},
    {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "x"},
)
NOT_TEXT = (
    (
        b"Accept",
        b"If-None-Match",
        b"Range",
        b"Idempotency-Key",
        b"User-Agent",
        b"Referer",
        b"x-ms-geo-location",
    ),
    (b"If-Match", b"Last-Event-ID", b"Content-Disposition", b"Content-Type", b"traceparent", b"Cookie"),
)
SCRIPT = {"Content-Disposition": "attachment; filename=run.sh"}
ARCHIVE = zip_of({"readme.txt": "nothing to run"})
BODIES = (
    ("application/json", b""),
    ("application/json", b"{"),
    ("application/json", b"[]"),
    ("application/json", b"null"),
    ("application/json", b'"text"'),
    ("application/json", b"{}"),
    ("application/json", b'{"\\ud800": "\\udfff"}'),
    ("application/json", b"\xff\xfe\x00"),
    ("application/json", b'{"a":' * 20_000),
    ("application/json", b"[" * 100_000),
    ("application/json", b'{"schedule": 5, "retry": [], "env": "x", "url": {}, "event": 1, "key": []}'),
    ("application/json", b'{"properties": {"settings": "x"}}'),
    ("application/json", b'{"a": "' + b"x" * 2_000_000 + b'"}'),
    ("application/zip", b""),
    ("application/zip", b"PK\x03\x04 no archive at all"),
    ("application/zip", ARCHIVE[:-10]),
    ("application/zip", ARCHIVE),
    ("application/zip", zip_of({"../run.sh": "echo"})),
    ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n--x--"),
    ("multipart/form-data", b"no boundary"),
    ("application/x-www-form-urlencoded", b"arguments=%00&arguments=%ff&=&%"),
    ("text/html; charset=no-such-thing", b"\xff"),
    ("application/octet-stream", b"\x00" * 1000),
)


@pytest.fixture(scope="module")
def jobs() -> dict[str, str]:
    """Names of a job of each type."""
    return {"triggered": unique("asked"), "continuous": unique("asked")}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def base(stack: RunningStack, jobs: dict[str, str]) -> AsyncIterator[str]:
    """The api, with these jobs deployed."""
    async with aiohttp.ClientSession() as session:
        client = Client(session, stack.url)
        await client.put_script("triggered", jobs["triggered"], "echo")
        await client.put_script("continuous", jobs["continuous"], "sleep 1000")
        yield stack.url
        for job_type, name in jobs.items():
            await client.delete(job_url(job_type, name))


def filled(path: str, jobs: dict[str, str], values: dict[str, str]) -> str:
    """The path with a value for each of its parts: the given one, else one that could be."""
    fitting = {
        "type": "triggered",
        "app_data": "App_Data",
        "job": jobs[
            "continuous" if "continuous" in path.replace("triggered|continuous", "") else "triggered"
        ],
        "id": "201311080256000000",
        "path": "a/b",
    }
    return re.sub(
        r"\{(\w+)(?::(?:[^{}]|\{[^}]*\})*)?\}",
        lambda part: values.get(part[1], fitting.get(part[1], "x")),
        path,
    )


async def check(session: aiohttp.ClientSession, method: str, url: str, **options: object) -> None:
    """Ask, and expect an answer in good time: not a fault of the server, and if a refusal then a sentence."""
    what = (method, url[:300], str(options)[:300])
    async with (
        asyncio.timeout(20),
        session.request(method, URL(url, encoded=True), allow_redirects=False, **options) as answer,  # type: ignore[arg-type]
    ):
        away = answer.status == 503 and "/passthrough" in url  # the job does not listen
        assert answer.status < 500 or away, (what, await answer.text())
        if answer.status >= 400:
            said = await answer.text()
            assert len(said) > 15 and "Traceback" not in said, (what, answer.status, said)


async def check_all(requests: Iterable[tuple[str, str, dict[str, object]]]) -> None:
    """A few at a time."""
    waiting = iter(requests)
    async with aiohttp.ClientSession() as session:
        while batch := list(islice(waiting, 8)):
            async with asyncio.TaskGroup() as group:
                for method, url, options in batch:
                    group.create_task(check(session, method, url, **options))


@every(ROUTES)
async def test_names_that_cannot_be(base: str, jobs: dict[str, str], method: str, path: str) -> None:
    parts = set(re.findall(r"\{(\w+)", path)) - {"type", "app_data"}
    names = NAMES if (method, path) in FIRST else NAMES[:6]
    await check_all(
        (method, base + filled(path, jobs, {part: name}), {}) for part in sorted(parts) for name in names
    )


@every(FIRST)
async def test_queries_and_headers_that_mean_nothing(
    base: str, jobs: dict[str, str], method: str, path: str
) -> None:
    if method == "DELETE":
        jobs = {job_type: "absent" for job_type in jobs}
    url = base + filled(path, jobs, {})
    await check_all(
        [
            *((method, f"{url}?{query}", {}) for query in QUERIES),
            *((method, url, {"headers": headers}) for headers in HEADERS),
        ]
    )


@every([route for route in FIRST if route[0] in ("POST", "PUT", "PATCH")])
async def test_bodies_that_mean_nothing(base: str, jobs: dict[str, str], method: str, path: str) -> None:
    url = base + filled(path, jobs, {})
    await check_all(
        (method, url, {"data": io.BytesIO(body), "headers": {"Content-Type": content_type}})
        for content_type, body in BODIES
    )


@every([route for route in FIRST if route[0] in ("POST", "PUT", "PATCH")])
async def test_bodies_that_are_not_encoded_as_they_say(
    base: str, jobs: dict[str, str], method: str, path: str
) -> None:
    url = base + filled(path, jobs, {})
    await check_all(
        (method, url, {"data": io.BytesIO(b"plain"), "headers": {"Content-Encoding": encoding, **SCRIPT}})
        for encoding in ("gzip", "deflate", "br", "no-such-thing")
    )


@every([route for route in ROUTES if route not in FIRST or not LEGACY.has(route[1])])
async def test_headers_that_are_no_text(base: str, jobs: dict[str, str], method: str, path: str) -> None:
    if method == "DELETE":
        jobs = {job_type: "absent" for job_type in jobs}
    host = base.removeprefix("http://")
    head = f"{method} {filled(path, jobs, {})} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n".encode()
    for names in NOT_TEXT:
        reader, writer = await asyncio.open_connection(*host.split(":"))
        writer.write(
            head + b"".join(b"%s: \xff\xfe\r\n" % name for name in names) + b"Content-Length: 0\r\n\r\n"
        )
        async with asyncio.timeout(20):
            status = int((await reader.readline()).split()[1])
        writer.close()
        await writer.wait_closed()
        assert status < 500 or (status == 503 and "passthrough" in path), (method, path, names, status)


async def test_forms_that_mean_nothing(base: str, jobs: dict[str, str]) -> None:
    buttons = [
        f"{base}/pages/triggered/{jobs['triggered']}/run",
        f"{base}/pages/continuous/{unique('no')}/stop",
    ]
    await check_all(
        (
            "POST",
            url,
            {"data": io.BytesIO(body), "headers": {"Content-Type": content_type}},
        )
        for url in buttons
        for content_type, body in BODIES
    )


async def test_addresses_and_methods_that_are_not_there(base: str) -> None:
    async with aiohttp.ClientSession(base) as session:
        async with session.get("/api/jobz") as answer:
            assert (answer.status, "/docs" in await answer.text()) == (404, True)
        async with session.delete("/api/webjobs") as answer:
            assert (answer.status, "GET" in await answer.text()) == (405, True)
            assert "GET" in answer.headers["Allow"]
