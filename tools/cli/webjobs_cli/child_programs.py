"""Starts the programs that install packages, as children of this process."""

import asyncio
import contextlib
import os
import signal
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from webjobs_rules.dependencies.vocabulary import PreparationStage
from webjobs_rules.errors import DependenciesUnavailable

_CHUNK = 65536  # bytes


@dataclass(frozen=True, slots=True)
class ChildEnd:
    """How a program ended; `exit_code` is None when a signal ended it."""

    exit_code: int | None


class ChildProgram:
    """A program that was started."""

    def __init__(
        self, process: Process, on_stdout: Callable[[bytes], None], on_stderr: Callable[[bytes], None]
    ) -> None:
        assert process.stdout is not None and process.stderr is not None
        self._process = process
        self._readers = asyncio.gather(
            _read(process.stdout, on_stdout), _read(process.stderr, on_stderr), process.wait()
        )
        self._limit: asyncio.TimerHandle | None = None

    def limit(self, instant: float) -> None:
        """Have it killed at this monotonic instant."""
        loop = asyncio.get_running_loop()
        self._limit = loop.call_later(max(0.0, instant - time.monotonic()), self.kill)

    def kill(self) -> None:
        """Kill it, with all that it has started in its group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def wait(self) -> ChildEnd:
        """How it ended, when it has and all its output was taken."""
        try:
            await asyncio.shield(self._readers)
        except asyncio.CancelledError:
            self.kill()
            await self._readers
            raise
        finally:
            if self._limit is not None:
                self._limit.cancel()
        code = self._process.returncode
        return ChildEnd(code if code is not None and code >= 0 else None)


class ChildPrograms:
    """Starts them; they end with this process when it is interrupted."""

    async def spawn(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        on_stdout: Callable[[bytes], None],
        on_stderr: Callable[[bytes], None],
    ) -> ChildProgram:
        """Start a program with exactly this environment; its output goes to the callbacks as it comes.

        Raises:
            DependenciesUnavailable: It cannot be started.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *argv, cwd=cwd, env=env, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=PIPE,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise DependenciesUnavailable(
                PreparationStage.INSTALL, f"{argv[0]} was not started: {error.strerror}."
            ) from error
        return ChildProgram(process, on_stdout, on_stderr)


async def _read(stream: asyncio.StreamReader, take: Callable[[bytes], None]) -> None:
    while chunk := await stream.read(_CHUNK):
        take(chunk)
