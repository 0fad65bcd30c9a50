"""The NATS servers of the stack: one, or a cluster whose servers are broken one by one."""

import contextlib
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chaos.part import Part
from support.nats_cluster import ClusterNode
from support.tcp_proxy import TcpProxy, tcp_proxy
from webjobs_stack.nats_server import NatsServer

COUNT = int(os.environ.get("CHAOS_CLUSTER") or "1")
"""Servers, each of which keeps every stream."""
PREFIX = "nats"
"""Of the names of their parts."""
OUTAGE_SECONDS = 3.0 if COUNT == 1 else 12.0
"""From the end of a server until a runner has renewed its lease: it starts again, or others elect leaders."""


@dataclass(frozen=True, slots=True)
class NatsNodes:
    """All servers, with the processes that they are."""

    servers: Sequence[NatsServer | ClusterNode]
    parts: Sequence[Part]

    @property
    def url(self) -> str:
        """For an operator, who may do everything; known when they have started."""
        return ",".join(server.url for server in self.servers)

    @property
    def variables(self) -> Mapping[str, str]:
        """What services must know of them, beside where they are."""
        return {"WEBJOBS_NATS_REPLICAS": str(len(self.servers))}


def nats_nodes(folder: Path) -> NatsNodes:
    """As many as `CHAOS_CLUSTER` says, not yet started.

    Servers of a cluster do not name each other to clients: a runner that is to be cut off would go around
    its line.
    """
    if COUNT == 1:
        alone = NatsServer(folder / PREFIX)
        return NatsNodes([alone], [Part(PREFIX, alone)])
    names = [f"{PREFIX}-{number}" for number in range(1, COUNT + 1)]
    nodes = [ClusterNode(name, folder / name, advertises=False) for name in names]
    for node in nodes:
        node.join(nodes)
    return NatsNodes(nodes, [Part(node.name, node) for node in nodes])


@dataclass(frozen=True, slots=True)
class Lines:
    """Between a runner and all servers; they are cut together."""

    proxies: Sequence[TcpProxy]

    @property
    def url(self) -> str:
        """Where the runner connects."""
        return ",".join(proxy.url for proxy in self.proxies)

    def cut(self) -> None:
        """From now on nothing arrives, on either end."""
        for proxy in self.proxies:
            proxy.cut()

    def mend(self) -> None:
        """Everything arrives that was written in the meantime."""
        for proxy in self.proxies:
            proxy.mend()


@contextlib.asynccontextmanager
async def lines_to(nodes: NatsNodes) -> AsyncIterator[Lines]:
    """A line to each server."""
    async with contextlib.AsyncExitStack() as opened:
        yield Lines([await opened.enter_async_context(tcp_proxy(server.url)) for server in nodes.servers])
