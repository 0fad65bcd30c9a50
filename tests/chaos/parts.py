"""Every part of webjobs as a process of its own that can be killed and paused, and is started again."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import aiohttp
import psutil
from support.eventually import eventually
from support.tcp_proxy import TcpProxy, tcp_proxy
from webjobs_stack.nats_server import NatsServer
from webjobs_stack.ports import free_port
from webjobs_stack.postgres import Postgres
from webjobs_stack.process import Child, spawn

RUNNERS = 3
MARKER = "CHAOS_FOLDER"
"""A variable of every service and script, whose value is the folder of the cluster."""
_RESTART_SECONDS = 0.3
_READY_SECONDS = 60.0
_STOP_SECONDS = 45.0


class _Server(Protocol):
    """What starts and waits for a process: a server of the stack, or one of our services."""

    @property
    def pid(self) -> int: ...

    async def start(self) -> object: ...

    async def wait(self) -> int: ...

    async def stop(self) -> None: ...


class _Service:
    """One of our services as a process, which ends with this one."""

    def __init__(self, module: str, environment: Mapping[str, str], log: Path) -> None:
        self._module = module
        self._environment = environment
        self._log = log
        self._child: Child | None = None

    @property
    def _running(self) -> Child:
        assert self._child is not None
        return self._child

    @property
    def pid(self) -> int:
        return self._running.pid

    async def start(self) -> None:
        with self._log.open("ab") as output:
            self._child = await spawn(
                [sys.executable, "-P", "-m", self._module],
                death_signal=signal.SIGTERM,
                output=output.fileno(),
                environment=self._environment,
            )

    async def wait(self) -> int:
        return await self._running.wait()

    async def stop(self) -> None:
        await self._running.stop(signal.SIGTERM, _STOP_SECONDS)


class Part:
    """A process under a name; when it ends it is started again, until `close`."""

    def __init__(self, name: str, server: _Server) -> None:
        self.name = name
        self._server = server
        self._is_up = False
        self._keeping: asyncio.Task[None] | None = None

    async def open(self) -> None:
        await self._start()
        self._keeping = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        while True:
            await self._server.wait()
            self._is_up = False  # another process may get its number
            await asyncio.sleep(_RESTART_SECONDS)
            await self._start()

    async def _start(self) -> None:
        await self._server.start()
        self._is_up = True

    async def close(self) -> None:
        assert self._keeping is not None
        self._keeping.cancel()
        await asyncio.gather(self._keeping, return_exceptions=True)
        self.resume()
        await self._server.stop()

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def kill_launcher(self) -> bool:
        """Kill the process that starts a runner's scripts; False when it has none at the moment."""
        if not self._is_up:
            return False
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            for child in psutil.Process(self._server.pid).children():
                if any("launcher" in word for word in child.cmdline()):
                    child.kill()
                    return True
        return False

    def _signal(self, number: signal.Signals) -> None:
        if self._is_up:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._server.pid, number)


class Cluster:
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
async def cluster(folder: Path) -> AsyncIterator[Cluster]:
    """All parts, ready; ended with the body."""
    nats = NatsServer(folder / "nats")
    postgres = Postgres(folder / "postgres", settings={"fsync": "off", "max_connections": "100"})
    parts = {"nats": Part("nats", nats), "postgres": Part("postgres", postgres)}
    async with contextlib.AsyncExitStack() as opened:
        for part in parts.values():
            await part.open()
            opened.push_async_callback(part.close)
        line = await opened.enter_async_context(tcp_proxy(nats.url))
        running = Cluster(folder, nats, line, parts)
        for services in _services(running, nats.url, line.url, postgres.url):
            parts.update(services)
            for part in services.values():
                await part.open()
            opened.push_async_callback(_close_together, list(services.values()))
        await eventually(running.is_ready, _READY_SECONDS, interval=0.2)
        yield running


async def _close_together(parts: Sequence[Part]) -> None:
    await asyncio.gather(*(part.close() for part in parts))


def _services(running: Cluster, nats_url: str, line_url: str, database_url: str) -> list[dict[str, Part]]:
    """Ours, together with their like, in the order in which they are started."""

    def part(kind: str, number: int, nats: str, **variables: str) -> dict[str, Part]:
        name, port = f"{kind}-{number}", free_port()
        url = f"http://127.0.0.1:{port}"
        (running.apis if kind == "api" else running.others).append(url)
        running.names[url] = name
        environment = {
            "PATH": os.environ["PATH"],
            "WEBJOBS_NATS_URL": nats,
            "WEBJOBS_PORT" if kind == "api" else "WEBJOBS_HEALTH_PORT": str(port),
            "WEBJOBS_LOG_FORMAT": "json",
            MARKER: str(running.folder),
            **variables,
        }
        service = _Service(f"webjobs_{kind}", environment, running.folder / f"{name}.log")
        return {name: Part(name, service)}

    def runner(number: int) -> dict[str, Part]:
        data = running.site if number < RUNNERS else running.folder / "far"
        return part(
            "runner",
            number,
            nats_url if number < RUNNERS else line_url,
            WEBJOBS_DATA=str(data),
            WEBJOBS_TEMP=str(running.folder),
            WEBJOBS_INSTANCE_ID=f"{number:06x}",
            WEBJOBS_RESTART_TIME="1",
            WEBJOBS_SLOTS="8",
        )

    def history(number: int) -> dict[str, Part]:
        return part(
            "history", number, nats_url, WEBJOBS_DATABASE_URL=database_url, WEBJOBS_HISTORY_SIZE="100000"
        )

    running.site.mkdir()
    (running.folder / "far").mkdir()
    return [
        {**history(1), **history(2)},
        {name: each for number in range(1, RUNNERS + 1) for name, each in runner(number).items()},
        {**part("api", 1, nats_url), **part("api", 2, nats_url)},
    ]
