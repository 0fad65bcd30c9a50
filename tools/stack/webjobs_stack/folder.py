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
from webjobs_stack.proc import holders_of_lock, is_alive, processes_with_argument

# What a killed stack leaves stops by itself; the longest is a runner, whose scripts take their time.
LEFTOVER_SECONDS = 45.0
# A process that was killed a moment ago still shows as alive.
_DYING_SECONDS = 2.0
_POLL_SECONDS = 0.05


class DataFolder:
    """Paths below the folder given by `--data`."""

    def __init__(self, path: Path) -> None:
        """Nothing is made yet."""
        self.path = path.absolute()

    @property
    def label(self) -> str:
        """A word in the command line of each service: which stack it belongs to."""
        return f"webjobs={self.path}"

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

    @property
    def operator_url(self) -> Path:
        """The address of the embedded NATS server for an operator, who may do everything there."""
        return self.nats / "operator.url"

    def write_operator_url(self, url: str | None) -> None:
        """Create the file again, for its owner only; None removes it."""
        self.operator_url.unlink(missing_ok=True)
        if url is not None:
            with open(os.open(self.operator_url, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(url + "\n")

    @property
    def unfinished_restore(self) -> Path:
        """Is there while the folder holds a part of a backup."""
        return self.path / "restore.unfinished"

    def write_api_url(self, url: str | None) -> None:
        """Name the address of the api in `stack.url`, for the command line; None removes the file."""
        path = self.path / "stack.url"
        if url is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(url + "\n")

    async def lock(self, waiting: Callable[[], None], leftover_seconds: float = LEFTOVER_SECONDS) -> int:
        """Hold the folder until the answered descriptor is closed.

        Children that inherit it hold the folder too, so after a killed stack none works in it before its
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
        announced = False
        started_at = time.monotonic()
        while not _try_lock(descriptor):
            stack = _pid_in(descriptor)
            waited_seconds = time.monotonic() - started_at
            if stack is None or is_alive(stack):
                if waited_seconds > _DYING_SECONDS:
                    raise DataFolderInUse(self.path, stack)
            elif not announced:
                waiting()
                announced = True
            if announced and waited_seconds > leftover_seconds:
                # A service closes its descriptors to other processes, so it is known by its label.
                for pid in {*holders_of_lock(descriptor), *processes_with_argument(self.label)}:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(_POLL_SECONDS)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _pid_in(descriptor: int) -> int | None:
    text = os.pread(descriptor, 20, 0).strip()
    return int(text) if text.isdigit() else None
