"""`webjobs up` as a person starts it: a process of its own, and the parts it runs by their pids."""

import asyncio
import contextlib
import itertools
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
from support.clusters import put_cluster
from support.eventually import eventually
from support.process_search import processes_with, processes_working_in
from webjobs_stack.ports import free_port

WEBJOBS = Path(sys.executable).with_name("webjobs")
READY = "webjobs is ready: "
START_SECONDS = 90.0
_LAST_SAID = 8000  # characters of the output that an error shows


class RunningStack:
    """One `webjobs up`: where it is, what it has said, and which processes it consists of."""

    def __init__(self, process: asyncio.subprocess.Process, data: Path, output: Path, marker: str) -> None:
        self.data = data
        """The data folder."""
        self.url = ""
        self.nats_address = ""
        self.marker = marker
        self._process = process
        self._output = output

    @property
    def nats_url(self) -> str:
        """Where an operator, who may do everything, connects to NATS."""
        return (self.data / "nats" / "operator.url").read_text().strip()

    @property
    def said(self) -> str:
        """Everything written on the terminal."""
        return self._output.read_text(errors="replace")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def jobs(self) -> Path:
        """The folder that jobs are dropped into."""
        return self.data / "site" / "wwwroot" / "app_data" / "jobs"

    async def until_said(self, words: str, timeout: float = START_SECONDS) -> None:
        """Wait until it said so; if it ends instead, what it said is in the error."""
        try:
            await eventually(lambda: words in self.said or self._process.returncode is not None, timeout)
            assert words in self.said
        except AssertionError as error:
            raise AssertionError(self.said[-_LAST_SAID:]) from error

    async def ended(self) -> int:
        """Its exit code, once it ended by itself."""
        async with asyncio.timeout(START_SECONDS):
            return await self._process.wait()

    async def stop(self) -> int:
        """Ask it to stop, and answer its exit code."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        return await self.ended()

    def processes(self) -> dict[int, list[str]]:
        """Command lines of everything it runs, scripts included."""
        found = {}
        # The environment of a service is closed to its user: its command line names the folder.
        for pid in {*processes_with(self.marker), *processes_working_in(self.data)}:
            with contextlib.suppress(OSError):
                command = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
                found[pid] = command.rstrip("\0").split("\0")
        return found

    def pid_of(self, part: str) -> int:
        """Pid of `api`, `history`, `runner`, `nats` or `postgres`; of the first of several runners."""
        if part == "postgres":
            return int((self.data / "postgres" / "cluster" / "postmaster.pid").read_text().split()[0])
        if part == "nats":
            found = self._pids_with_words("--config", str(self.data / "nats" / "nats-server.conf"))
        else:
            found = self._pids_with_words("-m", f"webjobs_{part}")
        assert found, f"no process of {part}"
        return found[0]

    def pid_of_runner(self, instance_id: str) -> int:
        """Pid of the runner with this instance id."""
        for pid in self._pids_with_words("-m", "webjobs_runner"):
            if f"WEBJOBS_INSTANCE_ID={instance_id}".encode() in _environment(pid):
                return pid
        raise AssertionError(f"no runner has the id {instance_id}")

    def kill(self, part: str) -> None:
        """End one part as a crash would."""
        os.kill(self.pid_of(part), signal.SIGKILL)

    def _pids_with_words(self, first: str, second: str) -> list[int]:
        pairs = {pid: list(itertools.pairwise(words)) for pid, words in self.processes().items()}
        return sorted(pid for pid, neighbours in pairs.items() if (first, second) in neighbours)


@contextlib.asynccontextmanager
async def webjobs_up(
    data: Path, *options: str, wait: bool = True, **variables: str
) -> AsyncIterator[RunningStack]:
    """A stack on a free port, ready unless told not to wait; stopped at the end, or killed if it does not."""
    port, nats_port, marker = free_port(), free_port(), f"MARK_{secrets.token_hex(8)}"
    output = data.with_name(f"{data.name}-{marker}.out")
    if "WEBJOBS_DATABASE_URL" not in variables:
        await put_cluster(data / "postgres")
    environment = {
        "PATH": os.environ["PATH"],
        "WEBJOBS_TEMP": f"{data}-temp",
        "WEBJOBS_NATS_PORT": str(nats_port),
        marker: "1",
        **variables,
    }
    with output.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            *(str(WEBJOBS), "up", "--data", str(data), "--port", str(port), *options),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            env=environment,
        )
    stack = RunningStack(process, data, output, marker)
    stack.url, stack.nats_address = f"http://127.0.0.1:{port}", f"nats://127.0.0.1:{nats_port}"
    try:
        if wait:
            await stack.until_said(READY)
        yield stack
    except AssertionError as error:
        error.add_note(f"The stack said:\n{stack.said[-_LAST_SAID:]}")
        raise
    finally:
        try:
            await stack.stop()
        except TimeoutError:
            process.kill()
            await process.wait()


@contextlib.contextmanager
def halted(stack: RunningStack, part: str) -> Iterator[None]:
    """One part, with its children, neither answers nor ends: the supervisor sees it alive."""
    process = psutil.Process(stack.pid_of(part))
    family = [process, *process.children(recursive=True)]
    for member in family:
        os.kill(member.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for member in reversed(family):
            os.kill(member.pid, signal.SIGCONT)


def _environment(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes()
    return b""
