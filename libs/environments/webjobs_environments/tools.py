"""Runs uv, npm and interpreters, with limits and an environment of their own."""

import asyncio
import errno
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from webjobs_rules.dependencies.tool_output import (
    is_news,
    is_outage,
    lacks_space,
    sentences,
    without_addresses,
)
from webjobs_rules.dependencies.vocabulary import PreparationStage, ReportProgress, report_nothing
from webjobs_rules.errors import DependenciesRefused, DependenciesUnavailable, WebJobsError

_LONGEST_SECONDS = 15 * 60.0
_MOST_OUTPUT = 1024 * 1024  # bytes
_LONGEST_LINE = 8192
_AT_ONCE = 2
# The second limit is of a single file. Address space is not limited: Node.js reserves much and uses little.
_LIMITED = 'ulimit -c 0; ulimit -d "$0"; exec "$@"'


class ProgramEnd(Protocol):
    """How a program ended."""

    @property
    def exit_code(self) -> int | None:
        """None when a signal ended it, or nothing is known."""
        ...


class Program(Protocol):
    """A program that was started, with all that it starts itself."""

    def limit(self, instant: float) -> None:
        """Have it killed at this monotonic instant."""
        ...

    def kill(self) -> None:
        """Kill it."""
        ...

    async def wait(self) -> ProgramEnd:
        """How it ended, when it has."""
        ...


class ProgramStarter(Protocol):
    """Starts programs so that they do not outlive this process."""

    async def spawn(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        on_stdout: Callable[[bytes], None],
        on_stderr: Callable[[bytes], None],
    ) -> Program:
        """Start a program with exactly this environment; its output goes to the callbacks as it comes.

        Raises:
            WebJobsError: It cannot be started.
        """
        ...


@dataclass(frozen=True, slots=True)
class ToolLimits:
    """What one program may use.

    Attributes:
        seconds: Until it is killed.
        memory_bytes: Of data, for each of its processes.
    """

    seconds: float = _LONGEST_SECONDS
    memory_bytes: int = 4 * 1024**3


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """How a program ended, and what it wrote."""

    exit_code: int | None
    stdout: str
    lines: Sequence[str]
    is_overdue: bool


class Tools:
    """Starts programs that prepare environments, two at once.

    Args:
        starter: When this process dies, they die with it.
        environment: Of these programs, which holds nothing of the services; each gets a new folder in its
            HOME as its own.
    """

    def __init__(
        self, starter: ProgramStarter, environment: Mapping[str, str], limits: ToolLimits | None = None
    ) -> None:
        self._starter = starter
        self._environment = environment
        self._limits = limits or ToolLimits()
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def ask(self, arguments: Sequence[str], *, folder: str) -> ToolOutput:
        """Run a program that takes a moment to its end, at once.

        Raises:
            DependenciesUnavailable: It cannot be started.
        """
        try:
            return await self._run(arguments, folder, lambda _: None)
        except WebJobsError as error:
            raise DependenciesUnavailable(PreparationStage.READ, str(error)) from error

    async def must(
        self,
        arguments: Sequence[str],
        *,
        folder: str,
        stage: PreparationStage,
        failure: str,
        report: ReportProgress = report_nothing,
    ) -> ToolOutput:
        """Run a program that has to succeed, when there is room.

        If the caller is cancelled, the program is killed.

        Args:
            arguments: The program and its arguments.
            folder: In which it is started.
            stage: Of the preparation.
            failure: Begins the text of the error, such as `requirements.txt cannot be resolved`.
            report: Takes each line, without addresses.

        Raises:
            DependenciesRefused: It failed for a reason that lies in its inputs.
            DependenciesUnavailable: It failed, or was not started, for a reason that may be gone at the next
                try.
            OSError: The disk is full.
        """

        def on_line(line: str) -> None:
            if is_news(line):
                report(stage, without_addresses(line))

        try:
            async with self._room:
                output = await self._run(arguments, folder, on_line)
        except WebJobsError as error:  # it was not started
            raise DependenciesUnavailable(stage, f"{failure}: {error}") from error
        if output.exit_code == 0:
            return output
        written = sentences(output.lines)
        if lacks_space(output.lines):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if output.is_overdue:
            minutes = round(self._limits.seconds / 60)
            raise DependenciesUnavailable(
                stage, f"{failure}: it took more than {minutes} minutes.\n{written}"
            )
        if output.exit_code is None:  # the kernel, for lack of memory, or the launcher died
            raise DependenciesUnavailable(stage, f"{failure}: the program was killed.\n{written}")
        if is_outage(output.lines):
            raise DependenciesUnavailable(
                stage, f"{failure}: an index of packages is away or refuses the login.\n{written}"
            )
        raise DependenciesRefused(stage, f"{failure}:\n{written}")

    async def _run(self, arguments: Sequence[str], folder: str, on_line: Callable[[str], None]) -> ToolOutput:
        """Run a program to its end; each line that it writes goes to `on_line`."""
        output, lines = _Output(on_line), _Output(on_line)
        kibibytes = str(self._limits.memory_bytes // 1024)
        # A home of its own: what a script of a package writes there must not become settings of the next one.
        with tempfile.TemporaryDirectory(dir=self._environment["HOME"], ignore_cleanup_errors=True) as home:
            process = await self._starter.spawn(
                ["/bin/sh", "-c", _LIMITED, kibibytes, *arguments],
                cwd=folder,
                env={**self._environment, "HOME": home},
                on_stdout=output.take,
                on_stderr=lines.take,
            )
            limit = time.monotonic() + self._limits.seconds
            process.limit(limit)
            try:
                ended = await process.wait()
            except BaseException:
                process.kill()
                raise
        text = output.end()
        lines.end()
        return ToolOutput(ended.exit_code, text, [*lines.lines, *output.lines], time.monotonic() >= limit)


class _Output:
    """Cuts what a program writes into lines, up to a limit of bytes."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self.lines: list[str] = []
        self._on_line = on_line
        self._text = bytearray()
        self._rest = b""
        self._left = _MOST_OUTPUT

    def take(self, chunk: bytes) -> None:
        chunk = chunk[: self._left]
        self._left -= len(chunk)
        self._text += chunk
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        for line in whole:
            self._add(line)

    def end(self) -> str:
        if self._rest:
            self._add(self._rest)
            self._rest = b""
        return self._text.decode("utf-8", "replace")

    def _add(self, line: bytes) -> None:
        text = line[:_LONGEST_LINE].decode("utf-8", "replace").rstrip("\r")
        self.lines.append(text)
        self._on_line(text)
