"""A part that gives no answer is killed and started again; one that says what it waits for is left alone."""

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from support.announcements import Announcements
from support.client import client_of
from support.clusters import put_cluster
from support.eventually import eventually
from support.stack import RunningStack, webjobs_up
from webjobs_stack import supervise
from webjobs_stack.ports import free_port
from webjobs_stack.stack import Stack, StackOptions

TOY = "support.toy_service"
TESTS = Path(__file__).parents[2]
PARTS = ("api", "runner", "history", "nats", "postgres")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "SILENT_SECONDS", 1.0)
    monkeypatch.setattr(supervise, "_PROBE_SECONDS", 0.1)
    monkeypatch.setattr(supervise, "_AGAIN_SECONDS", 0.1)
    monkeypatch.setattr(supervise, "_ANSWER_SECONDS", 0.5)


@pytest.fixture
async def options(tmp_path: Path) -> StackOptions:
    """Toy services on embedded servers."""
    await put_cluster(tmp_path / "data" / "postgres")
    environment = {"PATH": os.defpath, "PYTHONPATH": str(TESTS)}
    return StackOptions(
        tmp_path / "data",
        environment,
        port=free_port(),
        api_module=TOY,
        runner_module=TOY,
        history_module=TOY,
    )


@pytest.mark.usefixtures("impatient")
async def test_every_part_that_hangs_is_replaced(options: StackOptions) -> None:
    heard = Announcements()
    async with Stack(options, heard) as stack:
        pids = [int(heard.environment_of(name)["pid"]) for name in ("api", "runner", "history")]
        pids.append(int(next(stack.folder.nats.glob("*.ports")).stem.rpartition("_")[2]))
        pids.append(int((stack.folder.postgres / "cluster/postmaster.pid").read_text().split()[0]))
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        await eventually(lambda: all(heard.names("ready").count(part) == 2 for part in PARTS), 60)
        assert sorted(heard.names("died")) == sorted(PARTS)
        assert set(heard.ends) == {"gave no answer for 1 s and was killed"}


@pytest.mark.usefixtures("impatient")
async def test_a_part_that_says_why_it_is_not_ready_is_left_alone(
    options: StackOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webjobs_stack.services._START_SECONDS", 3.0)
    heard = Announcements()
    unready = replace(options, environment={**options.environment, "TOY_FAULT": "unready"})
    async with Stack(unready, heard) as stack:
        assert sorted(heard.names("unready")) == ["api", "history", "runner"]
        assert stack.missing == ["api", "history", "runner"]
        await asyncio.wait({asyncio.create_task(stack.run())}, timeout=3.0)
        assert heard.names("died") == []


def damage(data: Path) -> None:
    (data / "postgres" / "cluster" / "global" / "pg_control").write_bytes(b"damage")


async def test_jobs_run_while_postgres_is_damaged(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with webjobs_up(data) as stack, client_of(stack.url) as client:
        await client.put_script("triggered", "hello", "echo hello; touch $WEBJOBS_DATA_PATH/ran")
        assert await stack.stop() == 0
    damage(data)
    async with webjobs_up(data) as stack, client_of(stack.url) as client:
        assert "postgres did not start" in stack.said
        assert "api did not start" not in stack.said
        assert "`webjobs repair history`" in stack.said

        async def runs() -> bool:
            return (await client.post("/api/jobs/triggered/hello/run")).status == 202

        await eventually(runs, 20)
        await eventually((data / "data/jobs/triggered/hello/ran").exists, 20)
        assert await stack.stop() == 0


@pytest.mark.timeout(240)
async def test_a_stack_recovers_from_all_its_parts_hanging(tmp_path: Path) -> None:
    async with webjobs_up(tmp_path / "data") as stack, client_of(stack.url) as client:
        await client.put_script("triggered", "hello", "echo hello")
        before = {part: stack.pid_of(part) for part in PARTS}
        for pid in before.values():
            os.kill(pid, signal.SIGSTOP)
        await eventually(lambda: all(is_another(stack, part, pid) for part, pid in before.items()), 90)

        async def runs() -> bool:
            try:
                return (await client.post("/api/jobs/triggered/hello/run")).status == 202
            except aiohttp.ClientError as error:  # the api is just being started
                raise AssertionError(str(error)) from error

        await eventually(runs, 60)
        assert stack.said.count("gave no answer for 25 s and was killed") == len(PARTS)


def is_another(stack: RunningStack, part: str, pid: int) -> bool:
    try:
        return stack.pid_of(part) != pid
    except OSError as error:
        raise AssertionError(str(error)) from error
