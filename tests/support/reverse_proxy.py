"""A reverse proxy on loopback that serves another server below a path of its own, as nginx would."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from yarl import URL

_OF_THIS_HOP = frozenset({"host", "connection", "transfer-encoding", "content-length", "keep-alive"})


@asynccontextmanager
async def reverse_proxy(target: str, prefix: str) -> AsyncIterator[str]:
    """Pass requests below the prefix on without it; yields the address that clients use, with the prefix."""
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def pass_on(request: web.Request) -> web.StreamResponse:
            headers = {
                name: value for name, value in request.headers.items() if name.lower() not in _OF_THIS_HOP
            }
            headers |= {
                "X-Forwarded-For": request.remote or "",
                "X-Forwarded-Proto": request.scheme,
                "X-Forwarded-Host": request.headers["Host"],
                "X-Forwarded-Prefix": prefix,
            }
            url = URL(target + request.raw_path.removeprefix(prefix), encoded=True)
            body = await request.read()
            async with session.request(
                request.method, url, headers=headers, data=body or None, allow_redirects=False
            ) as answer:
                response = web.StreamResponse(status=answer.status)
                for name, value in answer.headers.items():
                    if name.lower() not in _OF_THIS_HOP:
                        response.headers.add(name, value)
                await response.prepare(request)
                async for piece in answer.content.iter_any():
                    await response.write(piece)
                await response.write_eof()
                return response

        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", f"{prefix}/{{path:.*}}", pass_on)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            yield f"http://localhost:{runner.addresses[0][1]}{prefix}"
        finally:
            await runner.cleanup()
