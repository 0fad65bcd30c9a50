"""`webjobs repair history` after damage of the embedded Postgres, as a person runs it."""

import asyncio
import os
from pathlib import Path

import pytest
from support.client import client_of
from support.stack import WEBJOBS, RunningStack, webjobs_up


async def repair(data: Path, *options: str) -> tuple[int, str]:
    """Run the command; returns its exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(str(WEBJOBS), "repair", "history", "--data", str(data), *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"PATH": os.environ["PATH"]},
    )
    said, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_a_running_stack_is_left_alone(stack: RunningStack) -> None:
    code, said = await repair(stack.data)
    assert code == 1 and "is in use" in said


async def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    code, said = await repair(tmp_path / "nothing")
    assert code == 1 and "does not exist" in said
    assert not (tmp_path / "nothing").exists()


@pytest.mark.timeout(300)
async def test_history_is_the_same_after_the_repair_of_a_database_that_does_not_start(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with webjobs_up(data) as stack, client_of(stack.url) as client:
        await client.put_script("triggered", "hello", "echo hello")
        for _ in range(2):
            await client.run_to_end("hello")
        before = await client.runs_of("hello")
    assert len(before) == 2
    (data / "postgres" / "cluster" / "global" / "pg_control").write_bytes(os.urandom(8192))

    code, said = await repair(data)

    assert code == 0, said
    assert "does not start" in said and "History is rebuilt." in said
    assert list((data / "postgres").glob("cluster.damaged-*"))
    async with webjobs_up(data) as stack, client_of(stack.url) as client:
        after = await client.runs_of("hello")
        assert [(run["id"], run["status"]) for run in after] == [(run["id"], run["status"]) for run in before]
