"""One service as a process: started as compose starts it, gated by its health, its lines passed on."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from webjobs_service.credential_handover import DESCRIPTOR, hand_over

from webjobs_stack.announce import Announcer
from webjobs_stack.errors import ServiceRefused
from webjobs_stack.health import answers, get, is_healthy
from webjobs_stack.process import Child, NotReady, spawn, until_ready

_START_SECONDS = 30.0
_LONGEST_CHECK = 5.0  # seconds; the checks behind /healthz take up to 2 s
# A killed runner leaves a process that ends its scripts and holds the pipe meanwhile.
_LAST_LINES_SECONDS = 5.0
_LONGEST_LINE = 65_536


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """What to run and how to know that it is ready."""

    name: str
    module: str
    environment: Mapping[str, str]
    credentials: Mapping[str, str]
    """Variables that only the process itself gets to see."""
    health_host: str
    health_port: int
    address: str
    """What the terminal says about where it is."""
    stop_seconds: float = 10.0
    ends_scripts: bool = False
    """Stopping takes as long as its scripts are granted: it is not killed while it is healthy."""


class Service:
    """The process of one service; it may be started again after it ended."""

    def __init__(
        self,
        spec: ServiceSpec,
        announce: Announcer,
        keep_open: Sequence[int] = (),
        ready_seconds: float | None = None,
        label: str = "",
    ) -> None:
        """Nothing is started yet.

        Args:
            spec: What to run.
            announce: Gets its lines.
            keep_open: Descriptors the process inherits.
            label: A word for its command line, by which it can be found.
            ready_seconds: After this time a service that answers, but is not ready, counts as started.
        """
        self.name = spec.name
        self.problem: str | None = None
        self.is_restarting = False
        self._ready_seconds = _START_SECONDS if ready_seconds is None else ready_seconds
        self._spec = spec
        self._announce = announce
        self._keep_open = keep_open
        # Python keeps what -X gives, and makes nothing of it.
        self._label = ["-X", label] if label else []
        self._child: Child | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """Process id of the service that runs now."""
        return self._running.pid

    @property
    def _running(self) -> Child:
        assert self._child is not None, "start() comes first"
        return self._child

    async def start(self) -> str:
        """Start it, wait until it is healthy, and answer its address.

        A service that answers in time but is not ready waits for another part: it goes on running, and
        `problem` says for what.

        Raises:
            ServiceRefused: It ended or did not answer in time.
        """
        await self._finish_reading()
        reader, writer = os.pipe()
        credentials = hand_over(self._spec.credentials)
        try:
            # -P: a file of the caller's folder must not take the place of a module.
            self._child = await spawn(
                [Path(sys.executable), "-P", "-u", *self._label, "-m", self._spec.module],
                death_signal=signal.SIGTERM,
                output=writer,
                environment={**self._spec.environment, DESCRIPTOR: str(credentials)},
                keep_open=[*self._keep_open, credentials],
            )
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
            os.close(credentials)
        self._reading = asyncio.create_task(self._pass_on(reader))
        try:
            self.problem = await self._until_started(self._child)
        except NotReady as error:
            exit_code = self._child.exit_code
            await self.stop()
            raise ServiceRefused(self.name, str(error), exit_code) from error
        except BaseException:
            await self.stop()
            raise
        return self._spec.address

    async def wait(self) -> int:
        """The exit code, once it ended."""
        return await self._running.wait()

    async def stop(self, hurry: asyncio.Event | None = None) -> None:
        """Stop it; harmless if it does not run."""
        if self._child is not None:
            is_at_work = self._is_healthy if self._spec.ends_scripts else None
            await self._child.stop(
                signal.SIGTERM, self._spec.stop_seconds, hurry=hurry, is_at_work=is_at_work
            )
        await self._finish_reading()

    def kill(self) -> None:
        """End it as a crash would."""
        self._running.send(signal.SIGKILL)

    async def responds(self) -> bool:
        """Whether it answers at all, ready or not."""
        return await answers(self._spec.health_host, self._spec.health_port, _LONGEST_CHECK)

    async def _until_started(self, child: Child) -> str | None:
        """Wait until it is healthy, or answers after the time for that; returns why it is not ready then.

        Raises:
            NotReady: It ended or does not answer.
        """
        try:
            await until_ready(child, self._is_healthy, self._ready_seconds)
        except NotReady:
            if child.exit_code is not None:
                raise
            await until_ready(child, self.responds, _START_SECONDS - self._ready_seconds)
            return await self._finding() or None
        return None

    async def _is_healthy(self) -> bool:
        return await is_healthy(self._spec.health_host, self._spec.health_port)

    async def _finding(self) -> str | None:
        """What /healthz says is missing: empty when nothing is, None when there is no answer."""
        try:
            answer = await get(
                self._spec.health_host, self._spec.health_port, "/healthz", timeout=_LONGEST_CHECK
            )
        except OSError:
            return None
        if answer.status == 200:
            return ""
        try:
            missing = json.loads(answer.body)["missing"].items()
        except (ValueError, KeyError, TypeError, AttributeError):
            return f"/healthz answers {answer.status}"
        return "; ".join(f"{name}: {why}" for name, why in missing)

    async def _pass_on(self, descriptor: int) -> None:
        async for line in _lines(descriptor):
            self._announce.output(self.name, line)

    async def _finish_reading(self) -> None:
        """Pass on what a dead process wrote last; waits, not for ever, for those that inherited its pipe."""
        if self._reading is not None:
            await asyncio.wait({self._reading}, timeout=_LAST_LINES_SECONDS)
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
            self._reading = None


async def _lines(descriptor: int) -> AsyncIterator[str]:
    """Lines read from a pipe until its last writer is gone; an endless line comes in pieces."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
    )
    try:
        rest = b""
        while chunk := await reader.read(_LONGEST_LINE):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > _LONGEST_LINE:
                lines, rest = [*lines, rest], b""
            for line in lines:
                yield line.decode("utf-8", "replace")
        if rest:
            yield rest.decode("utf-8", "replace")
    finally:
        transport.close()
