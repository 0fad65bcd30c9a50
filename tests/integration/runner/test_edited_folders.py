"""A run that is requested after an edit in the job's folder runs what was edited, and names its digest."""

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.event_recorder import EventRecorder
from support.eventually import eventually, pause
from support.runners import Caller, RunningRunner
from support.site_paths import data_folder, job_folder
from webjobs_events.events import ContinuousRunning, Deployed, DeployFailed, RunAborted, RunEnded, RunSuccess
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunId
from webjobs_runner.files.file_drop import FileDropWatcher
from webjobs_runner.files.in_place import InPlaceFiles
from webjobs_runner.files.installed_folders import InstalledFolders
from webjobs_runner.files.package import scan_folder
from webjobs_runner.files.site import Site

TRIGGERED, CONTINUOUS = JobType.TRIGGERED, JobType.CONTINUOUS
# What a run finds: the names of its files, and what they hold.
LIST = """
for file in $(find . -type f | sort); do
  test -x $file && echo "+x $file" || echo "$file"
  cat $file
done > "$WEBJOBS_DATA_PATH/$WEBJOBS_RUN_ID.found"
echo "$SAID" >> "$WEBJOBS_DATA_PATH/$WEBJOBS_RUN_ID.found"
"""
IN_PLACE = '{"is_in_place": true}'


def found_by(tmp_path: Path, job_name: str, run_id: RunId) -> str:
    return (data_folder(tmp_path, TRIGGERED, job_name) / f"{run_id}.found").read_text()


def digest_of(folder: Path) -> str:
    return scan_folder(folder).digest


def content(folder: Path) -> None:
    (folder / "data.txt").write_text("EDITED")


def same_size_and_time(folder: Path) -> None:
    """What is restored from an archive has the old mtime."""
    (folder / "data.txt").rename(folder.parents[5] / "before")
    (folder / "data.txt").write_text("EDITED")
    shutil.copystat(folder.parents[5] / "before", folder / "data.txt")


def new_file(folder: Path) -> None:
    (folder / "new.txt").write_text("EDITED")


def in_subfolder(folder: Path) -> None:
    (folder / "lib" / "deep.txt").write_text("EDITED")


def new_subfolder(folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "other" / "deep.txt").write_text("EDITED")


def executable(folder: Path) -> None:
    (folder / "tool").chmod(0o755)


def settings(folder: Path) -> None:
    (folder / "settings.job").write_text('{"env": {"SAID": "EDITED"}}')


def removed_file(folder: Path) -> None:
    (folder / "gone.txt").unlink()


EDITS: list[tuple[Callable[[Path], None], str]] = [
    (content, "EDITED"),
    (same_size_and_time, "EDITED"),
    (new_file, "EDITED"),
    (in_subfolder, "EDITED"),
    (new_subfolder, "EDITED"),
    (executable, "+x ./tool"),
    (settings, "EDITED"),
]
FILES = {
    "run.sh": LIST,
    "data.txt": "before",
    "gone.txt": "to be removed",
    "lib/deep.txt": "before",
    "tool": "echo",
}


@pytest.mark.parametrize(("edit", "shows"), EDITS)
async def test_a_run_requested_right_after_an_edit_runs_what_was_edited(
    runner: RunningRunner,
    caller: Caller,
    recorder: EventRecorder,
    tmp_path: Path,
    edit: Callable[[Path], None],
    shows: str,
) -> None:
    await caller.deploy(TRIGGERED, "job", FILES)
    folder = job_folder(tmp_path, TRIGGERED, "job")
    before = await recorder.end_of(await caller.run("job"))
    edit(folder)
    run_id = await caller.run("job")
    ended = await recorder.end_of(run_id)
    assert isinstance(ended, RunSuccess)
    assert shows in found_by(tmp_path, "job", run_id)
    assert shows not in found_by(tmp_path, "job", before.run_id)
    assert ended.digest == digest_of(folder)


async def test_a_run_requested_right_after_a_file_was_removed_lacks_it(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    await caller.deploy(TRIGGERED, "job", FILES)
    removed_file(job_folder(tmp_path, TRIGGERED, "job"))
    run_id = await caller.run("job")
    assert isinstance(await recorder.end_of(run_id), RunSuccess)
    assert "to be removed" not in found_by(tmp_path, "job", run_id)


async def test_a_run_requested_right_after_the_folder_was_removed_finds_no_job(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    await caller.deploy(TRIGGERED, "job", FILES)
    shutil.rmtree(job_folder(tmp_path, TRIGGERED, "job"))
    assert isinstance(await recorder.end_of(await caller.run("job")), RunAborted)


async def test_an_edit_of_a_large_folder_is_found_without_walking_it(
    runner: RunningRunner,
    caller: Caller,
    recorder: EventRecorder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("webjobs_runner.files.installed_folders.FEW_ENTRIES", 0)
    await caller.deploy(TRIGGERED, "job", FILES)
    folder = job_folder(tmp_path, TRIGGERED, "job")

    walks: list[str] = []
    original = asyncio.to_thread

    async def counted(function: Callable[..., object], /, *args: object, **more: object) -> object:
        if getattr(function, "__name__", "") == "snapshot_folder":
            walks.append(str(args))
        return await original(function, *args, **more)

    monkeypatch.setattr("webjobs_runner.files.installed_folders.asyncio.to_thread", counted)

    async def runs_without_a_walk() -> bool:
        walks.clear()
        await recorder.end_of(await caller.run("job"))
        return not walks

    await eventually(runs_without_a_walk)
    in_subfolder(folder)
    run_id = await caller.run("job")
    await recorder.end_of(run_id)
    assert "EDITED" in found_by(tmp_path, "job", run_id)


async def test_a_folder_that_is_not_at_rest_does_not_hold_a_run_up_for_long(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    await caller.deploy(TRIGGERED, "job", FILES)
    before = digest_of(job_folder(tmp_path, TRIGGERED, "job"))

    async def keep_writing() -> None:
        while True:
            with (job_folder(tmp_path, TRIGGERED, "job") / "growing.txt").open("a") as file:
                file.write("more\n")
            await pause(0.05, "the pace of the writer")

    writing = asyncio.create_task(keep_writing())
    try:
        requested_at = time.monotonic()
        ended = await recorder.end_of(await caller.run("job"))
        assert time.monotonic() - requested_at < 30
        assert ended.digest == before
    finally:
        writing.cancel()


async def test_a_retry_runs_what_was_edited_after_the_first_attempt(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    retry = '{"retry": {"max_attempts": 2, "backoff": 1}}'
    await caller.deploy(TRIGGERED, "job", {"run.sh": "exit 1", "settings.job": retry})
    first = await recorder.end_of(await caller.run("job"))
    (job_folder(tmp_path, TRIGGERED, "job") / "run.sh").write_text("exit 0")

    def second() -> RunEnded | None:
        found = [event for event in recorder.of(RunSuccess, "job") if event.attempt == 2]
        return found[0] if found else None

    ended = await eventually(second)
    assert ended is not None
    assert ended.digest != first.digest


async def test_a_continuous_job_starts_again_with_what_was_edited(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    await caller.set("WEBJOBS_RESTART_TIME", "1")
    await caller.deploy(CONTINUOUS, "job", {"run.sh": "cat data.txt; exit 1", "data.txt": "before"})
    await eventually(lambda: recorder.of(ContinuousRunning, "job"))
    (job_folder(tmp_path, CONTINUOUS, "job") / "data.txt").write_text("edited")
    edited = digest_of(job_folder(tmp_path, CONTINUOUS, "job"))
    seen = len(recorder.of(ContinuousRunning, "job"))
    await eventually(lambda: len(recorder.of(ContinuousRunning, "job")) > seen)
    assert [event.digest for event in recorder.of(ContinuousRunning, "job")][seen] == edited


# Jobs that run in place


async def test_a_run_in_place_after_a_refused_edit_runs_the_version_its_record_names(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    script = '(echo VERSION; pwd) > "$WEBJOBS_DATA_PATH/$WEBJOBS_RUN_ID.found"'
    await caller.deploy(
        TRIGGERED, "job", {"run.sh": script.replace("VERSION", "one"), "settings.job": IN_PLACE}
    )
    folder = job_folder(tmp_path, TRIGGERED, "job")
    first = await caller.run("job")
    digest = (await recorder.end_of(first)).digest
    assert found_by(tmp_path, "job", first).split() == ["one", str(folder)]

    refused = folder / os.fsdecode(b"bad\xff")
    refused.touch()
    (folder / "run.sh").write_text(script.replace("VERSION", "two"))
    second = await caller.run("job")
    assert (await recorder.end_of(second)).digest == digest
    said, where = found_by(tmp_path, "job", second).split()
    assert (said, where != str(folder)) == ("one", True)
    await eventually(lambda: recorder.of(DeployFailed, "job"))

    refused.unlink()
    third = await caller.run("job")
    assert (await recorder.end_of(third)).digest == digest_of(folder) != digest
    assert found_by(tmp_path, "job", third).split() == ["two", str(folder)]


async def test_an_edit_of_a_job_in_place_that_adds_files_of_its_own_is_deployed_before_its_run(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    script = 'date >> own.log; cat data.txt > "$WEBJOBS_DATA_PATH/$WEBJOBS_RUN_ID.found"'
    files = {"run.sh": script, "data.txt": "before", "settings.job": IN_PLACE}
    await caller.deploy(TRIGGERED, "job", files)
    for _ in range(3):
        await recorder.end_of(await caller.run("job"))
    assert len(recorder.of(Deployed, "job")) == 1
    (job_folder(tmp_path, TRIGGERED, "job") / "data.txt").write_text("edited")
    run_id = await caller.run("job")
    ended = await recorder.end_of(run_id)
    assert found_by(tmp_path, "job", run_id) == "edited"
    assert ended.digest == recorder.of(Deployed, "job")[-1].digest


async def test_a_job_that_is_about_to_be_installed_has_no_edit_to_wait_for(tmp_path: Path) -> None:
    site = Site(tmp_path / "data")
    site.ensure()
    installed = InstalledFolders(site, InPlaceFiles(tmp_path / "in-place"), FileDropWatcher(site))
    key = (TRIGGERED, JobName("job"))
    assert not await installed.has_edit(key)
    site.job_folder(*key).mkdir()
    assert await installed.has_edit(key), "a folder that was there before the runner may have been edited"
