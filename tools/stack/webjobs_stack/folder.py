"""The data folder of a stack: what lies where, and the lock that keeps a second stack out."""

import asyncio
import fcntl
import hashlib
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from webjobs_stack.errors import DataFolderInUse, DataFolderUnusable

_KILLED_STACK_SECONDS = 60.0


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

    async def lock(self, waiting: Callable[[], None]) -> int:
        """Hold the folder until the answered descriptor is closed.

        Children that inherit it hold the folder too, so after a killed stack nobody works in it before its
        last process has ended. `waiting` is called once if that has to be waited for.

        Raises:
            DataFolderInUse: Another stack is alive on it.
            DataFolderUnusable: The lock file cannot be written.
        """
        try:
            descriptor = os.open(self.path / "stack.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise DataFolderUnusable(self.path, error.strerror or str(error)) from error
        try:
            await self._acquire(descriptor, waiting)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    async def _acquire(self, descriptor: int, waiting: Callable[[], None]) -> None:
        give_up_at = time.monotonic() + _KILLED_STACK_SECONDS
        told = False
        while not _try_lock(descriptor):
            holder = _pid_in(descriptor)
            if holder is None or _is_alive(holder) or time.monotonic() > give_up_at:
                raise DataFolderInUse(self.path, holder)
            if not told:
                waiting()
                told = True
            await asyncio.sleep(0.05)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
