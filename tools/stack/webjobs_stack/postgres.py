"""A PostgreSQL server of our own: on loopback, with a password that is new at each start."""

import asyncio
import contextlib
import secrets
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from webjobs_stack.errors import DidNotStart
from webjobs_stack.ports import free_port
from webjobs_stack.postgres_cluster import DATABASE, OWNER, Cluster
from webjobs_stack.postgres_cluster import find_program as find_program
from webjobs_stack.process import Child, NotReady, last_lines, until_ready

HOST = "127.0.0.1"
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0

SETTINGS: Mapping[str, str] = {
    "listen_addresses": HOST,
    # No socket: its path has a length limit that a deep data folder exceeds.
    "unix_socket_directories": "",
    "max_connections": "60",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "log_checkpoints": "off",
    "fsync": "on",
}


class Postgres:
    """One Postgres server; it may be started again after it ended, on the same port with the same data."""

    name = "postgres"
    problem = None
    is_restarting = False

    def __init__(
        self,
        folder: Path,
        *,
        settings: Mapping[str, str] | None = None,
        password: str | None = None,
        keep_open: Sequence[int] = (),
    ) -> None:
        """Nothing is started yet.

        Args:
            folder: Holds the cluster and the log; made and initialised at the first start.
            settings: Server settings that replace ours.
            password: Of the database's owner from now on: letters, digits, `-` and `_`. By default a random
                one, which is nowhere but in this object.
            keep_open: Descriptors the process inherits.
        """
        self.folder = folder.absolute()
        self.port = 0
        self._password = password or secrets.token_urlsafe(24)
        self._has_password = False
        self._settings = {**SETTINGS, **(settings or {})}
        self._cluster = Cluster(self.folder, is_synced=self._settings["fsync"] == "on")
        self._keep_open = keep_open
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """URL of the database `webjobs`, for a client that owns it."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        """URL of a database of this server."""
        return f"postgresql://{OWNER}:{self._password}@{HOST}:{self.port}/{database}"

    @property
    def pid(self) -> int:
        """Process id of the server that runs now."""
        return self._running.pid

    @property
    def cluster(self) -> Path:
        """The data directory."""
        return self._cluster.data

    @property
    def is_new(self) -> bool:
        """Whether the next start makes the cluster."""
        return self._cluster.is_new

    @property
    def log(self) -> Path:
        """What the server says."""
        return self._cluster.log

    @property
    def _running(self) -> Child:
        assert self._child is not None, "start() comes first"
        return self._child

    async def start(self) -> str:
        """Initialise the cluster if there is none, start, wait until ready, and answer the address.

        Raises:
            BinaryMissing: No PostgreSQL is installed.
            DidNotStart: initdb or the server failed, or was not ready in time.
        """
        try:
            is_new = await self._cluster.prepare()
            if is_new or not self._has_password:
                await self._cluster.set_password(self._password)
                self._has_password = True
            self.port = self.port or free_port(HOST)
            settings = {**self._settings, "port": str(self.port)}
            size_before = self._cluster.log_size()
            self._child = await self._cluster.spawn_server(
                [f"--{name}={value}" for name, value in settings.items()], self._keep_open
            )
        except OSError as error:
            raise DidNotStart("postgres", f"{error.filename}: {error.strerror}") from error
        try:
            await until_ready(self._child, self._is_ready, _START_SECONDS)
        except NotReady as error:
            await self.stop()
            raise DidNotStart("postgres", str(error), last_lines(self.log, size_before), self.log) from error
        except BaseException:
            await self.stop()
            raise
        return f"{HOST}:{self.port}"

    async def wait(self) -> int:
        """The exit code, once it ended."""
        return await self._running.wait()

    async def stop(self, hurry: asyncio.Event | None = None) -> None:
        """Stop it; harmless if it does not run. In a hurry it recovers at the next start, losing nothing."""
        if self._child is not None:
            await self._child.stop(signal.SIGINT, _STOP_SECONDS, hurry=hurry, hard=signal.SIGQUIT)

    def kill(self) -> None:
        """End it as a crash would."""
        self._running.send(signal.SIGKILL)

    def set_aside(self) -> Path:
        """Move the cluster of a stopped server out of the way; the next start makes a new one."""
        return self._cluster.set_aside()

    def put_back(self, aside: Path) -> None:
        """Undo `set_aside`: what was made since is removed."""
        self._cluster.put_back(aside)

    async def responds(self) -> bool:
        """Whether it answers a query, or says why it does not."""
        # Here, because the stack must start fast.
        import asyncpg

        try:
            connection = await asyncpg.connect(self.url)
            try:
                await connection.execute("SELECT 1")
            finally:
                connection.terminate()
        except asyncpg.PostgresError:
            return True
        except (OSError, asyncpg.InterfaceError):
            return False
        return True

    async def _is_ready(self) -> bool:
        return self._cluster.is_ready(self.pid)


@contextlib.asynccontextmanager
async def run_postgres(folder: Path, *, settings: Mapping[str, str] | None = None) -> AsyncIterator[Postgres]:
    """A running server, stopped at the end."""
    server = Postgres(folder, settings=settings)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
