"""Connections that wait for their client, on a real socket and with short limits."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from aiohttp import ClientSession, WSMsgType, web
from support.eventually import eventually, pause
from webjobs_service.connections import BodyTimedOut, Connections, ConnectionTerms, connections_within
from webjobs_service.http_server import serve_http
from webjobs_service.lifetime import cancel_all

LONG = 600.0
GET = b"GET /now HTTP/1.1\r\nHost: localhost\r\n\r\n"
Address = tuple[str, int]


def terms(**short: float) -> ConnectionTerms:
    return ConnectionTerms(**({"head": LONG, "idle": LONG, "body": LONG, "unread": LONG} | short))


def app() -> web.Application:
    """Answers at once, with what it read, in pieces for ever, or by websocket."""

    async def now(_request: web.Request) -> web.Response:
        return web.Response(text="now")

    async def read(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.read())))

    async def read_late(request: web.Request) -> web.Response:
        await pause(1.5, "the service is slow")
        return await read(request)

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(8):
            await pause(0.2, "the pace of the stream")
            await response.write(b".")
        await response.write_eof()
        return response

    async def large(_request: web.Request) -> web.Response:
        return web.Response(body=bytes(64 * 1024 * 1024))

    async def talk(request: web.Request) -> web.WebSocketResponse:
        page = web.WebSocketResponse()
        await page.prepare(request)
        async for message in page:
            await page.send_str(message.data)
        return page

    application = web.Application()
    application.add_routes(
        [
            web.get("/now", now),
            web.post("/read", read),
            web.post("/read-late", read_late),
            web.get("/stream", stream),
            web.get("/large", large),
            web.get("/talk", talk),
        ]
    )
    return application


@asynccontextmanager
async def served(limits: ConnectionTerms, open_files: int = 1024) -> AsyncIterator[Address]:
    async with serve_http(
        app(), "127.0.0.1", 0, open_files=open_files, shutdown_timeout=0.1, terms=limits
    ) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        yield host, int(port)


async def all_of(reader: asyncio.StreamReader) -> bytes:
    """What comes until the server closes the connection."""
    received = bytearray()
    async with asyncio.timeout(30):
        try:
            while chunk := await reader.read(65536):
                received += chunk
        except ConnectionResetError:
            pass
    return bytes(received)


async def answers(address: Address) -> bool:
    """Whether the server answers a new connection."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(GET)
        async with asyncio.timeout(30):
            return (await reader.readline()).startswith(b"HTTP/1.1 200")
    finally:
        writer.close()


async def test_a_connection_without_a_byte_is_closed() -> None:
    async with served(terms(head=0.3)) as address:
        reader, writer = await asyncio.open_connection(*address)
        assert await all_of(reader) == b""
        writer.close()


@pytest.mark.parametrize("before", [b"", GET])
async def test_a_head_that_does_not_end_is_answered_408_however_it_trickles(before: bytes) -> None:
    async with served(terms(head=0.6)) as address:
        reader, writer = await asyncio.open_connection(*address)
        if before:
            writer.write(before)
            assert b"200 OK" in await reader.readuntil(b"now")

        async def trickle() -> None:
            for byte in b"GET /now HTTP/1.1\r\nX: " + b"y" * 1000:
                writer.write(bytes([byte]))
                await pause(0.05, "the pace of the client")

        trickling = asyncio.create_task(trickle())
        answer = await all_of(reader)
        trickling.cancel()
        assert answer.startswith(b"HTTP/1.1 408 ") and b"Connection: close" in answer
        writer.close()


async def test_an_idle_connection_is_closed_and_until_then_serves_requests() -> None:
    async with served(terms(idle=0.8, head=LONG)) as address:
        reader, writer = await asyncio.open_connection(*address)
        for _ in range(3):
            writer.write(GET)
            assert b"200 OK" in await reader.readuntil(b"now")
            await pause(0.4, "shorter than a connection may be idle")
        assert await all_of(reader) == b""
        writer.close()


async def test_an_idle_connection_is_not_held_to_the_time_for_a_head() -> None:
    async with served(terms(head=0.3)) as address:
        reader, writer = await asyncio.open_connection(*address)
        for _ in range(2):
            writer.write(GET)
            assert b"200 OK" in await reader.readuntil(b"now")
            await pause(1, "longer than a head may take")
        writer.close()


@pytest.mark.parametrize("sent", [b"", b"abc"])
async def test_a_body_that_stops_is_answered_408(sent: bytes) -> None:
    async with served(terms(body=0.4)) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n" + sent)
        answer = await all_of(reader)
        assert answer.startswith(b"HTTP/1.1 408 ") and b"No byte of the body arrived for 0.4 s" in answer
        writer.close()


async def test_a_body_that_goes_on_may_take_any_time() -> None:
    async with served(terms(body=0.8, head=0.8)) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n")
        for _ in range(10):
            await pause(0.2, "the pace of the client")
            writer.write(b"x")
        assert (await reader.readuntil(b"\r\n\r\n10")).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_a_body_waits_for_a_slow_service_not_the_other_way_round() -> None:
    size = 8 * 1024 * 1024
    async with served(terms(body=0.5)) as address:
        reader, writer = await asyncio.open_connection(*address)
        head = f"POST /read-late HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n"
        writer.write(head.encode() + bytes(size))
        answer = await asyncio.wait_for(reader.readline(), 30)
        assert answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 413"))
        writer.close()


async def test_streams_and_websockets_are_not_idle() -> None:
    async with served(terms(head=0.3, idle=0.3, body=0.3, unread=0.3)) as (host, port):
        async with ClientSession(f"http://{host}:{port}") as session:
            async with session.get("/stream") as answer:
                assert await answer.read() == b"." * 8
            async with session.ws_connect("/talk") as socket_:
                await pause(1.5, "longer than any of the limits")
                await socket_.send_str("still here")
                assert (await socket_.receive()).type is WSMsgType.TEXT


async def test_a_client_that_does_not_read_is_cut_off() -> None:
    async with served(terms(unread=0.5)) as address:
        reader, writer = await asyncio.open_connection(*address, limit=1024)
        writer.write(GET.replace(b"/now", b"/large"))
        await pause(2.5, "the client does not read")
        assert len(await all_of(reader)) < 64 * 1024 * 1024
        writer.close()


async def test_a_client_that_reads_slowly_gets_everything() -> None:
    size = 64 * 1024 * 1024
    async with served(terms(unread=2.0)) as address:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(GET.replace(b"/now", b"/large"))
        await reader.readuntil(b"\r\n\r\n")
        taken = 0
        while taken < size:
            taken += len(await reader.readexactly(min(size - taken, 8 * 1024 * 1024)))
            await pause(0.4, "the pace of the client")
        writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET /now HTTP/1.1\r\n", GET])
async def test_more_connections_than_there_is_room_for_make_way_for_new_ones(sent: bytes) -> None:
    most = connections_within(400)
    async with served(terms(), open_files=400) as address:
        crowd: list[socket.socket] = []
        try:
            for _ in range(420):
                crowd.append(socket.socket())
                crowd[-1].setblocking(False)
                await asyncio.get_running_loop().sock_connect(crowd[-1], address)
                crowd[-1].send(sent)
            await eventually(lambda: answers(address))
            closed = [each for each in crowd if is_closed(each)]
            assert len(crowd) - len(closed) <= most
            assert crowd[0] in closed and crowd[-1] not in closed, "the oldest make way"
        finally:
            for each in crowd:
                each.close()


def is_closed(connection: socket.socket) -> bool:
    try:
        while True:
            if not connection.recv(65536):
                return True
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


async def test_without_an_idle_connection_a_new_one_is_refused_with_503() -> None:
    most = connections_within(0)
    async with served(terms(), open_files=0) as address:
        crowd = []
        for _ in range(most):
            reader, writer = await asyncio.open_connection(*address)
            writer.write(
                b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"
            )
            assert b" 100 " in await reader.readuntil(b"\r\n\r\n")  # the request is being handled
            crowd.append((reader, writer))
        reader, writer = await asyncio.open_connection(*address)
        assert (await all_of(reader)).startswith(b"HTTP/1.1 503 ")
        writer.close()
        for reader, writer in crowd:
            writer.write(b"x")
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            writer.close()


@pytest.mark.parametrize("open_files", [0, 100, 256, 400, 1024, 65536, 1_000_000])
def test_connections_leave_room_for_the_service(open_files: int) -> None:
    most = connections_within(open_files)
    assert most >= 16
    if open_files >= 256:
        assert open_files / 2 <= most <= open_files - 96


def test_what_a_late_body_says() -> None:
    assert str(BodyTimedOut(30.0)).startswith("No byte of the body arrived for 30 s.")


async def test_connections_are_looked_at_from_the_first_one_on() -> None:
    """A service without connections does not wake up for them."""
    transport, looked = asyncio.Transport(), []

    class Connection:
        def check(self, now: float) -> None:
            looked.append(now)

    connections = Connections(terms(head=0.04), 16)
    timers = len(cast(Any, asyncio.get_running_loop())._scheduled)
    watching = asyncio.create_task(connections.watch())
    try:
        for _ in range(2):  # it goes on after it had nothing to do
            await eventually(lambda: not connections._has_work.is_set())
            await asyncio.sleep(0)
            assert len(cast(Any, asyncio.get_running_loop())._scheduled) <= timers
            looked.clear()
            connections.opened(cast(Any, Connection()), transport)
            await eventually(lambda: looked)
            connections.closed(transport)
    finally:
        await cancel_all(watching)
