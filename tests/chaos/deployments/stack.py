"""What deployments with packages need: an api, history, two runners of one folder, servers, indexes."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from chaos.nats_nodes import NatsNodes, nats_nodes
from chaos.part import Part
from chaos.stack import ServicePart, are_healthy, close_together, history_part, runner_part, service_part
from support.clusters import put_cluster
from support.eventually import eventually
from support.node_registry import NodeRegistry, node_registry
from support.package_index import PackageIndex, package_index, wheel
from webjobs_stack.postgres import Postgres

_READY_SECONDS = 60.0
_SLOWEST_ANSWER = 0.15  # seconds, of an index
_MANY_FILES = 60  # of a package, so that its installation takes a while


@dataclass(frozen=True, slots=True)
class DeploymentStack:
    """All processes, by name, and the indexes of packages.

    Attributes:
        folder: Holds everything.
        site: The folder that the runners share.
        nats: The server.
        services: Ours.
        parts: All processes, the two servers included.
        index: Of Python packages.
        registry: Of Node.js packages.
    """

    folder: Path
    site: Path
    nats: NatsNodes
    services: Mapping[str, ServicePart]
    parts: Mapping[str, Part]
    index: PackageIndex
    registry: NodeRegistry

    @property
    def api_url(self) -> str:
        """Where the api answers."""
        return self.services["api-1"].url

    @property
    def environments(self) -> Path:
        """Where environments lie."""
        return self.site / "data" / ".environments"

    def offer(self, version: int) -> None:
        """Add a version of `alpha` and `beta`, for both languages."""
        for name in ("alpha", "beta"):
            files = {f"{name}/__init__.py": f"VERSION = '{version}.0.0'\n"}
            files |= {f"{name}/part{number}.py": "X = 1\n" * 40 for number in range(_MANY_FILES)}
            self.index.add(wheel(name, f"{version}.0.0", files=files))
            self.registry.add(name, f"{version}.0.0")

    def answer_slowly(self, random: Random) -> None:
        """Let each answer of an index take a random time."""
        self.index.delay = self.registry.delay = lambda: random.uniform(0, _SLOWEST_ANSWER)

    async def is_ready(self) -> bool:
        """Whether every service says that it is healthy; what one says instead is in the error."""
        return await are_healthy(self.services.values())


@contextlib.asynccontextmanager
async def deployment_stack(folder: Path) -> AsyncIterator[DeploymentStack]:
    """All parts, ready; ended with the body."""
    nats, site = nats_nodes(folder), folder / "site"
    await put_cluster(folder / "postgres")
    postgres = Postgres(folder / "postgres", settings={"fsync": "off", "max_connections": "50"})
    servers = [*nats.parts, Part("postgres", postgres, signal.SIGINT)]
    async with contextlib.AsyncExitStack() as opened:
        index, registry = opened.enter_context(package_index()), opened.enter_context(node_registry())
        opened.push_async_callback(close_together, servers)
        await asyncio.gather(*(part.open() for part in servers))
        variables = {**index.variables, **registry.variables}
        started = [
            history_part("history-1", folder, nats, postgres.url),
            runner_part(1, folder, nats, site, more=variables),
            runner_part(2, folder, nats, site, more=variables),
            service_part("api-1", folder, nats, {}),
        ]
        parts = {part.name: part for part in [*servers, *(each.part for each in started)]}
        services = {each.name: each for each in started}
        stack = DeploymentStack(folder, site, nats, services, parts, index, registry)
        site.mkdir()
        opened.push_async_callback(close_together, [each.part for each in started])
        await asyncio.gather(*(each.part.open() for each in started))
        await eventually(stack.is_ready, _READY_SECONDS, interval=0.1)
        yield stack
