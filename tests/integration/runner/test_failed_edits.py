"""An edit in a folder that the disk did not take is tried again, unless the job was changed since."""

import asyncio
import errno
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.eventually import eventually
from support.runners import Caller, RunningRunner
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobDefinition
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobType
from webjobs_runner.files.package import scan_folder
from webjobs_runner.jobs import reconciler
from webjobs_runner.jobs.deployment import Deployment, NewFiles

TRIGGERED = JobType.TRIGGERED
HELLO = Subjects.definition_key(TRIGGERED, "hello")


@pytest.fixture
async def edited(
    runner: RunningRunner, tmp_path: Path, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The folder of the job `hello`, whose edit the disk has just refused."""
    monkeypatch.setattr(reconciler, "_FAILURE_DELAY", 1.0)
    await caller.deploy(TRIGGERED, "hello", {"run.sh": "exit 0"})
    folder = tmp_path / "site/site/wwwroot/app_data/jobs/triggered/hello"
    await eventually(lambda: (folder / "run.sh").exists(), 10)
    failed, deploy = asyncio.Event(), Deployment.deploy

    async def fail_at_edits(deployment: Deployment, wanted: NewFiles, *report: Any) -> Any:
        if not wanted.cause.startswith("file-drop/") or failed.is_set():
            return await deploy(deployment, wanted, *report)
        failed.set()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Deployment, "deploy", fail_at_edits)
    (folder / "run.sh").write_text("exit 0 # edited")
    await asyncio.wait_for(failed.wait(), 30)
    return folder


async def test_is_taken_later(edited: Path, bus: Bus) -> None:
    await eventually(lambda: _is_definition_of(bus, edited), 15)


async def test_is_removed_when_its_job_is_deleted_meanwhile(edited: Path, caller: Caller, bus: Bus) -> None:
    await caller.delete(TRIGGERED, "hello")
    await eventually(lambda: not edited.exists(), 15)
    assert await bus.jobs.get(HELLO) is None


async def test_gives_way_to_a_later_deployment(edited: Path, caller: Caller, bus: Bus) -> None:
    await caller.deploy(TRIGGERED, "hello", {"run.sh": "exit 0 # later"})
    await eventually(lambda: (edited / "run.sh").read_text() == "exit 0 # later", 15)
    assert await _is_definition_of(bus, edited)


async def test_is_taken_with_settings_that_were_changed_meanwhile(
    edited: Path, caller: Caller, bus: Bus
) -> None:
    await caller.change_settings("hello", {"note": "later"}, TRIGGERED)
    await eventually(lambda: _is_definition_of(bus, edited), 15)
    assert (edited / "run.sh").read_text() == "exit 0 # edited"
    settings = edited / "settings.job"
    await eventually(lambda: settings.exists() and "later" in settings.read_text(), 15)


async def _is_definition_of(bus: Bus, folder: Path) -> bool:
    """Whether the job `hello` has the files of this folder now."""
    entry = await bus.jobs.get(HELLO)
    definition = entry and msgspec.json.decode(entry.value, type=JobDefinition)
    return definition is not None and definition.digest == scan_folder(folder).digest
