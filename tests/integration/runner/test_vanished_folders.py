"""A job's folder that is taken away at any moment takes the job away: what counts is the disk."""

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.event_recorder import EventRecorder
from support.eventually import eventually, pause
from support.process_search import processes_with
from support.runners import Caller, RunningRunner, running_runner
from support.site_paths import job_folder
from webjobs_events.events import ContinuousRunning, ContinuousStopped, Removed
from webjobs_events.jetstream import Bus
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobType

TRIGGERED, CONTINUOUS = JobType.TRIGGERED, JobType.CONTINUOUS
# Around what the watcher does: it gathers for 0.2 s, looks, and looks again a second later.
DELAYS = (0.0, 0.05, 0.19, 0.4, 0.9, 1.25, 1.6, 2.0)  # seconds
LIMIT = 5.0  # seconds from the removal on


async def is_gone(bus: Bus, job_type: JobType, job_name: str) -> bool:
    return await bus.jobs.get(Subjects.definition_key(job_type, job_name)) is None


async def until_installed(folder: Path) -> None:
    """The reply to an upload waits for its files, but not for ever on a busy disk."""
    await eventually((folder / "run.sh").exists, 30, interval=0.001)


def take_folder(folder: Path) -> None:
    shutil.rmtree(folder)


def take_script(folder: Path) -> None:
    (folder / "run.sh").unlink()


def move_away(folder: Path) -> None:
    folder.rename(folder.parents[6] / f"moved-{folder.name}")


def replace_script_by_folder(folder: Path) -> None:
    (folder / "run.sh").unlink()
    (folder / "run.sh").mkdir()


REMOVALS = (take_folder, take_script, move_away, replace_script_by_folder)


@pytest.mark.parametrize("remove", REMOVALS)
async def test_files_taken_away_at_any_moment_after_an_upload_take_the_job_away(
    runner: RunningRunner,
    caller: Caller,
    bus: Bus,
    tmp_path: Path,
    remove: Callable[[Path], None],
) -> None:
    async def upload_and_remove(delay: float) -> None:
        name = f"job-{delay}"
        await caller.deploy(TRIGGERED, name, {"run.sh": "echo", "settings.job": "{}"})
        await until_installed(job_folder(tmp_path, TRIGGERED, name))
        await pause(delay, "the property is over this delay")
        remove(job_folder(tmp_path, TRIGGERED, name))
        await eventually(lambda: is_gone(bus, TRIGGERED, name), LIMIT)

    await asyncio.gather(*map(upload_and_remove, DELAYS))


@pytest.mark.parametrize("remove", [take_folder, take_script])
async def test_files_taken_away_at_any_moment_after_an_edit_take_the_job_away(
    runner: RunningRunner, caller: Caller, bus: Bus, tmp_path: Path, remove: Callable[[Path], None]
) -> None:
    async def edit_and_remove(delay: float) -> None:
        name = f"job-{delay}"
        await caller.deploy(TRIGGERED, name, {"run.sh": "echo"})
        await until_installed(job_folder(tmp_path, TRIGGERED, name))
        (job_folder(tmp_path, TRIGGERED, name) / "run.sh").write_text("echo edited")
        await pause(delay, "the property is over this delay")
        remove(job_folder(tmp_path, TRIGGERED, name))
        await eventually(lambda: is_gone(bus, TRIGGERED, name), LIMIT)

    await asyncio.gather(*map(edit_and_remove, DELAYS))


@pytest.mark.parametrize("remove", [take_folder, take_script])
async def test_a_continuous_job_is_stopped_when_its_files_are_taken_away(
    runner: RunningRunner,
    caller: Caller,
    recorder: EventRecorder,
    bus: Bus,
    tmp_path: Path,
    remove: Callable[[Path], None],
) -> None:
    marker = f"MARK_{os.urandom(6).hex()}"

    async def upload_and_remove(delay: float) -> None:
        name = f"job-{delay}"
        script = f"export {marker}=1\n exec sleep 1000"
        await caller.deploy(CONTINUOUS, name, {"run.sh": script, "data.txt": "stays"})
        await eventually(lambda: recorder.of(ContinuousRunning, name))
        await pause(delay, "the property is over this delay")
        remove(job_folder(tmp_path, CONTINUOUS, name))
        await eventually(lambda: is_gone(bus, CONTINUOUS, name), LIMIT)
        await eventually(lambda: recorder.of(ContinuousStopped, name))

    await asyncio.gather(*map(upload_and_remove, DELAYS[::3]))
    await eventually(lambda: not processes_with(marker))


async def test_a_folder_removed_while_it_is_installed_is_gone_or_whole(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, bus: Bus, tmp_path: Path
) -> None:
    """`rm -rf` again and again during an upload: at the end disk and definition say the same."""
    folder = job_folder(tmp_path, TRIGGERED, "job")
    files = {"run.sh": "echo", **{f"data/{number}": "x" * 1000 for number in range(300)}}
    removed, uploading = 0, asyncio.create_task(caller.deploy(TRIGGERED, "job", files))
    while not uploading.done():
        if folder.exists():
            removing = await asyncio.create_subprocess_exec("rm", "-rf", str(folder))
            await removing.wait()
            removed += 1
        await pause(0.001, "the pace of the removals")
    await uploading
    removing = await asyncio.create_subprocess_exec("rm", "-rf", str(folder))
    await removing.wait()
    await eventually(lambda: is_gone(bus, TRIGGERED, "job"), LIMIT)
    assert not folder.exists()


async def test_the_same_files_uploaded_right_after_the_folder_was_removed_are_a_job(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, bus: Bus, tmp_path: Path
) -> None:
    folder = job_folder(tmp_path, TRIGGERED, "job")
    await caller.deploy(TRIGGERED, "job", {"run.sh": "echo"})
    await asyncio.sleep(0)
    shutil.rmtree(folder)
    await caller.deploy(TRIGGERED, "job", {"run.sh": "echo"})
    assert (folder / "run.sh").exists()
    # A job that is removed later is noticed later than this one would have been.
    await caller.deploy(TRIGGERED, "other", {"run.sh": "echo"})
    shutil.rmtree(job_folder(tmp_path, TRIGGERED, "other"))
    await eventually(lambda: is_gone(bus, TRIGGERED, "other"))
    assert not recorder.of(Removed, "job")
    assert (folder / "run.sh").exists()


async def test_a_folder_that_two_runners_share_does_not_come_back(
    bus: Bus, nats_url: str, tmp_path: Path, caller: Caller
) -> None:
    async with running_runner(bus, nats_url, tmp_path), running_runner(bus, nats_url, tmp_path):

        async def upload_and_remove(delay: float) -> None:
            name = f"job-{delay}"
            await caller.deploy(TRIGGERED, name, {"run.sh": "echo"})
            await until_installed(job_folder(tmp_path, TRIGGERED, name))
            await pause(delay, "the property is over this delay")
            shutil.rmtree(job_folder(tmp_path, TRIGGERED, name))
            await eventually(lambda: is_gone(bus, TRIGGERED, name), LIMIT)
            assert not job_folder(tmp_path, TRIGGERED, name).exists()

        await asyncio.gather(*map(upload_and_remove, DELAYS))


async def test_a_folder_that_vanishes_on_one_of_two_disks_takes_the_job_away_everywhere(
    bus: Bus, nats_url: str, tmp_path: Path, caller: Caller
) -> None:
    async with (
        running_runner(bus, nats_url, tmp_path, name="one"),
        running_runner(bus, nats_url, tmp_path, name="two"),
    ):
        await caller.deploy(TRIGGERED, "job", {"run.sh": "echo"})
        folders = [job_folder(tmp_path, TRIGGERED, "job", site) for site in ("one", "two")]
        await eventually(lambda: all((folder / "run.sh").exists() for folder in folders))
        shutil.rmtree(folders[0])
        await eventually(lambda: is_gone(bus, TRIGGERED, "job"), LIMIT)
        await eventually(lambda: not folders[1].exists())


@pytest.mark.parametrize("left", [{"run.cmd": "echo"}, {"readme.txt": "x"}, {"settings.job": "{}"}])
async def test_a_job_goes_with_its_last_runnable_script_whatever_stays(
    runner: RunningRunner,
    caller: Caller,
    recorder: EventRecorder,
    bus: Bus,
    tmp_path: Path,
    left: dict[str, str],
) -> None:
    name = f"job-{next(iter(left))}"
    await caller.deploy(CONTINUOUS, name, {"run.sh": "exec sleep 1000", **left})
    await eventually(lambda: recorder.of(ContinuousRunning, name))
    (job_folder(tmp_path, CONTINUOUS, name) / "run.sh").unlink()
    await eventually(lambda: is_gone(bus, CONTINUOUS, name), LIMIT)
    await eventually(lambda: recorder.of(ContinuousStopped, name))


async def test_a_script_that_is_put_back_makes_it_a_job_again(
    runner: RunningRunner, caller: Caller, bus: Bus, tmp_path: Path
) -> None:
    folder = job_folder(tmp_path, TRIGGERED, "job")
    await caller.deploy(TRIGGERED, "job", {"run.sh": "echo", "data.txt": "stays"})
    (folder / "run.sh").rename(tmp_path / "run.sh")
    await eventually(lambda: is_gone(bus, TRIGGERED, "job"), LIMIT)
    assert (folder / "data.txt").read_text() == "stays"
    (tmp_path / "run.sh").rename(folder / "run.sh")

    async def is_back() -> bool:
        return not await is_gone(bus, TRIGGERED, "job")

    await eventually(is_back, LIMIT)
    assert (folder / "run.sh").read_text() == "echo"


async def test_settings_left_in_an_emptied_folder_are_kept(
    runner: RunningRunner, caller: Caller, bus: Bus, tmp_path: Path
) -> None:
    folder = job_folder(tmp_path, TRIGGERED, "job")
    await caller.deploy(TRIGGERED, "job", {"run.sh": "echo", "settings.job": '{"mine": 1}'})
    (folder / "run.sh").unlink()
    await eventually(lambda: is_gone(bus, TRIGGERED, "job"), LIMIT)
    await caller.deploy(TRIGGERED, "other", {"run.sh": "echo"})  # reconciled after the removal
    assert "mine" in (folder / "settings.job").read_text()
