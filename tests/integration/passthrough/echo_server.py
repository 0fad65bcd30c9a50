"""A job that serves HTTP on WEBJOBS_PORT: what it was asked, byte for byte, and answers of every kind."""

import asyncio
import hashlib
import os
import sys

from aiohttp import web


async def echo(request: web.Request) -> web.Response:
    body = await request.read()
    asked = {
        "method": request.method,
        "target": request.raw_path,
        "headers": [list(pair) for pair in request.headers.items()],
        "size": len(body),
        "digest": hashlib.sha256(body).hexdigest(),
        "instance": os.environ["WEBSITE_INSTANCE_ID"],
    }
    return web.json_response(asked, headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Own", "yes")])


async def page(_request: web.Request) -> web.Response:
    """A page that would end a session, or make one of its own."""
    headers = [
        ("Set-Cookie", "webjobs_session_0123456789ab=mine; Path=/"),
        ("Set-Cookie", "=webjobs_session_0123456789ab=mine; Path=/"),
        ("Set-Cookie", "own=1"),
        ("Clear-Site-Data", '"cookies"'),
        ("Content-Security-Policy", "img-src 'none'"),
    ]
    return web.Response(text="<script>1</script>", content_type="text/html", headers=headers)


async def status(request: web.Request) -> web.Response:
    number = int(request.match_info["number"])
    return web.Response(status=number, reason="As Asked", text="" if number in (204, 304) else "body")


async def big(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for number in range(int(request.query["pieces"])):
        await response.write(number.to_bytes(8, "big") * 8192)
    await response.write_eof()
    return response


async def ticks(request: web.Request) -> web.StreamResponse:
    """Server-sent events, the next one only when its predecessor was confirmed."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for number in range(3):
        await response.write(f"data: {number}\n\n".encode())
        await confirmed.get()
    return response


async def confirm(_request: web.Request) -> web.Response:
    confirmed.put_nowait(None)
    return web.Response()


async def digest_of_stream(request: web.Request) -> web.Response:
    digest, size = hashlib.sha256(), 0
    async for piece in request.content.iter_any():
        digest.update(piece)
        size += len(piece)
    return web.json_response({"size": size, "digest": digest.hexdigest()})


async def refuse_early(_request: web.Request) -> web.Response:
    return web.Response(status=413, text="too much for me")


async def break_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b"half")
    assert request.transport is not None
    request.transport.abort()
    return response


async def hang_up(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def socket(request: web.Request) -> web.WebSocketResponse:
    answer = web.WebSocketResponse(protocols=["loud", "quiet"], max_msg_size=0)
    await answer.prepare(request)
    async for message in answer:
        if message.data == "bye":
            await answer.close(code=4001, message=b"as you wish")
        elif isinstance(message.data, str):
            await answer.send_str(f"{answer.ws_protocol}: {message.data}")
        else:
            await answer.send_bytes(message.data[::-1])
    sys.stdout.write(f"socket ended {answer.close_code}\n")
    sys.stdout.flush()
    return answer


async def main() -> None:
    app = web.Application(client_max_size=0)
    app.router.add_get("/status/{number}", status)
    app.router.add_get("/page", page)
    app.router.add_get("/big", big)
    app.router.add_get("/ticks", ticks)
    app.router.add_post("/confirm", confirm)
    app.router.add_put("/digest", digest_of_stream)
    app.router.add_put("/refuse", refuse_early)
    app.router.add_get("/broken", break_off)
    app.router.add_get("/gone", hang_up)
    app.router.add_get("/socket", socket)
    app.router.add_route("*", "/{rest:(?s:.*)}", echo)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(os.environ["WEBJOBS_PORT"])).start()
    await asyncio.Event().wait()


confirmed: "asyncio.Queue[None]" = asyncio.Queue()
if __name__ == "__main__":
    asyncio.run(main())
