"""Everything of a stack is killed in one moment, and the next `webjobs up` starts at its first try."""

import asyncio
import contextlib
import ctypes
import os
import pwd
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from support.client import client_of
from support.eventually import pause
from support.servers import own_postgres_in
from support.stack import READY, webjobs_up
from webjobs_stack.folder import DataFolder
from webjobs_stack.postgres import Postgres
from webjobs_stack.postgres_cluster import USER_INSTEAD_OF_ROOT
from webjobs_stack.proc import is_alive, processes_in, processes_with_argument

_PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture
def zombies_stay() -> Iterator[None]:
    """Orphans become children of this process, which does not collect them: as in many a container."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    yield
    assert libc.prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) == 0


def zombies_of(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists() and not is_alive(pid)]


def zombie_of_postgres() -> int:
    """Pid of a process that looks like Postgres, has ended, and is not collected before this session ends."""
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        Path("/proc/self/comm").write_text("postgres")
        if os.geteuid() == 0:
            os.setuid(pwd.getpwnam(USER_INSTEAD_OF_ROOT).pw_uid)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as ended:
        ended.read()
    return pid


def collect(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


@pytest.mark.usefixtures("zombies_stay")
async def test_a_stack_starts_at_once_after_everything_was_killed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with webjobs_up(data) as stack:
        async with client_of(stack.url) as client:
            await client.put_script("triggered", "before", "echo before")
            await client.run_to_end("before")
        pids = [
            *stack.processes(),
            stack.pid_of("postgres"),
            *processes_in(data / "postgres/cluster"),
        ]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):  # it may have ended with its parent
                os.kill(pid, signal.SIGKILL)
        nats_port = stack.nats_address.rpartition(":")[2]
        async with webjobs_up(data, wait=False, WEBJOBS_NATS_PORT=nats_port) as again:
            await again.until_said(READY)
            assert "did not start" not in again.said
            assert zombies_of(pids), "no process of the killed stack was left uncollected"
            async with client_of(again.url) as client:
                assert [run["status"] for run in await client.runs_of("before")] == ["Success"]
                await client.run_to_end("before")
    collect(pids)


@pytest.fixture
async def killed_postgres(tmp_path: Path) -> AsyncIterator[Postgres]:
    """A server of which no process is left, but its pid file."""
    async with own_postgres_in(tmp_path / "postgres") as server:
        for pid in {server.pid, *processes_in(server.cluster)}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await server.wait()
        assert (server.cluster / "postmaster.pid").exists()
        yield server


def name_in_pid_file(server: Postgres, pid: int) -> None:
    pid_file = server.cluster / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(pid), *lines[1:]]) + "\n")


async def test_a_zombie_in_the_pid_file_does_not_stop_postgres(killed_postgres: Postgres) -> None:
    name_in_pid_file(killed_postgres, zombie_of_postgres())
    await killed_postgres.start()


async def test_a_postgres_of_another_cluster_in_the_pid_file_does_not_stop_postgres(
    killed_postgres: Postgres, postgres_server: Postgres
) -> None:
    name_in_pid_file(killed_postgres, postgres_server.pid)
    await killed_postgres.start()
    assert killed_postgres.pid != postgres_server.pid


async def test_what_a_killed_postgres_left_is_seen_through_a_link_and_killed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    async with own_postgres_in(tmp_path / "link") as server:
        children = set(processes_in(server.cluster)) - {server.pid}
        assert children
        for pid in children:
            os.kill(pid, signal.SIGSTOP)
        server.kill()
        await server.start()
        assert not children & set(processes_in(server.cluster))


async def test_a_stack_killed_a_moment_ago_does_not_hold_the_folder(tmp_path: Path) -> None:
    """The kernel shows a killed process as alive, and its lock as held, until it has taken it down."""
    folder = DataFolder(tmp_path)
    folder.make()
    held = await folder.lock(lambda: None)

    async def dies_a_moment_later() -> None:
        await pause(0.3, "what the kernel takes on a busy machine")
        os.close(held)

    dying = asyncio.create_task(dies_a_moment_later())
    os.close(await folder.lock(lambda: None))
    await dying


async def test_a_process_that_is_closed_to_others_is_found_by_its_command_line(tmp_path: Path) -> None:
    label = DataFolder(tmp_path / "da ta ü").label
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", label, "-c", "import sys; print(1, flush=True); sys.stdin.read()"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdout is not None
    await child.stdout.readline()
    assert processes_with_argument(label) == [child.pid]
    assert processes_with_argument(label + "x") == []
    child.kill()
    await child.wait()
    assert processes_with_argument(label) == []
