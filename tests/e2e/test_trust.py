"""What a job finds of the services' credentials: in its environment, in /proc, on NATS and on disk."""

import os
import re
import stat
from urllib.parse import urlsplit

import asyncpg
import nats
import pytest
from nats.errors import TimeoutError as NoAnswer
from support.client import Client, unique
from support.stack import RunningStack

PARTS = ("api", "runner", "history", "nats", "postgres")
LOGIN = re.compile(r"//[^/\s:@]+:([^@\s]+)@")
LOOKS_AROUND = """
env
for pid in "$@"; do tr '\\0' '\\n' < /proc/$pid/environ; tr '\\0' '\\n' < /proc/$pid/cmdline; done 2>/dev/null
true
"""


async def test_no_environment_or_command_line_shows_a_login(client: Client, stack: RunningStack) -> None:
    """As root a job reads every environment there is, so what it does not find is not there."""
    name = unique("looks-around")
    await client.put_script("triggered", name, LOOKS_AROUND)
    pids = {stack.pid, *stack.processes(), *map(stack.pid_of, PARTS)}
    run = await client.run_to_end(name, " ".join(map(str, pids)))
    seen = "\n".join(await client.output_of(run))
    assert "WEBJOBS_RUN_ID" in seen
    assert "webjobs_history" in seen
    assert LOGIN.findall(seen) == []
    assert password_of(stack.nats_url) not in seen
    for variable in ("WEBJOBS_NATS_URL", "WEBJOBS_DATABASE_URL", "WEBJOBS_PASSWORD"):
        assert not re.search(rf"{variable}=[^\s]", seen)


@pytest.mark.skipif(os.geteuid() == 0, reason="to root no process is closed")
async def test_a_job_reads_nothing_of_a_service(client: Client, stack: RunningStack) -> None:
    pids = [stack.pid, *(stack.pid_of(part) for part in ("api", "runner", "history"))]
    name = unique("reads")
    reads = "\n".join(f"cat /proc/{pid}/environ /proc/{pid}/maps 2>/dev/null" for pid in pids)
    await client.put_script("triggered", name, f"{reads}\ntrue")
    assert await client.output_of(await client.run_to_end(name)) == []


async def test_every_service_is_closed_to_other_processes(stack: RunningStack) -> None:
    """The kernel gives the files of such a process to root; as root, that shows nothing."""
    for pid in (stack.pid, *(stack.pid_of(part) for part in ("api", "runner", "history"))):
        assert os.stat(f"/proc/{pid}/environ").st_uid == 0


async def test_without_a_login_nats_refuses_what_is_not_reading_events(stack: RunningStack) -> None:
    anybody = await nats.connect(stack.nats_address, error_cb=ignored)
    try:
        assert (await anybody.jetstream().stream_info("WEBJOBS_EVENTS")).state.messages > 0
        for request in (
            "$JS.API.STREAM.DELETE.WEBJOBS_EVENTS",
            "$JS.API.STREAM.INFO.KV_WEBJOBS_HOOKS",
            "$JS.API.STREAM.NAMES.X",
        ):
            with pytest.raises(NoAnswer):
                await anybody.request(request, b"", timeout=0.5)
        assert (await anybody.jetstream().stream_info("WEBJOBS_EVENTS")).state.messages > 0
    finally:
        await anybody.close()


async def test_the_operators_address_is_for_its_owner_only(stack: RunningStack) -> None:
    file = stack.data / "nats" / "operator.url"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    operator = await nats.connect(file.read_text().strip())
    try:
        assert "KV_WEBJOBS_HOOKS" in [info.config.name for info in await operator.jetstream().streams_info()]
    finally:
        await operator.close()


async def test_no_file_holds_the_password_of_postgres(stack: RunningStack) -> None:
    folder = stack.data / "postgres"
    assert not [path.name for path in folder.iterdir() if "password" in path.name]
    port = int((folder / "cluster" / "postmaster.pid").read_text().splitlines()[3])
    with pytest.raises((asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError)):
        await asyncpg.connect(f"postgresql://webjobs@127.0.0.1:{port}/webjobs")


def password_of(url: str) -> str:
    password = urlsplit(url).password
    assert password
    return password


async def ignored(_error: Exception) -> None:
    pass
