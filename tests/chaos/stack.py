"""Each part of webjobs as its own process: two apis, two histories, three runners, NATS and Postgres."""

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import asyncpg
from chaos.far_disk import FarDisk, far_disk
from chaos.nats_nodes import Lines, NatsNodes, lines_to, nats_nodes
from chaos.part import Part, Service
from support.eventually import eventually
from webjobs_stack.ports import free_port
from webjobs_stack.postgres import Postgres

RUNNERS = 3
FAR_RUNNER = f"runner-{RUNNERS}"
"""The runner with a disk of its own, and a line to NATS that can be cut."""
MARKER = "CHAOS_FOLDER"
"""A variable of every service and script, whose value is the folder of the stack."""
_READY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ServicePart:
    """One of our services: its process, and where that answers."""

    part: Part
    service: Service
    url: str

    @property
    def instance(self) -> str:
        """Instance id of a runner; empty of others."""
        return self.service.environment.get("WEBJOBS_INSTANCE_ID", "")

    @property
    def name(self) -> str:
        """Kind and number."""
        return self.part.name


@dataclass(frozen=True, slots=True)
class ChaosStack:
    """All processes, by name, and the means to break what connects them.

    Attributes:
        folder: Holds everything.
        nats: The server, or those of a cluster.
        postgres: The server.
        line: From the last runner to NATS.
        disk: Of the last runner.
        services: Ours.
        parts: All processes, the two servers included.
    """

    folder: Path
    nats: NatsNodes
    postgres: Postgres
    line: Lines
    disk: FarDisk
    services: Mapping[str, ServicePart]
    parts: Mapping[str, Part]

    @property
    def nats_url(self) -> str:
        """For an operator, who may do everything."""
        return self.nats.url

    @property
    def apis(self) -> list[str]:
        """Where they answer."""
        return [self.services[name].url for name in ("api-1", "api-2")]

    @property
    def sites(self) -> list[Path]:
        """The site folders: the first two runners share one."""
        return [self.folder / "near", self.folder / "far"]

    def runner_of(self, instance: str) -> str:
        """Name of the runner with this instance id."""
        return next(name for name, each in self.services.items() if each.instance == instance)

    async def is_ready(self) -> bool:
        """Whether every service says that it is healthy; what one says instead is in the error."""
        return await are_healthy(self.services.values())

    def heal(self) -> None:
        """End every pause and cut, and make room on the disk."""
        for part in self.parts.values():
            part.resume()
        self.line.mend()
        self.disk.free()

    @contextlib.asynccontextmanager
    async def with_rebuilt_history(self) -> AsyncIterator[None]:
        """While the body runs, a history answers whose database was empty before, and no other."""
        usual = [self.services[name].part for name in ("history-1", "history-2")]
        await close_together(usual)
        name = f"rebuilt_{secrets.token_hex(4)}"
        connection = await asyncpg.connect(self.postgres.url)
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()
        rebuilt = history_part("history-rebuilt", self.folder, self.nats, self.postgres.url_of(name))
        await rebuilt.part.open()
        try:
            await eventually(lambda: are_healthy([rebuilt]), _READY_SECONDS, interval=0.1)
            yield
        finally:
            await rebuilt.part.close()
            await asyncio.gather(*(part.open() for part in usual))
            await eventually(self.is_ready, _READY_SECONDS, interval=0.1)


@contextlib.asynccontextmanager
async def chaos_stack(folder: Path) -> AsyncIterator[ChaosStack]:
    """All parts, ready; ended with the body."""
    nats = nats_nodes(folder)
    postgres = Postgres(folder / "postgres", settings={"fsync": "off", "max_connections": "100"})
    servers = [*nats.parts, Part("postgres", postgres, signal.SIGINT)]
    async with contextlib.AsyncExitStack() as opened:
        opened.push_async_callback(close_together, servers)
        await asyncio.gather(*(part.open() for part in servers))
        line = await opened.enter_async_context(lines_to(nats))
        services = {each.name: each for each in _services(folder, nats, line.url, postgres.url)}
        far = services[FAR_RUNNER]
        disk = opened.enter_context(far_disk(folder / "far", far.part, far.service))
        parts = {part.name: part for part in [*servers, *(each.part for each in services.values())]}
        stack = ChaosStack(folder, nats, postgres, line, disk, services, parts)
        stack.sites[0].mkdir()
        opened.push_async_callback(close_together, [each.part for each in services.values()])
        await asyncio.gather(*(each.part.open() for each in services.values()))
        await eventually(stack.is_ready, _READY_SECONDS, interval=0.1)
        yield stack


async def close_together(parts: Iterable[Part]) -> None:
    """End processes for good."""
    await asyncio.gather(*(part.close() for part in parts))


async def are_healthy(services: Iterable[ServicePart]) -> bool:
    """Whether all say so; what one says instead is in the error."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        for each in services:
            try:
                async with session.get(f"{each.url}/healthz") as answer:
                    assert answer.status == 200, f"{each.name}: {await answer.text()}"
            except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
                raise AssertionError(f"{each.name}: {error!r}") from error
    return True


def _services(folder: Path, nats: NatsNodes, line_url: str, database_url: str) -> list[ServicePart]:
    return [
        *(history_part(f"history-{number}", folder, nats, database_url) for number in (1, 2)),
        runner_part(1, folder, nats, folder / "near"),
        runner_part(2, folder, nats, folder / "near"),
        runner_part(3, folder, nats, folder / "far", line_url),
        *(service_part(f"api-{number}", folder, nats, {}) for number in (1, 2)),
    ]


def history_part(name: str, folder: Path, nats: NatsNodes, database_url: str) -> ServicePart:
    """A history, not yet started."""
    variables = {"WEBJOBS_DATABASE_URL": database_url, "WEBJOBS_HISTORY_SIZE": "100000"}
    return service_part(name, folder, nats, variables)


def runner_part(
    number: int,
    folder: Path,
    nats: NatsNodes,
    data: Path,
    line_url: str | None = None,
    more: Mapping[str, str] | None = None,
) -> ServicePart:
    """A runner whose site folder is `data`, with `more` variables, not yet started."""
    variables = {
        "WEBJOBS_DATA": str(data),
        "WEBJOBS_TEMP": str(folder),
        # No two runners on a machine may have the same, and other tests may run beside this one.
        "WEBJOBS_INSTANCE_ID": secrets.token_hex(3),
        "WEBJOBS_RESTART_TIME": "1",
        "WEBJOBS_SLOTS": "8",
        **(more or {}),
    }
    if line_url is not None:
        variables["WEBJOBS_NATS_URL"] = line_url
    return service_part(f"runner-{number}", folder, nats, variables)


def service_part(name: str, folder: Path, nats: NatsNodes, variables: Mapping[str, str]) -> ServicePart:
    """One of our services, not yet started."""
    kind, port = name.partition("-")[0], free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "WEBJOBS_NATS_URL": nats.url,
        **nats.variables,
        "WEBJOBS_PORT" if kind == "api" else "WEBJOBS_HEALTH_PORT": str(port),
        "WEBJOBS_LOG_FORMAT": "json",
        MARKER: str(folder),
        **variables,
    }
    service = Service(f"webjobs_{kind}", environment, folder / f"{name}.log")
    return ServicePart(Part(name, service), service, f"http://127.0.0.1:{port}")
