"""The data folder of a stack: what lies where, and the lock that keeps a second stack out."""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import secrets
import signal
import time
from collections.abc import Callable
from pathlib import Path

from webjobs_stack.errors import DataFolderInUse, DataFolderUnusable

# What a killed stack leaves stops by itself; the longest is a runner, whose scripts take their time.
LEFTOVER_SECONDS = 45.0
_POLL_SECONDS = 0.05


class DataFolder:
    """Paths below the folder given by `--data`."""

    def __init__(self, path: Path) -> None:
        """Nothing is made yet."""
        self.path = path.absolute()

    @property
    def nats(self) -> Path:
        """The NATS server's streams, configuration and log."""
        return self.path / "nats"

    @property
    def postgres(self) -> Path:
        """The Postgres cluster, password and log."""
        return self.path / "postgres"

    @property
    def jobs(self) -> Path:
        """Where jobs are dropped: `App_Data` if the site spells it so, else `app_data`."""
        root = self.path / "site" / "wwwroot"
        spelled = [entry for entry in root.glob("*") if entry.name.lower() == "app_data"]
        return (spelled[0] if spelled else root / "app_data") / "jobs"

    def make(self) -> None:
        """Make the folders a person or a service expects.

        Raises:
            DataFolderUnusable: They cannot be made or written.
        """
        try:
            for folder in (
                self.jobs / "triggered",
                self.jobs / "continuous",
                self.path / "data",
                self.path / "LogFiles",
            ):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataFolderUnusable(self.path, error.strerror or str(error)) from error

    def instance_id(self, index: int) -> str:
        """Six hexadecimal digits for the runner with this index: the same at every start on this folder."""
        stack_id = self.path / "stack.id"
        if not stack_id.exists():
            stack_id.write_text(secrets.token_hex(16) + "\n")
        return hashlib.sha256(f"{stack_id.read_text().strip()}/{index}".encode()).hexdigest()[:6]

    async def lock(self, waiting: Callable[[], None], leftover_seconds: float = LEFTOVER_SECONDS) -> int:
        """Hold the folder until the answered descriptor is closed.

        Children that inherit it hold the folder too, so after a killed stack nobody works in it before its
        last process has ended. `waiting` is called once if that has to be waited for; what has not ended by
        itself after `leftover_seconds` is killed.

        Raises:
            DataFolderInUse: Another stack is alive on it.
            DataFolderUnusable: The lock file cannot be written.
        """
        try:
            descriptor = os.open(self.path / "stack.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise DataFolderUnusable(self.path, error.strerror or str(error)) from error
        try:
            await self._acquire(descriptor, waiting, leftover_seconds)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    async def _acquire(self, descriptor: int, waiting: Callable[[], None], leftover_seconds: float) -> None:
        told = False
        kill_at = time.monotonic() + leftover_seconds
        while not _try_lock(descriptor):
            stack = _pid_in(descriptor)
            if stack is None or _is_alive(stack):
                raise DataFolderInUse(self.path, stack)
            if not told:
                waiting()
                told = True
            if time.monotonic() > kill_at:
                for pid in _holders(descriptor):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(_POLL_SECONDS)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holders(descriptor: int) -> list[int]:
    """Pids of the processes that hold the lock on this file; one that merely has it open waits, like us."""
    held = os.readlink(f"/proc/self/fd/{descriptor}")
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for opened in process.glob("fd/*"):
                if os.readlink(opened) == held and "lock:" in (process / "fdinfo" / opened.name).read_text():
                    found.append(int(process.name))
    return found


def _pid_in(descriptor: int) -> int | None:
    text = os.pread(descriptor, 20, 0).strip()
    return int(text) if text.isdigit() else None


def _is_alive(pid: int) -> bool:
    # A zombie has released its lock already; only /proc tells it from the living.
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")
