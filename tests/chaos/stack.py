"""Each part of webjobs as its own process: two apis, two histories, three runners, NATS and Postgres."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import aiohttp
from chaos.part import Part, Service
from support.eventually import eventually
from support.tcp_proxy import TcpProxy, tcp_proxy
from webjobs_stack.nats_server import NatsServer
from webjobs_stack.ports import free_port
from webjobs_stack.postgres import Postgres

RUNNERS = 3
MARKER = "CHAOS_FOLDER"
"""A variable of every service and script, whose value is the folder of the stack."""
_READY_SECONDS = 60.0


class ChaosStack:
    """Two apis, two histories and three runners, the last behind a line that can be cut."""

    def __init__(self, folder: Path, nats: NatsServer, line: TcpProxy, parts: Mapping[str, Part]) -> None:
        self.folder = folder
        self.line = line
        self.parts = parts
        self.apis: list[str] = []
        """Where they answer."""
        self.others: list[str] = []
        """Where the other services tell of their health."""
        self.names: dict[str, str] = {}
        """Of the services, by where they answer."""
        self._nats = nats

    @property
    def nats_url(self) -> str:
        """For an operator, who may do everything."""
        return self._nats.url

    @property
    def site(self) -> Path:
        """The folder with jobs that the first two runners share."""
        return self.folder / "data"

    async def is_ready(self) -> bool:
        """Whether every service says that it is healthy; what one says instead is in the error."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            for url in [*self.apis, *self.others]:
                try:
                    async with session.get(f"{url}/healthz") as answer:
                        assert answer.status == 200, f"{self.names[url]}: {await answer.text()}"
                except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
                    raise AssertionError(f"{self.names[url]}: {error!r}") from error
        return True

    def resume_all(self) -> None:
        """End every pause and cut."""
        for part in self.parts.values():
            part.resume()
        self.line.mend()


@contextlib.asynccontextmanager
async def chaos_stack(folder: Path) -> AsyncIterator[ChaosStack]:
    """All parts, ready; ended with the body."""
    nats = NatsServer(folder / "nats")
    postgres = Postgres(folder / "postgres", settings={"fsync": "off", "max_connections": "100"})
    parts = {"nats": Part("nats", nats), "postgres": Part("postgres", postgres)}
    async with contextlib.AsyncExitStack() as opened:
        for part in parts.values():
            await part.open()
            opened.push_async_callback(part.close)
        line = await opened.enter_async_context(tcp_proxy(nats.url))
        stack = ChaosStack(folder, nats, line, parts)
        for services in _services(stack, nats.url, line.url, postgres.url):
            parts.update(services)
            for part in services.values():
                await part.open()
            opened.push_async_callback(_close_together, list(services.values()))
        await eventually(stack.is_ready, _READY_SECONDS, interval=0.2)
        yield stack


async def _close_together(parts: Sequence[Part]) -> None:
    await asyncio.gather(*(part.close() for part in parts))


def _services(stack: ChaosStack, nats_url: str, line_url: str, database_url: str) -> list[dict[str, Part]]:
    """Ours, together with their like, in the order in which they are started."""

    def part(kind: str, number: int, nats: str, **variables: str) -> dict[str, Part]:
        name, port = f"{kind}-{number}", free_port()
        url = f"http://127.0.0.1:{port}"
        (stack.apis if kind == "api" else stack.others).append(url)
        stack.names[url] = name
        environment = {
            "PATH": os.environ["PATH"],
            "WEBJOBS_NATS_URL": nats,
            "WEBJOBS_PORT" if kind == "api" else "WEBJOBS_HEALTH_PORT": str(port),
            "WEBJOBS_LOG_FORMAT": "json",
            MARKER: str(stack.folder),
            **variables,
        }
        service = Service(f"webjobs_{kind}", environment, stack.folder / f"{name}.log")
        return {name: Part(name, service)}

    def runner(number: int) -> dict[str, Part]:
        data = stack.site if number < RUNNERS else stack.folder / "far"
        return part(
            "runner",
            number,
            nats_url if number < RUNNERS else line_url,
            WEBJOBS_DATA=str(data),
            WEBJOBS_TEMP=str(stack.folder),
            WEBJOBS_INSTANCE_ID=f"{number:06x}",
            WEBJOBS_RESTART_TIME="1",
            WEBJOBS_SLOTS="8",
        )

    def history(number: int) -> dict[str, Part]:
        return part(
            "history", number, nats_url, WEBJOBS_DATABASE_URL=database_url, WEBJOBS_HISTORY_SIZE="100000"
        )

    stack.site.mkdir()
    (stack.folder / "far").mkdir()
    return [
        {**history(1), **history(2)},
        {name: each for number in range(1, RUNNERS + 1) for name, each in runner(number).items()},
        {**part("api", 1, nats_url), **part("api", 2, nats_url)},
    ]
