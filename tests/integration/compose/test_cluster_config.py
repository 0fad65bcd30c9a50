"""deploy/nats/cluster.conf makes a cluster in which the services' users may do what they need."""

import contextlib
import os
import signal
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from support.eventually import eventually
from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus, connect_bus
from webjobs_events.subjects import Subjects
from webjobs_stack.health import get
from webjobs_stack.nats_server import find_nats_server
from webjobs_stack.ports import free_port
from webjobs_stack.process import Child, open_log, spawn

CONFIG = Path(__file__).parents[3] / "deploy" / "nats" / "cluster.conf"
HOST = "127.0.0.1"
PASSWORDS = {
    "NATS_API_PASSWORD": "a1",
    "NATS_RUNNER_PASSWORD": "r2",
    "NATS_HISTORY_PASSWORD": "h3",
    "NATS_SUBSCRIBER_PASSWORD": "s4",
    "NATS_ROUTE_PASSWORD": "r5",
}
SUBJECTS = Subjects()


class Server:
    """One of the three: what the file says, on loopback and ports of its own."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.port, self.route_port, self.http_port = free_port(HOST), free_port(HOST), free_port(HOST)
        self._folder = folder / name

    async def start(self, routes: list[str]) -> Child:
        self._folder.mkdir()
        log = open_log(self._folder / "log")
        arguments = {
            "--config": str(CONFIG),
            "--addr": HOST,
            "--port": str(self.port),
            "--http_port": str(self.http_port),
            "--cluster_listen": f"nats://{HOST}:{self.route_port}",
            "--routes": ",".join(routes),
            "--store_dir": str(self._folder),
        }
        try:
            return await spawn(
                [find_nats_server(), *(word for pair in arguments.items() for word in pair)],
                death_signal=signal.SIGTERM,
                output=log,
                environment={**PASSWORDS, "NATS_SERVER_NAME": self.name},
            )
        finally:
            os.close(log)

    async def is_healthy(self) -> bool:
        with contextlib.suppress(OSError, TimeoutError):
            return (await get(HOST, self.http_port, "/healthz")).status == 200
        return False


@contextlib.asynccontextmanager
async def running_cluster(folder: Path) -> AsyncIterator[list[Server]]:
    servers = [Server(f"nats-{number}", folder) for number in (1, 2, 3)]
    routes = [f"nats://{HOST}:{server.route_port}" for server in servers]
    async with contextlib.AsyncExitStack() as opened:
        for server in servers:
            child = await server.start(routes)
            opened.push_async_callback(child.stop, signal.SIGTERM, 10.0)
        for server in servers:
            await eventually(server.is_healthy)
        yield servers


async def is_published(bus: Bus, subject: str) -> bool:
    """Publish; False while the server asked does not know yet that another one has a stream for it."""
    try:
        await bus.publish(subject, b"")
    except BusUnavailable:
        return False
    return True


async def test_every_service_works_on_streams_of_three_servers(tmp_path: Path) -> None:
    async with running_cluster(tmp_path) as servers:
        for user, password in (("api", "a1"), ("runner", "r2"), ("history", "h3")):
            # The login stands at one server only.
            login = f"nats://{user}:{password}@{HOST}:{servers[0].port}"
            url = ",".join([login, *(f"nats://{HOST}:{server.port}" for server in servers[1:])])
            async with connect_bus(url, name=user, subjects=SUBJECTS, replicas=3) as bus:
                info = await bus.connection.js.stream_info(SUBJECTS.events_stream)
                assert info.config.num_replicas == 3
                async with bus.live_settings({}):
                    pass
                assert await bus.last_message(SUBJECTS.events_stream, "webjobs.events.none") is None
                assert "replicas" not in bus.streams.notes()
                if user == "api":
                    assert await bus.requests.get("none") is None
                    assert await bus.pending_command("webjobs.commands.triggered.none.run") is None
                if user == "runner":
                    revision = await bus.leases.create("test", b"1")
                    entry = await bus.leases.get("test")
                    assert entry is not None and entry.revision == revision
                    assert await eventually(partial(is_published, bus, "webjobs.deadletters.runner"))
