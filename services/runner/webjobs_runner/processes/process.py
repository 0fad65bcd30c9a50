"""A script's process as the runner sees it: start, output, signals, end."""

import asyncio
import os
import resource
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from webjobs_runner.domain.resource_usage import ResourceUsage
from webjobs_runner.errors import InstanceInUse, ScriptNotStarted
from webjobs_runner.log import logger
from webjobs_runner.processes import launch_messages as messages
from webjobs_runner.processes.launcher_channel import LauncherChannel
from webjobs_runner.processes.leftovers import kill_leftovers
from webjobs_runner.processes.pipes import OutputPipe
from webjobs_runner.processes.process_tree import adopt_orphans

# After a run ended, no process of it is left to write; only a stranger that was handed the pipe can.
DRAIN_SECONDS = 5.0
_CLOSE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class ProcessExit:
    """How a script's process ended; exactly one of `exit_code`, `signal`, `lost` is set.

    `leftovers` are the processes that outlived the script and were killed, as `name (pid)`. `lost` means
    that the launcher died: the script and all it started were killed, and how it ended is not known; nor is
    `usage` then. Exits are compared without it: no two are alike.
    """

    exit_code: int | None = None
    signal: int | None = None
    leftovers: tuple[str, ...] = ()
    lost: bool = False
    usage: ResourceUsage | None = field(default=None, compare=False)


class ScriptProcess:
    """One script's process and everything it starts."""

    __slots__ = ("_awaited", "_drain", "_error", "_exit", "_launcher", "_on_over", "_output", "_run", "pid")

    def __init__(self, launcher: "Launcher", run: int, started: asyncio.Future[None]) -> None:
        self.pid = 0
        self._launcher = launcher
        self._run = run
        self._awaited: asyncio.Future[None] | None = started
        self._exit: ProcessExit | None = None
        self._drain: asyncio.TimerHandle | None = None
        self._on_over: Callable[[], None] | None = None

    @property
    def over(self) -> ProcessExit | None:
        """How it ended, once `wait` would answer at once; None before that."""
        return None if self._is_draining else self._exit

    def when_over(self, callback: Callable[[], None]) -> None:
        """Non-blocking alternative to `wait`: call back when the process has ended."""
        self._on_over = callback

    async def started(self) -> None:
        """Wait until the launcher has started it. If the caller is cancelled, the script is killed.

        Raises:
            ScriptNotStarted: no such program or folder, no permission, out of resources.
        """
        if self._awaited is not None and self.pid == 0:
            try:
                await self._awaited
            except asyncio.CancelledError:
                self.kill()
                self.resume_reading()  # to its end
                raise

    async def wait(self) -> ProcessExit:
        """Answer how it ended, once no process of it is left and all its output was handed on."""
        while self._exit is None or self._is_draining:
            if self._awaited is None:
                self._awaited = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._awaited)
        return self._exit

    def send(self, number: signal.Signals) -> None:
        """Signal the script and its process group; a stopped one is continued, so that it gets the signal."""
        self._launcher.signal(self._run, number)

    def kill(self) -> None:
        """End the script and everything it started: SIGKILL, wherever its processes went."""
        self._launcher.kill(self._run)

    def limit(self, instant: float) -> None:
        """End it like `kill` at this monotonic instant, even if this process stands still; may be moved."""
        self._launcher.limit(self._run, instant)

    def pause_reading(self) -> None:
        """Leave the output in its pipes; a script that writes on will wait when they are full."""
        self._stop_drain()
        self._output.pause()
        self._error.pause()

    def resume_reading(self) -> None:
        """Go on handing out the output."""
        self._output.resume()
        self._error.resume()
        self._await_drain()

    @property
    def _is_draining(self) -> bool:
        return self._output.is_open or self._error.is_open

    def _read(self, output: OutputPipe, error: OutputPipe) -> None:
        self._output = output
        self._error = error

    def _started(self, pid: int) -> None:
        self.pid = pid
        self._wake()

    def _not_started(self, fault: ScriptNotStarted) -> None:
        self._close_pipes()
        if self._awaited and not self._awaited.done():
            self._awaited.set_exception(fault)

    def _ended(self, ended: ProcessExit) -> None:
        self._exit = ended
        self._await_drain()
        self._settle()

    def _await_drain(self) -> None:
        if self._exit is not None and self._is_draining and self._drain is None:
            self._drain = asyncio.get_running_loop().call_later(DRAIN_SECONDS, self._give_up_drain)

    def _stop_drain(self) -> None:
        if self._drain is not None:
            self._drain.cancel()
            self._drain = None

    def _give_up_drain(self) -> None:
        logger.warning("a stranger holds the output of an ended script; the rest is given up", pid=self.pid)
        self._close_pipes()
        self._settle()

    def _close_pipes(self) -> None:
        self._output.close()
        self._error.close()

    def _settle(self) -> None:
        """Wake those who wait, if this was the last of end of process, of output and of errors."""
        if self._exit is not None and not self._is_draining:
            self._stop_drain()
            self._wake()
            if self._on_over is not None:
                self._on_over()

    def _wake(self) -> None:
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(None)
        self._awaited = None


class Launcher:
    """Starts scripts for one runner through a launcher process, which is replaced when it dies."""

    def __init__(self, instance_id: str) -> None:
        self._instance_id = instance_id
        self._runs: dict[int, ScriptProcess] = {}
        self._commands: dict[int, str] = {}  # of the runs that are being started
        self._last_run = 0
        self._channel: LauncherChannel | None = None
        self._gone = asyncio.Event()
        self._recovery: asyncio.Task[None] | None = None
        self._closing = False
        self._open_files = self._most_files = 0

    @property
    def pid(self) -> int | None:
        """The launcher's process number; None while there is none."""
        return self._channel.pid if self._channel else None

    async def __aenter__(self) -> Self:
        adopt_orphans()  # if the launcher dies, what it had started comes to the runner
        # Two pipes a script need many files; the scripts themselves keep the limit they would have had.
        self._open_files, self._most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (self._most_files, self._most_files))
        self._connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill whatever still runs; every `wait()` answers."""
        self._closing = True
        if self._channel is not None:
            self._channel.request_end()
            try:
                await asyncio.wait_for(self._gone.wait(), _CLOSE_SECONDS)
            except TimeoutError:
                logger.error("the launcher does not end; it is killed", pid=self._channel.pid)
                self._channel.kill()
                await self._gone.wait()
        if self._recovery is not None:
            await self._recovery
        resource.setrlimit(resource.RLIMIT_NOFILE, (self._open_files, self._most_files))
        adopt_orphans(False)

    async def spawn(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        on_stdout: Callable[[bytes], None],
        on_stderr: Callable[[bytes], None],
    ) -> ScriptProcess:
        """Start a script with exactly this environment; its output goes to the callbacks as it comes.

        If the caller is cancelled, the script is killed.

        Raises:
            ScriptNotStarted: no such program or folder, no permission, out of resources.
        """
        process = await self.begin(argv, cwd=cwd, env=env, on_stdout=on_stdout, on_stderr=on_stderr)
        await process.started()
        process.resume_reading()
        return process

    async def begin(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        on_stdout: Callable[[bytes], None],
        on_stderr: Callable[[bytes], None],
    ) -> ScriptProcess:
        """Send for a script to be started; its output is read from the first `resume_reading` on.

        What the caller does next, it does while the launcher works. It has to wait for `started` then.

        Raises:
            ScriptNotStarted: out of resources, or the runner is stopping.
        """
        if self._recovery is not None:
            await asyncio.shield(self._recovery)
        if self._closing:
            raise ScriptNotStarted(argv[0], "the runner is stopping")
        channel = self._channel or self._connect()
        self._last_run = run = self._last_run + 1
        process = ScriptProcess(self, run, asyncio.get_running_loop().create_future())
        try:
            packet, body = messages.spawn_request(run, argv, cwd, env)
            ends = _open_pipes(process, on_stdout, on_stderr)
        except (OSError, ValueError) as fault:
            raise ScriptNotStarted(argv[0], str(fault)) from fault
        self._runs[run] = process
        self._commands[run] = argv[0]
        channel.send(packet, ends if body is None else (*ends, body))
        return process

    def signal(self, run: int, number: int) -> None:
        """Signal the process group of a run that has not ended."""
        if run in self._runs and self._channel:
            self._channel.send(messages.packet(messages.SIGNAL, run, number))

    def kill(self, run: int) -> None:
        """Kill all processes of a run that has not ended."""
        if run in self._runs and self._channel:
            self._channel.send(messages.packet(messages.KILL, run))

    def limit(self, run: int, instant: float) -> None:
        """Have a run killed at a monotonic instant, unless that is moved in time."""
        if run in self._runs and self._channel:
            self._channel.send(messages.packet(messages.LIMIT, run, 0, repr(instant)))

    def _connect(self) -> LauncherChannel:
        self._gone.clear()
        self._channel = LauncherChannel(self._instance_id, self._open_files, self._replied, self._lost)
        return self._channel

    def _replied(self, kind: int, run: int, number: int, body: bytes) -> None:
        process = self._runs[run]
        if kind == messages.STARTED:
            del self._commands[run]
            process._started(number)
        elif kind == messages.NOT_STARTED:
            del self._runs[run]
            reason = body.decode("utf-8", "replace") or os.strerror(number)
            process._not_started(ScriptNotStarted(self._commands.pop(run), reason))
        else:
            del self._runs[run]
            cpu_seconds, peak_memory_bytes, leftovers = messages.exited_body(body)
            code, killed_by = (number, None) if number >= 0 else (None, -number)
            usage = ResourceUsage(cpu_seconds, peak_memory_bytes)
            process._ended(ProcessExit(code, killed_by, leftovers, usage=usage))

    def _lost(self) -> None:
        """Record that the launcher is gone; unless that was requested, kill everything it started."""
        channel, self._channel = self._channel, None
        self._gone.set()
        if channel is not None:
            if not self._closing:
                logger.error("the launcher died; its scripts are killed", runs=len(self._runs))
            self._recovery = asyncio.create_task(self._recover(channel))

    async def _recover(self, channel: LauncherChannel) -> None:
        try:
            await asyncio.to_thread(channel.reap)
            if self._runs:
                await asyncio.to_thread(kill_leftovers, self._instance_id)
        except InstanceInUse as fault:
            logger.error("the launcher could not start", reason=str(fault))
        finally:
            lost, self._runs = self._runs, {}
            for run, process in lost.items():
                if run in self._commands:
                    died = ScriptNotStarted(self._commands.pop(run), "the launcher died; try again")
                    process._not_started(died)
                else:
                    process._ended(ProcessExit(lost=True))
            self._recovery = None


def _open_pipes(
    process: ScriptProcess, on_stdout: Callable[[bytes], None], on_stderr: Callable[[bytes], None]
) -> tuple[int, int]:
    """Give the process its two pipes; answer the ends that the script writes to."""
    loop = asyncio.get_running_loop()
    output, output_end = os.pipe2(os.O_CLOEXEC)
    try:
        error, error_end = os.pipe2(os.O_CLOEXEC)
    except OSError:
        os.close(output)
        os.close(output_end)
        raise
    os.set_blocking(output, False)
    os.set_blocking(error, False)
    process._read(
        OutputPipe(loop, output, on_stdout, process._settle),
        OutputPipe(loop, error, on_stderr, process._settle),
    )
    return output_end, error_end
