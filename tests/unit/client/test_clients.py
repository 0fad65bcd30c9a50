"""Both clients: what they share and import, and how they treat connections and credentials."""

import asyncio
import inspect
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from support.both_clients import called, either_client, items_of
from webjobs_client import (
    AsyncClient,
    AsyncRun,
    Client,
    ContactLost,
    InvalidAnswer,
    InvalidRequest,
    Run,
    ServerFailed,
)
from webjobs_stack.ports import free_port

KINDS = pytest.mark.parametrize("kind", ["sync", "async"])


def signatures(kind: type) -> dict[str, list[tuple[str, Any, Any]]]:
    """Parameters of the public methods of a class."""
    return {
        name: [(each.name, each.kind, each.default) for each in inspect.signature(method).parameters.values()]
        for name, method in inspect.getmembers(kind, callable)
        if not name.startswith("_") or name == "__init__"
    }


@pytest.mark.parametrize(("sync", "asynchronous"), [(Client, AsyncClient), (Run, AsyncRun)])
def test_both_have_the_same_methods(sync: type, asynchronous: type) -> None:
    of_sync = signatures(sync)
    of_async = signatures(asynchronous)
    made, made_async = of_sync.pop("__init__"), of_async.pop("__init__")
    assert made_async[: len(made)] == made  # nats-py is for asyncio only
    assert {name for name, *_ in made_async[len(made) :]} <= {"nats", "nats_namespace"}
    assert of_async == of_sync
    assert len(of_sync) > 5
    for name in of_sync:
        parameters = list(inspect.signature(getattr(sync, name)).parameters)
        assert parameters[0] == "self" and "terms" not in parameters
        if name != "close" and name != "__init__":
            assert getattr(sync, name).__doc__ == getattr(asynchronous, name).__doc__ is not None


def test_the_waiting_client_imports_no_asyncio() -> None:
    code = (
        "import sys, webjobs_client; webjobs_client.Client('http://x').close(); "
        "print(*sorted({'aiohttp','asyncio','pydantic','rich','zipfile','yarl','nats'} & set(sys.modules)), "
        "*[name for name in sys.modules if name.startswith('webjobs_') and '.' not in name])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout.split() == ["webjobs_client"]


@asynccontextmanager
async def serving(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], **options: Any
) -> AsyncIterator[str]:
    """The address of a server that answers everything with this handler."""
    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port, **options).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@KINDS
async def test_paths_prefix_and_credentials_arrive_as_they_are(kind: str) -> None:
    seen: list[tuple[str, str]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.raw_path, request.headers.get("Authorization", "")))
        return web.json_response({"KEY": "value"})

    async with serving(handler) as url:
        with_user = url.replace("http://", "http://ann:s%20%C3%BC@")
        async with either_client(kind, f"{with_user}/web%20jobs/") as client:
            assert await client.do("app_settings") == {"KEY": "value"}
            assert await client.do("app_settings") == {"KEY": "value"}
            assert "ann" not in repr(client.client) and client.client.url == f"{url}/web%20jobs"
            answer = await client.do("request", "GET", "/api/vfs/a%2Fb%20c?x=%20")
            assert answer.body == b'{"KEY": "value"}'
    assert seen[0] == ("/web%20jobs/api/settings", "Basic YW5uOnMgw7w=")
    assert seen[2][0] == "/web%20jobs/api/vfs/a%2Fb%20c?x=%20"


@KINDS
async def test_all_tries_of_a_run_have_one_key(kind: str) -> None:
    keys: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        keys.append(request.headers["Idempotency-Key"])
        if len(keys) == 1:
            return web.Response(status=503, headers={"Retry-After": "0"})
        if len(keys) == 2:  # the answer is lost
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=202, headers={"Location": "http://x/history/77"})

    async with serving(handler) as url, either_client(kind, url) as client:
        run = await client.do("run", "j", ["a"])
        assert run.id == "77"
    assert len(keys) == 3 and len(set(keys)) == 1 and len(keys[0]) == 32


@KINDS
async def test_an_answer_that_breaks_off_is_no_answer(kind: str) -> None:
    tries: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        tries.append(request.method)
        response = web.StreamResponse(headers={"Content-Length": "10"})
        await response.prepare(request)
        await response.write(b"12345" if len(tries) < 3 else b"1234567890")
        if len(tries) < 3:
            assert request.transport is not None
            request.transport.close()
        return response

    async with serving(handler) as url:
        async with either_client(kind, url) as client:
            assert await client.do("log", "j", "1") == "1234567890"
        tries.clear()
        async with either_client(kind, url, retry_for=0) as client:
            with pytest.raises(ContactLost):
                await client.do("log", "j", "1")


@KINDS
async def test_a_connection_that_the_server_closed_meanwhile_is_made_again(kind: str) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response([])

    port = free_port()
    async with either_client(kind, f"http://127.0.0.1:{port}") as client:
        for _ in range(2):
            runner = web.ServerRunner(web.Server(handler))
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
            assert await client.do("hooks") == []
            await runner.cleanup()


@KINDS
async def test_nothing_listens(kind: str) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    async with either_client(kind, url, "ann", "secret", retry_for=0.2) as client:
        for asking in (client.do("hooks"), client.items("events"), client.items("follow_log", "j", "1")):
            with pytest.raises(ContactLost) as raised:
                await asking
            assert url in str(raised.value) and "secret" not in repr(raised.value)


@KINDS
async def test_an_upload_that_is_refused_before_its_end_has_its_reason(kind: str) -> None:
    async def handler(request: web.Request) -> web.Response:
        request.protocol.keep_alive(False)
        return web.Response(status=413, text="The body is larger than the limit of 1 bytes.")

    async with serving(handler) as url, either_client(kind, url, retry_for=0) as client:
        with pytest.raises((InvalidRequest, ContactLost)):
            await client.do("deploy", "j", b"x" * 20_000_000, file_name="run.sh")


@KINDS
async def test_another_program_at_the_address(kind: str) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text="<h1>hello</h1>", content_type="text/html")

    async with serving(handler) as url, either_client(kind, url, retry_for=0) as client:
        with pytest.raises(InvalidAnswer):
            await client.do("hooks")
        with pytest.raises(ContactLost, match="no stream of events"):
            await client.items("events")

    async def no_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-x\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(no_http, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with either_client(kind, f"http://127.0.0.1:{port}", retry_for=0) as client:
            with pytest.raises(ContactLost):
                await client.do("hooks")


@KINDS
async def test_an_iterator_that_is_left_closes_its_connection(kind: str) -> None:
    left = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            await response.write(b'id: 5\nevent: Failed\ndata: {"id": "e", "data": {}}\n\n')
            while True:
                await asyncio.sleep(0.05)  # between two signs of life
                await response.write(b": alive\n\n")
        except (ConnectionError, asyncio.CancelledError):
            left.set()
        return response

    async with serving(handler) as url, either_client(kind, url) as client:
        assert [event.name for event in await items_of(client.client.events, most=1)] == ["Failed"]
        async with asyncio.timeout(30):
            await left.wait()


@KINDS
async def test_a_server_that_fails_is_not_asked_again(kind: str) -> None:
    tries: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        tries.append(request.path)
        return web.Response(status=500, text="The api failed; its log says why.")

    async with serving(handler) as url, either_client(kind, url) as client:
        with pytest.raises(ServerFailed):
            await called(client.client.hooks)
    assert len(tries) == 1


@KINDS
@pytest.mark.parametrize(
    "url", ["127.0.0.1:8080", "ftp://x", "http://", "http://x:no", "http://x/?a=1", "http://[x"]
)
async def test_an_address_that_is_none(kind: str, url: str) -> None:
    with pytest.raises(InvalidRequest):
        async with either_client(kind, url.replace("http://", "http://ann:secret@")):
            pass


@KINDS
async def test_a_header_that_http_does_not_allow(kind: str) -> None:
    async with either_client(kind, "http://127.0.0.1:9", retry_for=0) as client:
        with pytest.raises((InvalidRequest, ContactLost)):
            await client.do("run", "j", idempotency_key="a\r\nX: b")


def test_credentials_of_the_environment_go_only_to_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBJOBS_URL", "http://env:1/x")
    monkeypatch.setenv("WEBJOBS_USERNAME", "ann")
    monkeypatch.setenv("WEBJOBS_PASSWORD", "secret")
    with (
        Client() as of_environment,
        Client("http://other") as other,
        Client("https://[::1]:444/p/") as number,
    ):
        assert of_environment.url == "http://env:1/x" and of_environment._transport._headers["Authorization"]
        assert "Authorization" not in other._transport._headers
        assert number.url == "https://[::1]:444/p"
    monkeypatch.delenv("WEBJOBS_URL")
    assert Client().url == "http://127.0.0.1:8080"
    assert AsyncClient(tls=ssl.create_default_context()).url == "http://127.0.0.1:8080"
