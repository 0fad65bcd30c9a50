"""Child processes that die with this one and are stopped within a deadline."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

LAUNCHER = Path(__file__).with_name("launch.py")
_ROTATE_BYTES = 10_000_000
_POLL_SECONDS = 0.03


class NotReady(Exception):
    """A child ended, or its time was up, before it was ready; the text says which."""


class Child:
    """One running child process, leader of a session of its own: Ctrl-C on the terminal does not reach it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._is_group_cleared = False

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative if a signal ended it."""
        return self._process.returncode

    async def wait(self) -> int:
        """Its exit code, once it ended and what it left in its process group was killed."""
        exit_code = await self._process.wait()
        if not self._is_group_cleared:
            # Once and at once: later the number could belong to strangers.
            self._is_group_cleared = True
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        return exit_code

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, unless it ended already."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def stop(
        self,
        gently: signal.Signals,
        deadline_seconds: float,
        *,
        hurry: asyncio.Event | None = None,
        hard: signal.Signals = signal.SIGKILL,
        is_at_work: Callable[[], Awaitable[bool]] | None = None,
    ) -> int:
        """Ask with one signal; after the deadline, or when `hurry` is set, insist with another.

        Args:
            gently: The first signal.
            deadline_seconds: How long it has to end by that.
            hurry: Ends the waiting.
            hard: The second signal.
            is_at_work: Asked at the deadline: as long as it is, it has as many seconds more.
        """
        ended = asyncio.ensure_future(self.wait())
        hurried = asyncio.ensure_future((hurry or asyncio.Event()).wait())
        try:
            for number in (gently, hard, signal.SIGKILL):
                self.send(number)
                waiting = {ended, hurried} if number == gently else {ended}
                limit = deadline_seconds if number == gently else 5.0
                await asyncio.wait(waiting, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
                while number == gently and is_at_work and not (ended.done() or hurried.done()):
                    if not await is_at_work():
                        break
                    await asyncio.wait(waiting, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
                if ended.done():
                    break
            return await ended
        finally:
            hurried.cancel()
            ended.cancel()


async def spawn(
    command: Sequence[str | Path],
    *,
    death_signal: signal.Signals,
    output: int,
    stdin: int = asyncio.subprocess.DEVNULL,
    environment: Mapping[str, str] | None = None,
    user: str = "-",
    reach: Path = Path("/"),
    working_directory: Path | None = None,
    keep_open: Sequence[int] = (),
) -> Child:
    """Start `command` (its first word a full path), which gets `death_signal` if this process dies.

    What it writes goes to the descriptor `output`; it inherits those in `keep_open`. As root it may be handed
    to another `user`, who must be able to enter the folder `reach`.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-I", "-S", LAUNCHER, str(os.getpid()), death_signal.name, user, str(reach), "--"),
        *command,
        stdin=stdin,
        stdout=output,
        stderr=output,
        cwd=working_directory,
        env=environment,
        start_new_session=True,
        pass_fds=tuple(keep_open),
    )
    return Child(process)


async def until_ready(child: Child, is_ready: Callable[[], Awaitable[bool]], deadline_seconds: float) -> None:
    """Return once `is_ready` says so.

    Raises:
        NotReady: The child ended, or the deadline passed.
    """
    give_up_at = time.monotonic() + deadline_seconds
    while not await is_ready():
        if child.exit_code is not None:
            raise NotReady(f"it {describe_exit(child.exit_code)}")
        if time.monotonic() > give_up_at:
            raise NotReady(f"it was not ready after {deadline_seconds:g} s")
        await asyncio.sleep(_POLL_SECONDS)


def describe_exit(exit_code: int) -> str:
    """How a process ended, in words."""
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    try:
        return f"was killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"was killed by signal {-exit_code}"


def open_log(path: Path) -> int:
    """A descriptor that appends to this log; a log that grew large is put aside as `.1` first."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > _ROTATE_BYTES:
            path.replace(path.with_name(path.name + ".1"))
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def last_lines(path: Path, since: int = 0, count: int = 10) -> str:
    """The last lines a log got since it was `since` bytes long."""
    try:
        with path.open("rb") as log:
            log.seek(max(since, path.stat().st_size - 16_384))
            text = log.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-count:])
