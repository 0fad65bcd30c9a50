"""Names of jobs and runs for the completion of shells: kept for 30 s, requested quickly, silent on faults."""

import contextlib
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from webjobs_cli.names import LAST

if TYPE_CHECKING:
    from webjobs_client import Client

_KEPT_SECONDS = 30.0
_ANSWER_SECONDS = 0.18  # that the server has; with the start, a shell waits 300 ms at most
_FETCH_SECONDS = 5.0  # for a connection, and for an answer, that serve the next time
_MOST_RUNS = 20


def jobs(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Names of all jobs."""
    return _beginning(incomplete, (name for _, name in _jobs(ctx)))


def triggered_jobs(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Names of triggered jobs."""
    return _beginning(incomplete, (name for kind, name in _jobs(ctx) if kind == "triggered"))


def continuous_jobs(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Names of continuous jobs."""
    return _beginning(incomplete, (name for kind, name in _jobs(ctx) if kind == "continuous"))


def runs(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Names of jobs, and after a slash the last runs of the job."""
    job, slash, _ = incomplete.partition("/")
    if not slash:
        return jobs(ctx, parameter, incomplete)
    ids = _kept(
        ctx, f"runs/{job}", lambda client: [run.id for run in client.run_page(job=job, limit=_MOST_RUNS).runs]
    )
    return _beginning(incomplete, [f"{job}/{each}" for each in (LAST, *ids)])


def _jobs(ctx: click.Context) -> list[tuple[str, str]]:
    found = _kept(
        ctx, "jobs", lambda client: [f"{row.type}/{row.job}" for row in client.overview(limit=1000).jobs]
    )
    return [(kind, name) for kind, _, name in (each.partition("/") for each in found)]


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted({name for name in names if name.startswith(incomplete)})


def _kept(ctx: click.Context, what: str, ask: Callable[["Client"], list[str]]) -> list[str]:
    """What was kept no longer than 30 s ago, or else is answered quickly; nothing on any fault."""
    try:
        return _asked(ctx, what, ask)
    except Exception:
        return []


def _asked(ctx: click.Context, what: str, ask: Callable[["Client"], list[str]]) -> list[str]:
    from hashlib import sha256

    from webjobs_cli.invocation import Invocation
    from webjobs_cli.target import find_target

    given = ctx.find_object(Invocation) or Invocation()
    target = find_target(given.url, given.context, os.environ, Path.cwd(), runs_commands=False)
    key = sha256(f"{target.url} {target.username} {what}".encode()).hexdigest()[:32]
    path = _folder() / f"{key}.json"
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        if 0 <= time.time() - path.stat().st_mtime < _KEPT_SECONDS:
            return msgspec.json.decode(path.read_bytes(), type=list[str])
    from webjobs_client import Client

    client = Client(
        target.url, target.username or "", target.password or "", timeout=_FETCH_SECONDS, retry_for=0
    )
    return _fetched(lambda: ask(client), path)


def _fetched(ask: Callable[[], list[str]], path: Path) -> list[str]:
    """What is answered in time. A process of its own asks, and keeps what comes later for the next time."""
    import select

    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            os.close(reader)
            os.setsid()
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in range(3):  # the shell reads until these are closed
                os.dup2(nowhere, stream)
            names = ask()
            with contextlib.suppress(OSError):
                _keep(path, names)
            with open(writer, "wb") as file:
                file.write(msgspec.json.encode(names))
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        is_ready = select.select([file], [], [], _ANSWER_SECONDS)[0]
        return msgspec.json.decode(file.read(), type=list[str]) if is_ready else []


def _folder() -> Path:
    configured = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(configured) if os.path.isabs(configured) else Path.home() / ".cache") / "webjobs"


def _keep(path: Path, names: list[str]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(names))
    temporary.replace(path)
