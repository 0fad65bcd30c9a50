"""Every route that reads a body: what is compressed wrongly, and what is too large."""

import asyncio
import gzip
import io
import re
import zlib
from collections.abc import Iterator

import aiohttp
import pytest
from support.fake_backend import FakeBackend
from webjobs_api.describe.operations import OPERATIONS
from webjobs_rules.job import JobType
from yarl import URL

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
PAGE = {"Accept": "text/html,*/*;q=0.8", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"}
PARTS = {"type": "triggered", "job": "hello", "path": "data/x.txt", "event": "PostDeployment"}
READERS = [
    # Method, path, type, an accepted body, its limit.
    ("POST", "/api/jobs/triggered/hello/run", JSON, b'{"arguments": "x"}', 229_376),
    ("PUT", "/api/jobs/triggered/hello/settings", JSON, b"{}", 65_536),
    ("PATCH", "/api/jobs/triggered/hello/settings", JSON, b"{}", 65_536),
    ("POST", "/api/settings", JSON, b'{"A": "b"}', 1_048_576),
    ("POST", "/api/hooks/publish/PostDeployment", JSON, b"{}", 1_048_576),
    ("POST", "/api/script-choice", JSON, b'{"names": ["run.sh"]}', 8_388_608),
    ("POST", "/api/jobs/actions", JSON, b'{"action": "run", "jobs": []}', 2_097_152),
    ("PUT", "/api/deployments/one", JSON, b'{"status": 4}', 65_536),
    ("POST", "/pages/clock", FORM, b"clock=utc", 1_048_576),
    ("POST", "/pages/triggered/hello/run", FORM, b"arguments=x", 229_376),
    ("POST", "/pages/triggered/hello/settings", FORM, b"schedule=", 1_048_576),
    ("POST", "/pages/settings", FORM, b"name=A&value=b", 1_048_576),
    ("POST", "/pages/jobs/actions", FORM, b"action=run", 1_048_576),
    ("POST", "/login", FORM, b"username=a&password=b", 16_384),
]
BROKEN = {
    "gzip": b"no gzip at all",
    "deflate": b"\xff\xff no deflate",
    "br": b"no brotli",
    "zstd": b"no zstd",
    "wibble": b"{}",
    "gzip, gzip": b"{}",
}


def bomb(size: int) -> bytes:
    pieces = zlib.compressobj(9, zlib.DEFLATED, 31)
    return pieces.compress(b" " * size) + pieces.flush()


def described() -> Iterator[tuple[str, str]]:
    """Every route that takes a body, but those that lead it on to a job."""
    for key, operation in OPERATIONS.items():
        method, _, path = key.partition(" ")
        if operation.body is not None and not operation.passes_on and method != "*":
            yield method, re.sub(r"\{(\w+)\}", lambda part: PARTS.get(part[1], "x"), path)


async def raw_status(url: str, head: str, *body: bytes) -> bytes:
    """What comes back for bytes as they are, the body some time after the head when there are several."""
    address = URL(url)
    assert address.host is not None and address.port is not None
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        for piece in (head.encode(), *body):
            writer.write(piece)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), 30)
    finally:
        writer.close()


async def test_no_route_takes_a_body_that_is_not_what_its_encoding_says(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    cut = gzip.compress(b"name=hello&clock=utc&username=a&password=b")[:-9]
    for method, path in described():
        for encoding, body in [*BROKEN.items(), ("gzip", cut)]:
            headers = {"Content-Encoding": encoding, "Content-Type": FORM if "pages" in path else JSON}
            async with api.request(
                method, path, headers=headers, data=body, allow_redirects=False, skip_auto_headers=["Accept"]
            ) as answer:
                text = await answer.text()
                assert answer.status in (400, 404, 415), (method, path, encoding, answer.status, text)


@pytest.mark.parametrize(
    ("method", "path", "media", "body", "limit"), READERS, ids=lambda each: str(each)[:40]
)
async def test_readers_decode_refuse_and_limit(
    api: aiohttp.ClientSession,
    backend: FakeBackend,
    method: str,
    path: str,
    media: str,
    body: bytes,
    limit: int,
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")

    async def ask(content: bytes, encoding: str, more: dict[str, str] | None = None) -> tuple[int, str, str]:
        headers = {
            "Content-Type": media,
            **({"Content-Encoding": encoding} if encoding else {}),
            **(more or {}),
        }
        async with api.request(
            method, path, headers=headers, data=io.BytesIO(content), allow_redirects=False
        ) as answer:
            return answer.status, answer.content_type, await answer.text()

    wrong = {encoding: await ask(content, encoding) for encoding, content in BROKEN.items()}
    assert {encoding: status for encoding, (status, *_) in wrong.items()} == {
        "gzip": 400,
        "deflate": 400,
        "br": 415,
        "zstd": 415,
        "wibble": 415,
        "gzip, gzip": 415,
    }
    assert "is not gzip" in wrong["gzip"][2] and "without Content-Encoding" in wrong["gzip"][2]
    assert "or as gzip or deflate" in wrong["br"][2]
    for content, encoding in ((b"x" * (limit + 1), ""), (bomb(limit + 1), "gzip")):
        assert len(content) < 20_000 or not encoding
        status, _, text = await ask(content, encoding)
        assert status == 413 and f"{limit:,} bytes" in text, text
    plain, compressed = await ask(body, ""), await ask(gzip.compress(body), "gzip")
    assert compressed[0] in (plain[0], 409), "409: the run of the first one goes on"


@pytest.mark.parametrize(("path", "advice"), [(each[1], "Go back") for each in READERS if each[2] == FORM])
async def test_a_form_that_is_too_large_is_answered_with_a_page(
    api: aiohttp.ClientSession, backend: FakeBackend, path: str, advice: str
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    headers = {"Content-Type": FORM, **PAGE}
    body = b"arguments=" + b"x" * 1_100_000
    async with api.post(path, headers=headers, data=io.BytesIO(body), allow_redirects=False) as answer:
        text = await answer.text()
        assert (answer.status, answer.content_type) == (413, "text/html"), text
        assert "larger than the limit of" in text
        assert advice in text or "put longer ones into a file" in text


async def test_a_broken_form_leaves_the_connection_open_for_the_page(api_url: str) -> None:
    body = b"no gzip at all"
    head = (
        "POST /pages/clock HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\nSec-Fetch-Mode: navigate\r\n"
        f"Content-Type: {FORM}\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n"
    )
    for pieces in ([body], [body[:3], body[3:]]):
        answer = await raw_status(api_url, f"{head}Connection: close\r\n\r\n", *pieces)
        assert answer.startswith(b"HTTP/1.1 400 ") and b"<h1>" in answer and b"is not gzip" in answer
    again = f"{head}\r\n{body.decode()}GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answer = await raw_status(api_url, again)
    assert answer.count(b"HTTP/1.1 ") == 2, "the next request on the connection is answered too"
