"""What was refused in a folder is published until it is mended, and by nobody else's doing."""

import os
import shutil
from pathlib import Path

from support.eventually import eventually
from support.runners import Caller, RunningRunner, running_runner
from support.site_paths import job_folder
from webjobs_events.jetstream import Bus
from webjobs_events.refusal import decode_refusal
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobType

TRIGGERED = JobType.TRIGGERED


async def reason(bus: Bus, runner: RunningRunner, folder_name: str) -> str:
    """Why a folder is refused; empty when it is not."""
    key = Subjects.refusal_key(runner.id, TRIGGERED, folder_name)
    entry = await bus.leases.get(key)
    return decode_refusal(key, entry.value).reason if entry else ""


async def until_refused(bus: Bus, runner: RunningRunner, folder_name: str, words: str) -> None:
    async def is_refused() -> bool:
        return words in await reason(bus, runner, folder_name)

    await eventually(is_refused)


async def until_mended(bus: Bus, runner: RunningRunner, folder_name: str) -> None:
    async def is_mended() -> bool:
        return not await reason(bus, runner, folder_name)

    await eventually(is_mended)


async def test_a_folder_without_a_script_is_refused_until_it_has_one(
    runner: RunningRunner, bus: Bus, tmp_path: Path
) -> None:
    folder = job_folder(tmp_path, TRIGGERED, "job")
    folder.mkdir()
    (folder / "readme.txt").write_text("no script")
    await until_refused(bus, runner, "job", "No runnable script")
    (folder / "run.sh").write_text("echo")
    await until_mended(bus, runner, "job")


async def test_a_folder_with_nothing_but_a_link_that_leads_out_is_refused_with_that(
    runner: RunningRunner, bus: Bus, tmp_path: Path
) -> None:
    folder = job_folder(tmp_path, TRIGGERED, "job")
    folder.mkdir()
    (folder / "run.sh").symlink_to("/bin/true")
    await until_refused(bus, runner, "job", "Left out a link that leads out of the job's folder: run.sh.")
    (folder / "run.sh").unlink()
    (folder / "start.sh").write_text("echo")
    (folder / "run.sh").symlink_to("start.sh")
    await until_mended(bus, runner, "job")


async def test_litter_beside_the_jobs_is_no_refused_job(
    runner: RunningRunner, bus: Bus, tmp_path: Path
) -> None:
    (job_folder(tmp_path, TRIGGERED, "__MACOSX") / "job").mkdir(parents=True)
    (job_folder(tmp_path, TRIGGERED, "__MACOSX") / "job" / "._run.sh").touch()
    (job_folder(tmp_path, TRIGGERED, "only-litter")).mkdir()
    (job_folder(tmp_path, TRIGGERED, "only-litter") / ".DS_Store").touch()
    job_folder(tmp_path, TRIGGERED, "last").mkdir()
    (job_folder(tmp_path, TRIGGERED, "last") / "readme.txt").touch()
    await until_refused(bus, runner, "last", "No runnable script")
    assert await reason(bus, runner, "__MACOSX") == ""
    assert await reason(bus, runner, "only-litter") == ""


async def test_a_refused_folder_that_is_removed_is_refused_no_more(
    runner: RunningRunner, bus: Bus, tmp_path: Path
) -> None:
    folder = job_folder(tmp_path, TRIGGERED, "job")
    folder.mkdir()
    (folder / "readme.txt").write_text("no script")
    await until_refused(bus, runner, "job", "No runnable script")
    shutil.rmtree(folder)
    await until_mended(bus, runner, "job")


async def test_a_job_that_lost_its_script_is_gone_with_the_reason(
    runner: RunningRunner, caller: Caller, bus: Bus, tmp_path: Path
) -> None:
    await caller.deploy(TRIGGERED, "job", {"run.sh": "echo", "go.nosuchtype": "", "data.txt": ""})
    (job_folder(tmp_path, TRIGGERED, "job") / "run.sh").unlink()
    await until_refused(bus, runner, "job", "No runnable script")
    assert await bus.jobs.get(Subjects.definition_key(TRIGGERED, "job")) is None


async def test_settings_with_a_fault_are_refused_until_they_are_mended(
    runner: RunningRunner, caller: Caller, bus: Bus, tmp_path: Path
) -> None:
    await caller.deploy(TRIGGERED, "job", {"run.sh": "echo", "settings.job": '{"schedule": "0 0 0 1 1 *"}'})
    settings = job_folder(tmp_path, TRIGGERED, "job") / "settings.job"
    settings.write_text('{"schedule": "every day"}')
    await until_refused(bus, runner, "job", "schedule")
    settings.write_text('{"schedule": "0 0 0 2 2 *"}')
    await until_mended(bus, runner, "job")


async def test_an_upload_mends_what_was_refused_in_the_folder(
    runner: RunningRunner, caller: Caller, bus: Bus, tmp_path: Path
) -> None:
    await caller.deploy(TRIGGERED, "job", {"run.sh": "echo"})
    (job_folder(tmp_path, TRIGGERED, "job") / os.fsdecode(b"bad\xff")).touch()
    await until_refused(bus, runner, "job", "not UTF-8")
    await caller.deploy(TRIGGERED, "job", {"run.sh": "echo mended"})
    await until_mended(bus, runner, "job")


async def test_a_name_that_no_job_can_have_is_refused_until_it_is_changed(
    runner: RunningRunner, bus: Bus, tmp_path: Path
) -> None:
    job_folder(tmp_path, TRIGGERED, "two..dots").mkdir()
    await until_refused(bus, runner, "two..dots", "two dots")
    job_folder(tmp_path, TRIGGERED, "two..dots").rename(job_folder(tmp_path, TRIGGERED, "no-dots"))
    await until_mended(bus, runner, "two..dots")


async def test_a_refusal_of_an_earlier_start_ends_with_its_folder(
    bus: Bus, nats_url: str, tmp_path: Path, instance_id: str
) -> None:
    async with running_runner(bus, nats_url, tmp_path, instance_id=instance_id) as runner:
        for name in ("job", "two..dots"):
            job_folder(tmp_path, TRIGGERED, name).mkdir()
            (job_folder(tmp_path, TRIGGERED, name) / "readme.txt").write_text("no script")
        await until_refused(bus, runner, "job", "No runnable script")
        await until_refused(bus, runner, "two..dots", "two dots")
    for name in ("job", "two..dots"):
        shutil.rmtree(job_folder(tmp_path, TRIGGERED, name))
    async with running_runner(bus, nats_url, tmp_path, instance_id=instance_id) as runner:
        await until_mended(bus, runner, "job")
        await until_mended(bus, runner, "two..dots")
