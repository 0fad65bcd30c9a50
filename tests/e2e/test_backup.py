"""`webjobs backup` while runs go on, and `webjobs restore` into a new folder, as a person runs them."""

import asyncio
import contextlib
import json
import os
import signal
import zipfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.background import in_background
from support.client import Client, client_of
from support.eventually import eventually
from support.process_search import processes_working_in
from support.small_disk import small_disk
from support.stack import WEBJOBS, RunningStack, webjobs_up

SECRET = "hunter2-of-the-backup"
YEARLY = json.dumps({"schedule": "0 0 0 1 1 *", "env": {"TOKEN": SECRET}})
QUEUE = '{"concurrency": {"policy": "queue", "limit": 1}}'
SETTINGS = {"WEBJOBS_HOOKS_ALLOW_PRIVATE": "true"}
JOBS = ("triggered/hello", "triggered/bad", "triggered/yearly", "triggered/long", "continuous/keeper")


@dataclass(frozen=True)
class Source:
    """A stack with something of everything, its answers, and a backup that was taken while runs went on."""

    stack: RunningStack
    file: Path
    said: str
    answers: dict[str, Any]
    long_run: str


async def command(*arguments: str | Path) -> tuple[int, str]:
    """Run a command of webjobs; returns its exit code and what it said."""
    process = await started(*arguments)
    said, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode is not None
    return process.returncode, said.decode()


async def started(*arguments: str | Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        str(WEBJOBS),
        *map(str, arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"PATH": os.environ["PATH"]},
    )


async def answers_of(client: Client) -> dict[str, Any]:
    """What the api says of all that was made before the backup, without its own address."""
    addresses = [
        *(f"/api/jobs/{job}" for job in JOBS if job != "triggered/long"),
        *(f"/api/jobs/triggered/{job}/history" for job in ("hello", "bad", "yearly")),
        *(f"/api/jobs/{job}/settings" for job in JOBS),
        *(f"/api/jobs/{job}/versions" for job in JOBS),
        "/api/jobs/triggered/gone",
        "/api/jobs/triggered/gone/history",
        "/api/settings",
        "/api/hooks",
        "/api/acknowledgements",
        "/api/runs?job=hello&job=bad",
    ]
    found: dict[str, Any] = {}
    for address in addresses:
        answer = await client.get(address)
        found[address] = answer.status, answer.text.replace(client.base, "http://here")
    for name in ("hello", "bad"):
        for run in await client.runs_of(name):
            found[f"log of {run['id']}"] = (await client.get(run["output_url"])).text
    schedule = await client.json("/api/jobs/triggered/yearly/schedule?next=3")
    found["schedule"] = {name: value for name, value in schedule.items() if name != "now"}
    overview = await client.json("/api/overview?limit=100")
    found["overview"] = {
        each["job"]: each for each in overview["jobs"] if each["job"] in ("hello", "bad", "yearly")
    }
    found["acknowledged"] = overview["acknowledged"]
    return json.loads(json.dumps(found).replace(client.base, "http://here"))  # type: ignore[no-any-return]


async def populate(client: Client) -> str:
    """Make something of everything; returns the id of a run that goes on."""
    await client.post("/api/settings", json={"GREETING": "hello", "WEBJOBS_HISTORY_SIZE": "40"})
    await client.put_script("triggered", "hello", "echo first")
    await client.put_script("triggered", "hello", "echo $GREETING $1; seq 200")
    await client.put_script("triggered", "bad", "echo oh >&2; exit 3")
    await client.put_zip("triggered", "yearly", {"run.sh": "echo year", "settings.job": YEARLY})
    await client.put_script("triggered", "long", "echo begun; sleep 600")
    await client.put_script("triggered", "gone", "echo gone")
    await client.put_script("continuous", "keeper", "sleep 600")
    await client.until_status("keeper", "Running")
    for name in ("hello", "hello", "bad", "yearly", "gone"):
        await client.run_to_end(name, "a b" if name == "hello" else None)
    assert (await client.delete("/api/jobs/triggered/gone")).status == 200
    await client.post("/api/jobs/continuous/keeper/stop")
    await client.until_status("keeper", "Stopped")
    hook = {"url": f"http://user:{SECRET}@127.0.0.1:9/", "event": "Deployed", "job": "nobody"}
    assert (await client.post("/api/hooks", json=hook)).status in (200, 201)
    noted = {"type": "triggered", "job": "bad", "note": "known"}
    assert (await client.post("/api/acknowledgements", json=noted)).status == 201
    await client.put_zip("triggered", "queued", {"run.sh": "sleep 600", "settings.job": QUEUE})
    await client.begun("queued", await client.run("queued"))
    await client.run("queued", "waits")
    run = await client.run("long")
    await client.begun("long", run)
    return run


@contextlib.asynccontextmanager
async def runs_going_on(client: Client) -> AsyncIterator[None]:
    """A job of its own runs all the time."""
    await client.put_script("triggered", "busy", "echo busy")

    async def work() -> None:
        while True:
            await client.run_to_end("busy")

    working = asyncio.create_task(work())
    try:
        await client.run_to_end("hello")
        yield
        assert not working.done()
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


@contextlib.asynccontextmanager
async def prepared(folder: Path) -> AsyncIterator[Source]:
    async with webjobs_up(folder / "data", **SETTINGS) as stack, client_of(stack.url) as client:
        long_run = await populate(client)
        async with runs_going_on(client):
            answers = await answers_of(client)
            code, said = await command("backup", folder / "all.backup", "--data", stack.data)
        assert code == 0, said
        yield Source(stack, folder / "all.backup", said, answers, long_run)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    with in_background(prepared(tmp_path_factory.mktemp("source"))) as made:
        yield made


@pytest.mark.timeout(300)
async def test_restored_answers_are_those_of_before_though_the_restore_was_killed_once(
    source: Source, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    await killed_restore(source.file, data)
    code, said = await command("up", "--data", data, "--port", "1")
    assert code == 1 and "webjobs restore" in said

    code, said = await command("restore", source.file, "--data", data)

    assert code == 0, said
    with zipfile.ZipFile(source.file) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    assert f"all until event {manifest['sequence']} " in source.said and manifest["sequence"] > 0
    async with webjobs_up(data, **SETTINGS) as stack, client_of(stack.url) as client:
        assert await answers_of(client) == source.answers
        await the_open_run_is_shown_truthfully(client, source)
        waited, ran = (await client.json("/api/runs?job=queued"))["runs"]
        assert (waited["arguments"], waited["status"], ran["status"]) == ("waits", "Aborted", "Aborted")
        assert "was not started after the restore" in json.dumps(waited)
        busy = await client.runs_of("busy")
        assert busy and all(run["status"] in ("Success", "Aborted") for run in busy)
        run = await client.run_to_end("hello", "again")
        assert (await client.output_of(run))[0] == "hello again"
        assert (await client.get("/healthz")).status == 200
        runs = await client.runs_of("hello")
    code, said = await command("repair", "history", "--data", data)
    assert code == 0, said
    async with webjobs_up(data, **SETTINGS) as stack, client_of(stack.url) as client:
        rebuilt = await client.runs_of("hello")
        assert [(run["id"], run["status"]) for run in rebuilt] == [(run["id"], run["status"]) for run in runs]


async def killed_restore(file: Path, data: Path) -> None:
    """Begin a restore, and kill all of it."""
    process = await started("restore", file, "--data", data)
    await eventually((data / "restore.unfinished").exists, 60, interval=0.01)
    process.kill()
    for pid in processes_working_in(file):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    await asyncio.wait_for(process.wait(), 60)


async def the_open_run_is_shown_truthfully(client: Client, source: Source) -> None:
    run = await client.run_of("long", source.long_run)
    assert run["status"] == "Aborted"
    found = (await client.json("/api/runs?job=long"))["runs"][0]
    assert found["reason"] == "runner_lost" and "its end is not in the backup" in json.dumps(found)
    assert "begun" in (await client.get(run["output_url"])).text


async def test_only_its_owner_may_read_the_file_and_no_copy_is_left(source: Source) -> None:
    assert source.file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in source.file.parent.glob("*.backup*")] == [source.file.name]


async def test_a_file_is_replaced_only_on_request(source: Source, tmp_path: Path) -> None:
    file = tmp_path / "all.backup"
    file.write_text("precious")
    code, said = await command("backup", file, "--data", source.stack.data)
    assert code == 1 and "--force" in said and file.read_text() == "precious"
    code, said = await command("backup", file, "--data", source.stack.data, "--force")
    assert code == 0, said
    assert zipfile.is_zipfile(file)


async def test_without_a_stack_there_is_no_backup(tmp_path: Path) -> None:
    code, said = await command("backup", tmp_path / "file", "--data", tmp_path / "data")
    assert code == 1 and "webjobs up" in said and not (tmp_path / "file").exists()


async def test_a_folder_in_use_is_left_alone(source: Source) -> None:
    code, said = await command("restore", source.file, "--data", source.stack.data)
    assert code == 1 and "in use" in said


async def test_a_full_disk_leaves_no_file(source: Source, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2) as disk:
        disk.leave(8192)
        code, said = await command("backup", disk.path / "all.backup", "--data", source.stack.data)
        assert code == 1 and "cannot be written" in said and "space left" in said
        assert not list(disk.path.glob("all.backup*"))


@pytest.mark.timeout(240)
async def test_a_backup_survives_the_api_and_leaves_nothing_when_it_is_killed(
    source: Source, tmp_path: Path
) -> None:
    file, part = tmp_path / "all.backup", tmp_path / "all.backup.part"
    process = await started("backup", file, "--data", source.stack.data)
    await eventually(part.exists, 30, interval=0.01)
    os.kill(source.stack.pid_of("api"), signal.SIGKILL)
    assert await asyncio.wait_for(process.wait(), 60) == 0
    file.unlink()

    process = await started("backup", file, "--data", source.stack.data)
    await eventually(part.exists, 30, interval=0.01)
    for pid in processes_working_in(file):
        os.kill(pid, signal.SIGKILL)
    assert await asyncio.wait_for(process.wait(), 60) != 0
    assert not file.exists()
    code, said = await command("backup", file, "--data", source.stack.data)
    assert code == 0, said
    assert not part.exists()
