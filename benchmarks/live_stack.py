"""A whole webjobs on a folder of its own, with jobs dropped into it before it starts."""

import asyncio
import http.client
import json
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import psutil
from figures import note
from webjobs_stack.nats_server import run_nats_server
from webjobs_stack.ports import free_port
from webjobs_stack.postgres import run_postgres
from webjobs_stack.stack import Stack, StackOptions

KEEP = "WEBJOBS_BENCH_KEEP"
_DEPLOY_SECONDS = 120.0
_LONGEST_IDLE = 5.0  # seconds; the api closes a connection without a request after 10
_CALLERS_OWN = ("PATH", "HOME", "LANG", "TMPDIR")


class Silence:
    """An announcer that passes on nothing but trouble."""

    def __init__(self) -> None:
        self.last_lines: list[str] = []

    def ready(self, name: str, seconds: float, address: str) -> None:
        """A part can be used."""

    def unready(self, name: str, seconds: float, why: str) -> None:
        """A part waits for something else."""

    def uses(self, name: str, address: str) -> None:
        """A server that somebody else runs."""

    def died(self, name: str, how: str, restart_in_seconds: float) -> None:
        """A part ended though nobody asked it to: the figures would be wrong."""
        raise RuntimeError(f"{name} died ({how}):\n" + "\n".join(self.last_lines))

    def stopped(self, name: str, seconds: float) -> None:
        """A part ended as it was asked to."""

    def output(self, name: str, line: str) -> None:
        """A service wrote a line."""
        self.last_lines = [*self.last_lines[-20:], f"{name}: {line}"]

    def starting(self, name: str, why: str) -> None:
        """A part takes some time to start."""

    def waiting_for_a_killed_stack(self, folder: Path) -> None:
        """Cannot be: the folder is new."""


@dataclass(frozen=True, slots=True)
class LiveStack:
    """Where everything of it is."""

    port: int
    nats_url: str
    database_url: str
    folder: Path

    def process(self, module: str) -> psutil.Process:
        """The process of one service, such as `webjobs_runner`."""
        for child in psutil.Process().children(recursive=True):
            if module in child.cmdline():
                return child
        raise LookupError(module)

    def nats_server(self) -> psutil.Process:
        """The process of nats-server."""
        return _child_named("nats-server")

    def postgres(self) -> psutil.Process:
        """The first process of Postgres, which is the parent of all others."""
        return _child_named("postgres")

    def launcher(self) -> psutil.Process:
        """The process that starts the runner's scripts."""
        (launcher,) = (
            child
            for child in self.process("webjobs_runner").children()
            if any("webjobs_runner.processes.launcher" in word for word in child.cmdline())
        )
        return launcher


class Client:
    """A blocking HTTP client over one connection that is kept alive."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._connection.connect()
        self._used_at = time.monotonic()

    def ask(self, method: str, path: str) -> tuple[int, Mapping[str, str], bytes]:
        """Send a request without a body; answers status, headers and body."""
        if time.monotonic() - self._used_at > _LONGEST_IDLE:
            self._connection.close()  # the next request opens another one
        self._connection.request(method, path)
        response = self._connection.getresponse()
        body = response.read()
        self._used_at = time.monotonic()
        return response.status, dict(response.getheaders()), body

    def get(self, path: str) -> Any:
        """The JSON at a path."""
        status, _, body = self.ask("GET", path)
        if status != 200:
            raise RuntimeError(f"GET {path} answered {status}: {body!r}")
        return json.loads(body)

    def run(self, job_name: str) -> str:
        """Start a triggered job; answers the path of its run."""
        status, headers, body = self.ask("POST", f"/api/jobs/triggered/{job_name}/run")
        if status != 202:
            raise RuntimeError(f"running {job_name} answered {status}: {body!r}")
        return "/" + headers["Location"].split("/", 3)[3]

    def finished(self, run_path: str, timeout: float = 30.0) -> dict[str, Any]:
        """Wait until a run has ended, asking now and then."""
        give_up_at = time.monotonic() + timeout
        while (run := self.get(run_path))["status"] not in ("Success", "Failed", "Aborted"):
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"{run_path} is still {run['status']}")
            time.sleep(0.01)
        if run["status"] != "Success":
            raise RuntimeError(f"{run_path} ended as {run['status']}")
        return dict(run)


@contextmanager
def fresh_folder() -> Iterator[Path]:
    """A folder to work in, removed at the end; by `run.py` only when everything is measured.

    ext4 does not give the inodes of files deleted in the last minutes to new files, and looks through all
    of them whenever a file is created: what one benchmark deletes would slow down the next one.
    """
    folder = Path(tempfile.mkdtemp(prefix="webjobs-bench-"))
    try:
        yield folder
    finally:
        if KEEP not in os.environ:
            shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def live_stack(
    triggered: Mapping[str, str] | None = None,
    continuous: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
) -> AsyncIterator[LiveStack]:
    """Everything running, every job deployed; all of it gone at the end.

    Args:
        triggered: Bash scripts by job name.
        continuous: Likewise.
        environment: Settings of the services.
        settings: Texts of settings.job by name of the triggered job.
    """
    with fresh_folder() as folder:
        async with run_nats_server(folder / "nats") as nats, run_postgres(folder / "postgres") as postgres:
            own = {name: os.environ[name] for name in _CALLERS_OWN if name in os.environ}
            options = StackOptions(
                data=folder / "data",
                environment={
                    **own,
                    "WEBJOBS_NATS_URL": nats.url,
                    "WEBJOBS_DATABASE_URL": postgres.url,
                    **(environment or {}),
                },
                port=free_port(),
            )
            _drop(options.data, "triggered", triggered or {})
            _drop(options.data, "continuous", continuous or {})
            for name, text in (settings or {}).items():
                (_folder(options.data, "triggered", name) / "settings.job").write_text(text)
            silence = Silence()
            try:
                async with Stack(options, silence):
                    stack = LiveStack(options.port, nats.url, postgres.url, options.data)
                    await _deployed(stack, "triggered", len(triggered or {}))
                    await _deployed(stack, "continuous", len(continuous or {}))
                    yield stack
            except Exception:
                note("\n".join(["the services said last:", *silence.last_lines]))
                raise


def _child_named(name: str) -> psutil.Process:
    for child in psutil.Process().children(recursive=True):
        if child.name() == name:
            return child
    raise LookupError(name)


async def ended_runs(connection: "asyncpg.Connection[asyncpg.Record]") -> int:
    """How many runs have their last event in the projection."""
    return int(
        await connection.fetchval(
            "SELECT count(*) FROM runs WHERE status IN ('Success', 'Failed', 'Aborted')"
        )
    )


def _folder(data: Path, job_type: str, name: str) -> Path:
    return data / "site" / "wwwroot" / "app_data" / "jobs" / job_type / name


def _drop(data: Path, job_type: str, scripts: Mapping[str, str]) -> None:
    for name, script in scripts.items():
        job = _folder(data, job_type, name)
        job.mkdir(parents=True)
        (job / "run.sh").write_text(script)


async def _deployed(stack: LiveStack, job_type: str, count: int) -> None:
    give_up_at = time.monotonic() + _DEPLOY_SECONDS
    client = Client(stack.port)
    while (found := len(await asyncio.to_thread(client.get, f"/api/jobs/{job_type}"))) < count:
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"{found} of {count} {job_type} jobs are deployed")
        await asyncio.sleep(0.1)


Answer = tuple[int, object, bytes]


def timed(ask: Callable[[], Answer]) -> tuple[float, bytes]:
    """Milliseconds until the whole answer is at the client, and the answer."""
    began = time.perf_counter()
    status, _, body = ask()
    took = 1000 * (time.perf_counter() - began)
    assert status == 200, body
    return took, body
