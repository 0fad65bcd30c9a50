"""One process of the stack, which can be killed and paused, and which is started again when it ends."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import psutil
from support.eventually import pause
from webjobs_stack.process import Child, spawn

_RESTART_SECONDS = 0.3
_STOP_SECONDS = 45.0


class Server(Protocol):
    """What starts and waits for a process: a server of the stack, or one of our services."""

    @property
    def pid(self) -> int: ...

    async def start(self) -> object: ...

    async def wait(self) -> int: ...

    async def stop(self) -> None: ...


class Service:
    """One of our services as a process, which ends with this one."""

    def __init__(self, module: str, environment: Mapping[str, str], log: Path) -> None:
        self.environment = dict(environment)
        """Counts from the next start."""
        self._module = module
        self._log = log
        self._child: Child | None = None

    @property
    def _running(self) -> Child:
        assert self._child is not None
        return self._child

    @property
    def pid(self) -> int:
        return self._running.pid

    async def start(self) -> None:
        with self._log.open("ab") as output:
            self._child = await spawn(
                [sys.executable, "-P", "-m", self._module],
                death_signal=signal.SIGTERM,
                output=output.fileno(),
                environment=self.environment,
            )

    async def wait(self) -> int:
        return await self._running.wait()

    async def stop(self) -> None:
        await self._running.stop(signal.SIGTERM, _STOP_SECONDS)


class Part:
    """A process under a name; when it ends it is started again, until `close`."""

    def __init__(self, name: str, server: Server, stop_signal: signal.Signals = signal.SIGTERM) -> None:
        self.name = name
        self._server = server
        self._stop_signal = stop_signal
        self._is_up = False
        self._keeping: asyncio.Task[None] | None = None

    async def open(self) -> None:
        await self._start()
        self._keeping = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        while True:
            await self._server.wait()
            self._is_up = False  # another process may get its number
            await pause(_RESTART_SECONDS, "what a supervisor takes")
            await self._start()

    async def _start(self) -> None:
        await self._server.start()
        self._is_up = True

    async def close(self) -> None:
        """End the process for good, if it was opened; it may be opened again."""
        if self._keeping is None:
            return
        self._keeping.cancel()
        await asyncio.gather(self._keeping, return_exceptions=True)
        self._keeping = None
        self.resume()
        await self._server.stop()
        self._is_up = False

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def restart(self) -> None:
        """Let the process end in good order, before it is started again."""
        self._signal(self._stop_signal)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    @property
    def pids(self) -> set[int]:
        """Of the process and all that it has started."""
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self._server.pid)
            return {process.pid, *(child.pid for child in process.children(recursive=True))}
        return set()

    def kill_launcher(self) -> bool:
        """Kill the process that starts a runner's scripts; False when it has none at the moment."""
        if not self._is_up:
            return False
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            for child in psutil.Process(self._server.pid).children():
                if any("launcher" in word for word in child.cmdline()):
                    child.kill()
                    return True
        return False

    def _signal(self, number: signal.Signals) -> None:
        if self._is_up:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._server.pid, number)
