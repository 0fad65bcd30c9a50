"""Requests that are led on to a job's own server arrive as they were sent, and so do its answers."""

import asyncio
import base64
import contextlib
import gzip
import hashlib
import itertools
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import psutil
import pytest
from aiohttp import WSMsgType
from integration.passthrough.conftest import FILES, PASS, Served, until_served
from pydantic import SecretStr
from support.eventually import eventually, stays
from support.runners import Caller, RunningRunner, runner_process, running_runner
from support.tcp_proxy import tcp_proxy
from webjobs_api.app import run_api
from webjobs_api.settings import ApiSettings
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobType
from yarl import URL

PREFIXES = ("/api/continuouswebjobs", "/api/continuousjobs", "/api/jobs/continuous", "/jobs/continuous")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND")


def headers_of(asked: dict[str, object]) -> dict[str, str]:
    pairs = asked["headers"]
    assert isinstance(pairs, list)
    return {name.lower(): value for name, value in pairs}


async def test_every_method_under_every_prefix_leads_to_the_job(
    served: Served, client: aiohttp.ClientSession
) -> None:
    for method, prefix in itertools.product(METHODS, PREFIXES):
        async with client.request(method, f"{prefix}/echo/passthrough/a/b") as answer:
            assert answer.status == 200
            assert answer.headers["X-WebJobs-Instance"] == served.runner_id
            asked = await answer.json()
        assert (asked["method"], asked["target"]) == (method, "/a/b")
        assert headers_of(asked)["x-forwarded-prefix"] == f"{prefix}/echo/passthrough"
    for method, prefix in itertools.product(METHODS, PREFIXES):
        async with client.request(method, f"{prefix}/echo/passthrough") as answer:
            asked = await answer.json()
        assert (asked["method"], asked["target"]) == (method, "/")


async def test_path_and_query_arrive_as_they_were_written(client: aiohttp.ClientSession) -> None:
    for target in ("/", "/a%2Fb/%2e%2e/c", "/x/", "//twice", "/a?q=%20+%C3%A4&q=2&empty=&?x", "/%zz"):
        async with client.get(URL(f"{PASS}{target}", encoded=True)) as answer:
            assert (await answer.json())["target"] == target


async def test_headers_arrive_but_those_of_the_first_hop(client: aiohttp.ClientSession) -> None:
    sent = {
        "X-Mine": "1",
        "Connection": "keep-alive, X-Hop",
        "X-Hop": "no",
        "TE": "trailers",
        "Cookie": "a=b",
        "Authorization": "Bearer of-the-job",
        "Accept-Encoding": "br",
        "X-Forwarded-For": "10.0.0.1",
    }
    async with client.get(f"{PASS}/x", headers=sent) as answer:
        asked = headers_of(await answer.json())
        assert answer.headers.getall("Set-Cookie") == ["a=1", "b=2"]
        assert answer.headers["X-Own"] == "yes"
    assert asked["x-mine"] == "1"
    assert asked["cookie"] == "a=b"
    assert asked["authorization"] == "Bearer of-the-job"
    assert asked["accept-encoding"] == "br"
    assert asked["host"] == "localhost"
    assert asked["x-forwarded-host"].startswith("127.0.0.1:")
    assert asked["x-forwarded-for"] == "10.0.0.1, 127.0.0.1"
    assert not {"x-hop", "te"} & set(asked)


async def test_a_compressed_body_arrives_as_it_was_sent(client: aiohttp.ClientSession) -> None:
    body = gzip.compress(b"hello" * 1000)
    async with client.post(f"{PASS}/x", data=body, headers={"Content-Encoding": "gzip"}) as answer:
        assert answer.status == 200, await answer.text()
        asked = await answer.json()
    assert headers_of(asked)["content-encoding"] == "gzip"
    assert (asked["size"], headers_of(asked)["content-length"]) == (5000, str(len(body))), "it decoded them"


async def test_the_codes_of_the_job_are_untouched(client: aiohttp.ClientSession) -> None:
    for number in (200, 201, 204, 302, 304, 404, 418, 500, 503):
        async with client.get(f"{PASS}/status/{number}", allow_redirects=False) as answer:
            assert (answer.status, answer.reason) == (number, "As Asked")
            assert await answer.text() == ("" if number in (204, 304) else "body")
        async with client.head(f"{PASS}/status/{number}", allow_redirects=False) as answer:
            assert answer.status == number


async def test_a_large_answer_arrives_whole(client: aiohttp.ClientSession) -> None:
    async with client.get(f"{PASS}/big?pieces=320") as answer:  # 20 MiB
        assert answer.headers["Transfer-Encoding"] == "chunked"
        digest = hashlib.sha256()
        async for piece in answer.content.iter_any():
            digest.update(piece)
    expected = hashlib.sha256(b"".join(number.to_bytes(8, "big") * 8192 for number in range(320)))
    assert digest.digest() == expected.digest()


async def test_a_large_body_arrives_whole(client: aiohttp.ClientSession) -> None:
    body = os.urandom(20 * 1024 * 1024)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 100_000):
            yield body[start : start + 100_000]

    for headers in ({}, {"Content-Length": str(len(body))}):
        async with client.put(f"{PASS}/digest", data=pieces(), headers=headers) as answer:
            assert await answer.json() == {"size": len(body), "digest": hashlib.sha256(body).hexdigest()}


async def test_each_event_of_a_stream_arrives_before_the_next_is_sent(client: aiohttp.ClientSession) -> None:
    async with client.get(f"{PASS}/ticks") as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        for number in range(3):
            async with asyncio.timeout(30):
                assert await answer.content.readuntil(b"\n\n") == f"data: {number}\n\n".encode()
            (await client.post(f"{PASS}/confirm")).release()
        assert await answer.content.read() == b""


async def test_a_job_that_answers_before_the_body_has_come_is_heard(client: aiohttp.ClientSession) -> None:
    async with client.put(f"{PASS}/refuse", data=b"x" * 100_000) as answer:
        assert (answer.status, await answer.text()) == (413, "too much for me")


async def test_an_answer_that_breaks_off_does_not_pass_for_a_whole_one(client: aiohttp.ClientSession) -> None:
    with pytest.raises(aiohttp.ClientPayloadError):
        async with client.get(f"{PASS}/broken") as answer:
            await answer.read()
    async with client.get(f"{PASS}/gone") as answer:
        assert answer.status == 502
        assert "gave no valid answer" in await answer.text()


async def test_a_hundred_requests_at_once_do_not_mix(client: aiohttp.ClientSession) -> None:
    async def ask(number: int) -> None:
        body = secrets.token_bytes(1000 * number)
        async with client.post(f"{PASS}/n?{number}", data=body) as answer:
            asked = await answer.json()
        assert asked["target"] == f"/n?{number}"
        assert asked["digest"] == hashlib.sha256(body).hexdigest()

    await asyncio.gather(*(ask(number) for number in range(100)))


async def test_a_websocket_carries_messages_of_both_kinds_both_ways(client: aiohttp.ClientSession) -> None:
    async with client.ws_connect(f"{PASS}/socket", protocols=["silent", "quiet"], max_msg_size=0) as socket:
        assert socket.protocol == "quiet"
        await socket.send_str("hello ä")
        assert await socket.receive_str() == "quiet: hello ä"
        await socket.ping(b"there?")
        data = os.urandom(3 * 1024 * 1024)
        await socket.send_bytes(data)
        assert await socket.receive_bytes() == data[::-1]
        await socket.send_str("bye")
        last = await socket.receive()
        assert (last.type, last.data, last.extra) == (WSMsgType.CLOSE, 4001, "as you wish")


async def test_a_long_message_passes_without_being_held_in_memory(
    served: Served, client: aiohttp.ClientSession
) -> None:
    piece = bytes(64 * 1024)
    async with client.ws_connect(f"{PASS}/socket", max_msg_size=0) as socket:
        assert socket._conn is not None and socket._conn.transport is not None
        transport = socket._conn.transport
        # The head of one binary message of 60 MiB, masked with zeros; then as much of it as is taken.
        transport.write(b"\x82\xff" + (60 * 1024 * 1024).to_bytes(8) + bytes(4))
        before = psutil.Process().memory_info().rss
        most = before
        for _ in range(60 * 16):
            transport.write(piece)
            await eventually(lambda: transport.get_write_buffer_size() <= len(piece), interval=0.001)
            most = max(most, psutil.Process().memory_info().rss)
        assert most - before < 20 * 1024 * 1024


async def test_a_websocket_closed_by_the_page_is_closed_for_the_job(
    served: Served, client: aiohttp.ClientSession
) -> None:
    log = served.data / "data" / "jobs" / "continuous" / "echo" / "job.log"
    async with client.ws_connect(f"{PASS}/socket") as socket:
        await socket.close(code=4002)
    await eventually(lambda: "socket ended 4002" in log.read_text())


async def test_a_websocket_that_the_job_does_not_take_gets_its_code(client: aiohttp.ClientSession) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await client.ws_connect(f"{PASS}/status/403")
    assert caught.value.status == 403


async def test_a_page_of_another_site_gets_no_websocket(client: aiohttp.ClientSession) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await client.ws_connect(f"{PASS}/socket", origin="http://evil.example")
    assert caught.value.status == 403


async def test_a_client_that_leaves_ends_the_connection_to_the_job(client: aiohttp.ClientSession) -> None:
    answer = await client.get(f"{PASS}/big?pieces=100000")
    await answer.content.readany()
    answer.close()
    async with client.get(f"{PASS}/after") as after:
        assert after.status == 200


async def test_headers_that_are_no_text_are_no_fault_of_the_server(client: aiohttp.ClientSession) -> None:
    url = client._base_url
    assert url is not None
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(f"GET {PASS}/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Odd: ".encode())
    writer.write(b"\xff\xfe caf\xe9\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.split(b" ")[1] in (b"200", b"400"), answer


async def test_a_job_that_is_stopped_answers_503_until_it_is_started(
    served: Served, client: aiohttp.ClientSession
) -> None:
    async with client.post("/api/continuouswebjobs/echo/stop") as answer:
        assert answer.status == 200

    async def says(words: str) -> bool:
        async with client.get(f"{PASS}/") as answer:
            return answer.status == 503 and words in await answer.text() and "Retry-After" in answer.headers

    await eventually(lambda: says("is stopped"))
    async with client.post("/api/continuouswebjobs/echo/start") as answer:
        assert answer.status == 200
    await until_served(client)


async def test_a_job_that_does_not_listen_is_told_apart_from_one_that_does_not_run(
    runner: RunningRunner, api: aiohttp.ClientSession, caller: Caller
) -> None:
    async def answer_is(status: int, words: str) -> bool:
        async with api.post(f"{PASS}/x", data=b"1" * 1000) as answer:
            return answer.status == status and words in await answer.text()

    assert await answer_is(404, "There is no continuous job named 'echo'")
    await caller.deploy(JobType.CONTINUOUS, "echo", {"run.sh": "exec sleep 1000"})
    await eventually(lambda: answer_is(503, "does not listen on its port 2"))
    await caller.deploy(JobType.CONTINUOUS, "echo", {"run.sh": "exit 0"})
    await eventually(lambda: answer_is(503, "No process of the job 'echo' is running"))
    await caller.set("WEBJOBS_STOPPED", "1")
    await eventually(lambda: answer_is(503, "WEBJOBS_STOPPED"))
    await runner.stop()
    await caller.set("WEBJOBS_STOPPED", None)
    await eventually(lambda: answer_is(503, "No runner is alive"))


async def test_the_credentials_of_the_api_are_not_shown_to_the_job(
    runner: RunningRunner, settings: ApiSettings, caller: Caller
) -> None:
    guarded = settings.model_copy(update={"username": "ann", "password": SecretStr("secret")})
    await caller.deploy(JobType.CONTINUOUS, "echo", FILES)
    async with run_api(guarded, {}) as url, aiohttp.ClientSession(url) as stranger:
        async with stranger.get(f"{PASS}/x") as answer:
            assert answer.status == 401
        basic = {"Authorization": "Basic " + base64.b64encode(b"ann:secret").decode()}
        async with aiohttp.ClientSession(url, headers=basic) as ann:
            await until_served(ann)
            async with ann.get(f"{PASS}/x") as answer:
                assert "authorization" not in headers_of(await answer.json())
        form = {"username": "ann", "password": "secret"}
        async with stranger.post("/login", data=form, allow_redirects=False) as answer:
            (session,) = answer.cookies.values()
        cookie = f"a=1; {session.key}={session.value}; webjobs_session_of_another_site=2"
        async with stranger.get(f"{PASS}/x", headers={"Cookie": cookie}) as answer:
            assert answer.status == 200
            assert headers_of(await answer.json())["cookie"] == "a=1"
        for origin in ({"Origin": "null"}, {}):  # a browser names one
            upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Cookie": cookie, **origin}
            async with stranger.get(f"{PASS}/socket", headers=upgrade) as answer:
                assert answer.status == 403


async def test_a_page_of_a_job_has_an_origin_of_its_own_and_no_power_over_sessions(
    served: Served, client: aiohttp.ClientSession, nats_url: str
) -> None:
    async with client.get(f"{PASS}/page") as answer:
        policies = answer.headers.getall("Content-Security-Policy")
        assert policies[0] == "img-src 'none'"
        assert policies[1].startswith("sandbox ") and "allow-same-origin" not in policies[1]
        assert answer.headers.getall("Set-Cookie") == ["own=1"]
        assert "Clear-Site-Data" not in answer.headers
    async with client.get(f"{PASS}/status/404") as answer:
        assert answer.headers["Content-Security-Policy"].startswith("sandbox ")
    trusting = ApiSettings(nats_url=nats_url, namespace=served.namespace, port=0, passthrough_sandbox=False)
    async with run_api(trusting, {}) as url, aiohttp.ClientSession(url) as other:
        async with other.get(f"{PASS}/page") as answer:
            assert answer.headers.getall("Content-Security-Policy") == ["img-src 'none'"]
            assert answer.headers.getall("Set-Cookie") == ["own=1"]


async def test_an_instance_can_be_chosen_and_the_first_one_answers_otherwise(
    bus: Bus, nats_url: str, api: aiohttp.ClientSession, caller: Caller, tmp_path: Path
) -> None:
    async with (
        running_runner(
            bus, nats_url, tmp_path, name="a", instance_id=f"0{secrets.token_hex(3)[1:]}"
        ) as first,
        running_runner(
            bus, nats_url, tmp_path, name="b", instance_id=f"f{secrets.token_hex(3)[1:]}"
        ) as second,
    ):
        await caller.deploy(JobType.CONTINUOUS, "echo", FILES)

        async def answerer(wanted: str = "") -> str:
            headers = {"X-WebJobs-Instance": wanted} if wanted else {}
            async with api.get(f"{PASS}/x", headers=headers) as answer:
                assert answer.status == 200, await answer.text()
                asked = await answer.json()
                assert asked["instance"] == answer.headers["X-WebJobs-Instance"]
                assert "x-webjobs-instance" not in headers_of(asked)
                return str(asked["instance"])

        assert await eventually(lambda: answerer(second.id)) == second.id
        assert await eventually(lambda: answerer(first.id)) == first.id
        assert await answerer() == first.id
        async with api.get(f"{PASS}/x", headers={"X-WebJobs-Instance": "ffffff"}) as answer:
            assert answer.status == 503
            assert "no living instance 'ffffff'" in await answer.text()
        await first.stop()
        assert await eventually(answerer) == second.id


async def test_a_lost_connection_to_nats_ends_what_is_under_way_and_nothing_else(
    bus: Bus, nats_url: str, settings: ApiSettings, runner: RunningRunner, caller: Caller
) -> None:
    await caller.deploy(JobType.CONTINUOUS, "echo", FILES)
    async with tcp_proxy(nats_url) as line:
        far = settings.model_copy(update={"nats_url": line.url})
        async with run_api(far, {}) as url, aiohttp.ClientSession(url) as api:
            await until_served(api)
            async with api.get(f"{PASS}/ticks") as under_way:
                await under_way.content.readuntil(b"\n\n")
                await line.close()
                with pytest.raises(aiohttp.ClientPayloadError):
                    async with asyncio.timeout(30):
                        await under_way.content.read()
            await until_served(api)


async def test_a_killed_runner_ends_its_connections_within_seconds(
    bus: Bus, nats_url: str, api: aiohttp.ClientSession, caller: Caller, tmp_path: Path
) -> None:
    async with runner_process(bus, nats_url, tmp_path) as runner:
        await caller.deploy(JobType.CONTINUOUS, "echo", FILES)
        await until_served(api)
        async with api.ws_connect(f"{PASS}/socket") as socket:
            await runner.kill()

            async def is_over() -> bool:
                with contextlib.suppress(ConnectionError):
                    await socket.send_str("anybody there?")
                with contextlib.suppress(TimeoutError):
                    message = await socket.receive(timeout=0.2)
                    return message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED)
                return False

            await eventually(is_over)


async def test_two_jobs_and_two_runners_never_share_a_port(
    bus: Bus, nats_url: str, api: aiohttp.ClientSession, caller: Caller, tmp_path: Path
) -> None:
    script = f"echo $WEBJOBS_PORT >> {tmp_path}/ports; exec sleep 1000"
    async with (
        running_runner(bus, nats_url, tmp_path, name="a"),
        running_runner(bus, nats_url, tmp_path, name="b"),
    ):
        for number in range(5):
            await caller.deploy(JobType.CONTINUOUS, f"job{number}", {"run.sh": script})
        ports = tmp_path / "ports"
        await eventually(lambda: ports.exists() and len(ports.read_text().split()) == 10)
    assert len(set(ports.read_text().split())) == 10


async def raw(api: aiohttp.ClientSession, head: str) -> int:
    """The status of the answer to a request that is written by hand."""
    url = api._base_url
    assert url is not None
    reader, writer = await asyncio.open_connection(url.host, url.port)
    first, _, rest = head.partition("\r\n")
    writer.write("\r\n".join([first, "Host: localhost", *([rest] if rest else []), "", ""]).encode())
    async with asyncio.timeout(30):
        line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return int(line.split()[1])


async def test_nothing_that_is_asked_is_a_fault_of_the_server(
    served: Served, client: aiohttp.ClientSession
) -> None:
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket"
    hostile = {
        "GET /api/continuouswebjobs/%2e%2e/passthrough/x HTTP/1.1": {400},
        "GET /api/continuouswebjobs/%00/passthrough/x HTTP/1.1": {400},
        f"GET /api/continuouswebjobs/{'a' * 300}/passthrough/x HTTP/1.1": {400},
        "GET /api/continuouswebjobs/%ff%fe/passthrough/x HTTP/1.1": {400, 404},
        f"GET {PASS}/%00%0d%0a..%2f HTTP/1.1": {200},
        f"GET {PASS}/../../../../x HTTP/1.1": {200, 404},
        f"TRACE {PASS}/x HTTP/1.1": {200, 405},
        f"CONNECT {PASS}/x HTTP/1.1": {200, 400, 404},
        f"BREW {PASS}/x HTTP/1.1": {200, 400},
        f"GET {PASS}/x HTTP/1.1\r\nX-WebJobs-Instance: {'ü' * 300}": {503},
        f"GET {PASS}/x HTTP/1.1\r\nConnection: , ,,close": {200},
        f"GET {PASS}/x HTTP/1.1\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA": {200},
        f"GET {PASS}/socket HTTP/1.1\r\n{upgrade}": {400, 426},
        f"GET {PASS}/socket HTTP/1.1\r\n{upgrade}\r\nSec-WebSocket-Version: 99": {400, 426},
        f"POST {PASS}/socket HTTP/1.1\r\n{upgrade}\r\nSec-WebSocket-Key: !": {400, 405, 426},
        f"POST {PASS}/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz": {400},
    }
    for head, expected in hostile.items():
        assert await raw(client, head) in expected, head
    await until_served(client)


async def test_a_slow_client_holds_the_job_back_instead_of_filling_memory(
    served: Served, client: aiohttp.ClientSession
) -> None:
    pids = [pid for pid in psutil.pids() if is_echo_server_of(pid, served)]
    assert len(pids) == 1
    job = psutil.Process(pids[0])
    async with client.get(f"{PASS}/big?pieces=4000000") as answer:  # 256 GB
        await answer.content.readany()

        async def stands_still() -> bool:
            before = job.cpu_times()
            await stays(lambda: job.cpu_times() == before, 0.2)
            return True

        await eventually(stands_still)
        size = psutil.Process().memory_info().rss
        await stays(lambda: psutil.Process().memory_info().rss - size < 4 * 1024 * 1024, 0.3)
        answer.close()
    async with client.get(f"{PASS}/after") as after:
        assert after.status == 200


def is_echo_server_of(pid: int, served: Served) -> bool:
    try:
        return f"WEBSITE_INSTANCE_ID={served.runner_id}".encode() in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
