"""No permitted input keeps the api from serving others: the largest of each kind is a matter of a moment."""

import io
import json
from collections.abc import Callable, Iterator
from itertools import product

import aiohttp
import pytest
from support.fake_backend import FakeBackend
from support.loop_time import loop_time, memory_set_aside
from webjobs_rules.arguments import MAX_ARGUMENTS_BYTES
from webjobs_rules.job import JobType
from yarl import URL

LONGEST = 0.2  # seconds of processor time in one step
JOB = "/api/jobs/triggered/hello"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
Request = tuple[str, str, str | None, bytes]
"""Method, address, type and body."""

MEGABYTE = 1024 * 1024 - 1024


def repeated(unit: str, size: int = MAX_ARGUMENTS_BYTES) -> str:
    return (unit * (size // len(unit.encode()) + 1))[:size]


def arguments() -> Iterator[Request]:
    """Requests to run a job."""
    for unit in ("a", "'", '"', "\\", "'a'", '"\\"', "a ", "é"):
        yield "POST", f"{JOB}/run", JSON, json.dumps({"arguments": repeated(unit)}).encode()
    percent = "".join(f"%{byte:02X}" for byte in repeated("é", MAX_ARGUMENTS_BYTES // 2).encode())
    yield "POST", f"{JOB}/run?arguments={percent}", None, b""
    yield "POST", f"{JOB}/run", FORM, b"arguments=" + b"%27a%27" * 32_000
    for body in (b"a&" * 110_000, b"arguments&" * 22_000, b"%41" * 70_000, b"&" * 220_000):
        yield "POST", f"{JOB}/run", FORM, body
    for body in (b'{"a":' * 40_000, b"[" * 220_000, b'{"' + b"a" * 220_000 + b'":1}', b'{"a":1,' * 30_000):
        yield "POST", f"{JOB}/run", JSON, body


def addresses() -> Iterator[Request]:
    """Requests with the longest address."""
    for query in (repeated("a&", 95_000), repeated("_=&", 95_000), "a" * 95_000, repeated("%41", 95_000)):
        yield "GET", f"/api/jobs?{query}", None, b""
    yield "GET", "/api/events?" + "&".join(f"job=job{number}" for number in range(9_000)), None, b""
    for path in (repeated("/a", 95_000), "/" * 95_000, "/api/vfs/" + "a" * 95_000, repeated("/%41", 95_000)):
        yield "GET", path, None, b""


def settings() -> Iterator[Request]:
    """Settings of a job, and app settings."""
    for text in ("[[]" + ",[]" * 21_000 + "]", "[" * 60_000, '"' + "\\u0001" * 10_000 + '"', "1" * 60_000):
        yield "PUT", f"{JOB}/settings", JSON, b'{"mine": ' + text.encode() + b"}"
    for value in (
        {"schedule": "0 0 0 " + repeated("1,", 400) + "1 * *"},
        {"time_zone": "x" * 60_000},
        {"env": {f"A{number}": "" for number in range(6_000)}},
        {f"schedul{number}": 1 for number in range(3_000)},
    ):
        yield "PUT", f"{JOB}/settings", JSON, json.dumps(value).encode()
    names = b",".join(b'"A%d":""' % number for number in range(80_000))
    yield "POST", "/api/settings", JSON, b"{" + names[: MEGABYTE - 20].rpartition(b",")[0] + b"}"
    yield "POST", "/api/settings", JSON, b'{"A": "' + b"\\u0041" * 170_000 + b'"}'
    yield "POST", "/api/settings", JSON, b'{"A": [' + b"[]," * 340_000 + b"1]}"
    yield "POST", "/api/hooks", JSON, b'{"url": "http://x/", "x": [' + b"[]," * 340_000 + b"1]}"
    yield "POST", f"{JOB}/run", JSON, b'{"arguments": [' + b"[]," * 70_000 + b"1]}"
    yield "POST", "/api/hooks/publish/PostDeployment", JSON, b"[" + b"[]," * 340_000 + b"1]"
    yield "POST", "/api/hooks", JSON, b'{"url": "http://x/' + b"%41" * 340_000 + b'"}'
    yield "POST", "/api/hooks", JSON, b'{"events": [' + b'"Success",' * 90_000 + b'"x"]}'


@pytest.mark.parametrize("requests", [arguments, addresses, settings])
async def test_the_largest_input_computes_for_a_moment_only(
    api: aiohttp.ClientSession, api_url: str, backend: FakeBackend, requests: Callable[[], Iterator[Request]]
) -> None:
    await backend.define(JobType.TRIGGERED, "hello")
    too_long = []
    with memory_set_aside():
        for method, address, content_type, body in requests():
            headers = {"Content-Type": content_type} if content_type else {}
            data = io.BytesIO(body) if body else None
            url = URL(api_url + address, encoded=True)
            with loop_time() as measured:
                async with api.request(
                    method,
                    url,
                    headers=headers,
                    data=data,
                    allow_redirects=False,
                ) as answer:
                    text = await answer.text()
            assert answer.status < 500, text
            if measured.longest >= LONGEST:
                too_long.append((method, address[:60], body[:60], measured))
    assert too_long == []


async def test_the_rarest_schedule_is_looked_ahead_in_a_moment(
    api: aiohttp.ClientSession, backend: FakeBackend
) -> None:
    schedules = ("0 0 0 29 2 1", "59 59 23 31 12 *", "* * * * * *", "0 0 0 31 1,3,5 0")
    with memory_set_aside():
        for schedule, zone in product(schedules, ("UTC", "Europe/Berlin")):
            await backend.define(
                JobType.TRIGGERED, "rare", settings={"schedule": schedule, "time_zone": zone}
            )
            with loop_time() as measured:
                async with api.get("/api/jobs/triggered/rare/schedule", params={"next": "100"}) as answer:
                    assert answer.status == 200
            assert measured.longest < LONGEST, (schedule, zone, measured)
