"""A real receiver of hooks on loopback, which can go down, come back and answer whatever a test wants."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from support.eventually import eventually
from webjobs_stack.ports import free_port


@dataclass(frozen=True)
class Call:
    """One request that came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def delivery_id(self) -> str:
        return self.headers["webhook-id"]


class Receiver:
    """What came, and how it is answered."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._context = context
        self.port = free_port()
        self.calls: list[Call] = []
        self.statuses: dict[str, int] = {}
        """By path; 200 for others."""
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self._runner: web.AppRunner | None = None

    def url(self, path: str = "/hook") -> str:
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}{path}"

    def of(self, path: str) -> list[Call]:
        """What came to this path."""
        return [call for call in self.calls if call.path == path]

    async def up(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._receive)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._context).start()

    async def down(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def has(self, count: int, path: str = "/hook", timeout: float = 10.0) -> list[Call]:
        """The calls of this path, once there are so many."""
        await eventually(lambda: len(self.of(path)) >= count, timeout)
        return self.of(path)

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.calls.append(Call(request.path, dict(request.headers), body))
        await self.may_answer.wait()
        status = self.statuses.get(request.path, 200)
        return web.Response(status=status, headers={"Location": "/moved"} if status == 302 else None)


@asynccontextmanager
async def receiving(context: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver that is up; by https when it has a certificate."""
    receiver = Receiver(context)
    await receiver.up()
    try:
        yield receiver
    finally:
        receiver.may_answer.set()
        await receiver.down()
