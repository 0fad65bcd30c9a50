"""Several nats-servers of one cluster on loopback, each of which can be killed and started again."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import nats
import nats.errors
from nats.js.api import StreamInfo
from support.eventually import eventually
from webjobs_stack.health import get
from webjobs_stack.nats_config import NAMESPACE, NatsLogins, password_file, server_config
from webjobs_stack.nats_server import find_nats_server
from webjobs_stack.ports import free_port
from webjobs_stack.process import Child, open_log, spawn

HOST = "127.0.0.1"
NAME = "webjobs"
_READY_SECONDS = 60.0
_STOP_SECONDS = 10.0
_ANSWER_SECONDS = 0.5
_LEADER_SECONDS = 30.0


class ClusterNode:
    """One server of a cluster; started again, it has the same ports, name and streams."""

    def __init__(
        self, name: str, folder: Path, logins: NatsLogins | None = None, *, advertises: bool = True
    ) -> None:
        """Nothing is started yet; with `advertises` the other servers are named to clients."""
        self.name = name
        self.port = free_port(HOST)
        self.route_port = free_port(HOST)
        self.monitoring_port = free_port(HOST)
        self._folder = folder.absolute()
        self._logins = logins
        self._passwords = None if logins is None else password_file(logins)
        self._advertises = advertises
        self._peers: Sequence[ClusterNode] = ()
        self._child: Child | None = None

    def join(self, peers: Sequence["ClusterNode"]) -> None:
        """Name all servers of the cluster, before the first start."""
        self._peers = peers

    @property
    def url(self) -> str:
        """Where clients connect without a login."""
        return f"nats://{HOST}:{self.port}"

    def url_of(self, user: str) -> str:
        """Where a user connects; without logins everybody is the same."""
        return self._logins.url(user, HOST, self.port) if self._logins else self.url

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def _running(self) -> Child:
        assert self._child is not None, "start() comes first"
        return self._child

    @property
    def is_running(self) -> bool:
        return self._child is not None and self._child.exit_code is None

    async def start(self) -> None:
        """Start it; alone it is not ready, so that is waited for by `NatsCluster.ready`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "nats-server.conf"
        config.write_text(server_config(self._settings(), self._passwords, NAMESPACE))
        log = open_log(self._folder / "nats-server.log")
        try:
            self._child = await spawn(
                [find_nats_server(), "--config", config],
                death_signal=signal.SIGTERM,
                output=log,
                working_directory=self._folder,
                keep_open=[self._passwords] if self._passwords is not None else [],
            )
        finally:
            os.close(log)

    async def wait(self) -> int:
        return await self._running.wait()

    async def stop(self) -> None:
        """Stop it in good order; harmless if it does not run."""
        if self._child is not None:
            await self._child.stop(signal.SIGTERM, _STOP_SECONDS)

    async def kill(self) -> None:
        """End it as a crash would, and wait until the process is gone."""
        self._running.send(signal.SIGKILL)
        await self.wait()

    async def is_healthy(self) -> bool:
        """Whether its streams and consumers are up to date with the cluster."""
        with contextlib.suppress(OSError, TimeoutError):
            return (await get(HOST, self.monitoring_port, "/healthz")).status == 200
        return False

    def _settings(self) -> dict[str, Any]:
        return {
            "server_name": self.name,
            "listen": f"{HOST}:{self.port}",
            "http": f"{HOST}:{self.monitoring_port}",
            "cluster": {
                "name": NAME,
                "listen": f"{HOST}:{self.route_port}",
                "no_advertise": not self._advertises,
                "routes": [f"nats://{HOST}:{peer.route_port}" for peer in self._peers],
            },
            "jetstream": {"store_dir": ".", "max_memory_store": 1 << 28, "max_file_store": 1 << 32},
        }


class NatsCluster:
    """The servers of a cluster."""

    def __init__(self, nodes: Sequence[ClusterNode]) -> None:
        self.nodes = nodes

    @property
    def url(self) -> str:
        """All servers, without a login."""
        return ",".join(node.url for node in self.nodes)

    def url_of(self, user: str) -> str:
        """All servers, for a user."""
        return ",".join(node.url_of(user) for node in self.nodes)

    async def ready(self) -> None:
        """Wait until every server that runs is up to date."""

        async def is_ready() -> bool:
            running = [node for node in self.nodes if node.is_running]
            return all(await asyncio.gather(*(node.is_healthy() for node in running)))

        await eventually(is_ready, _READY_SECONDS, interval=0.1)

    async def restart(self, node: ClusterNode) -> None:
        """Start a server that ended, and wait until it has caught up."""
        await node.start()
        await self.ready()

    async def info(self, stream: str) -> StreamInfo:
        """A stream as its leader describes it.

        Raises:
            nats.js.errors.NotFoundError: It does not exist.
        """
        client = await nats.connect(self.url_of("operator").split(","))
        give_up_at = asyncio.get_running_loop().time() + _LEADER_SECONDS
        try:
            while True:
                try:
                    return await client.jetstream(timeout=_ANSWER_SECONDS).stream_info(stream)
                except nats.errors.TimeoutError:  # it has no leader at the moment
                    if asyncio.get_running_loop().time() > give_up_at:
                        raise
        finally:
            await client.close()

    async def leader_of(self, stream: str) -> ClusterNode:
        """The server through which all writes of a stream go."""
        cluster = (await self.info(stream)).cluster
        assert cluster is not None
        return next(node for node in self.nodes if node.name == cluster.leader)


@contextlib.asynccontextmanager
async def run_nats_cluster(
    folder: Path, size: int = 3, logins: NatsLogins | None = None
) -> AsyncIterator[NatsCluster]:
    """A running cluster, stopped at the end."""
    nodes = [ClusterNode(f"n{number}", folder / f"n{number}", logins) for number in range(1, size + 1)]
    cluster = NatsCluster(nodes)
    try:
        for node in nodes:
            node.join(nodes)
            await node.start()
        await cluster.ready()
        yield cluster
    finally:
        await asyncio.gather(*(node.stop() for node in nodes))
