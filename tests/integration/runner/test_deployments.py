"""Commands about definitions on real runners: what is answered, what lies on disk, what is told."""

import hashlib
import json
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from support.definitions import job_definition
from support.event_recorder import EventRecorder
from support.eventually import eventually, stays
from support.runners import Caller, RunningRunner, running_runner, zipped
from support.site_paths import data_folder, job_folder, output_log
from webjobs_events.commands import DeployJob, ReplyCode, UploadKind
from webjobs_events.events import (
    Deleted,
    Deployed,
    DeployFailed,
    RunSuccess,
    SettingsChanged,
    SettingsRefused,
)
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobDefinition
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobType
from webjobs_rules.settings_check import warnings_of
from webjobs_rules.settings_patch import settings_tag
from webjobs_runner.files.folder_note import read_note
from webjobs_runner.files.job_files import InspectedFolder
from webjobs_runner.files.site import Site
from webjobs_runner.files.versions import Versions
from webjobs_runner.jobs import package_store, reconciler

TRIGGERED, CONTINUOUS = JobType.TRIGGERED, JobType.CONTINUOUS


def files_in(folder: Path) -> dict[str, str]:
    try:
        files = [path for path in folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(folder)): path.read_text() for path in files}
    except FileNotFoundError:  # there is none, or it is being exchanged
        return {}


async def definition_of(bus: Bus, job_type: JobType, job_name: str) -> JobDefinition | None:
    entry = await bus.jobs.get(Subjects.definition_key(job_type, job_name))
    return msgspec.json.decode(entry.value, type=JobDefinition) if entry else None


async def test_a_single_script_becomes_the_job(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    reply = await caller.deploy(TRIGGERED, "hello", {"go.sh": "echo hello"}, kind=UploadKind.SCRIPT)
    assert files_in(job_folder(tmp_path, TRIGGERED, "hello")) == {"go.sh": "echo hello"}
    await eventually(lambda: recorder.of(Deployed))
    (deployed,) = recorder.of(Deployed)
    assert (deployed.script, deployed.revision) == ("go.sh", reply.revision)
    assert isinstance(await recorder.end_of(await caller.run("hello")), RunSuccess)


async def test_an_archive_replaces_all_files_and_a_merge_keeps_the_others(
    runner: RunningRunner, caller: Caller, tmp_path: Path
) -> None:
    folder = job_folder(tmp_path, TRIGGERED, "job")
    await caller.deploy(TRIGGERED, "job", {"run.sh": "echo 1", "lib/a.txt": "a", "b.txt": "b"})
    await caller.deploy(TRIGGERED, "job", {"run.sh": "echo 2", "lib/c.txt": "c"}, kind=UploadKind.MERGE)
    assert files_in(folder) == {"run.sh": "echo 2", "lib/a.txt": "a", "b.txt": "b", "lib/c.txt": "c"}
    await caller.deploy(TRIGGERED, "job", {"run.sh": "echo 3"})
    assert files_in(folder) == {"run.sh": "echo 3"}
    await caller.deploy(TRIGGERED, "new", {"run.sh": "echo new"}, kind=UploadKind.MERGE)
    assert files_in(job_folder(tmp_path, TRIGGERED, "new")) == {"run.sh": "echo new"}


async def test_settings_in_an_archive_are_the_jobs_and_not_part_of_its_version(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, bus: Bus, tmp_path: Path
) -> None:
    await caller.deploy(
        CONTINUOUS, "job", {"run.sh": "exec sleep 1000", "settings.job": '{"is_singleton": true, "mine": 1}'}
    )
    before = await definition_of(bus, CONTINUOUS, "job")
    assert before is not None and before.settings == {"is_singleton": True, "mine": 1}
    await caller.deploy(CONTINUOUS, "job", {"run.sh": "exec sleep 1000"})
    after = await definition_of(bus, CONTINUOUS, "job")
    assert after is not None and (after.digest, after.settings) == (before.digest, before.settings)
    await caller.change_settings("job", {"stopping_wait_time": 0})
    assert '"stopping_wait_time": 0' in files_in(job_folder(tmp_path, CONTINUOUS, "job"))["settings.job"]
    await eventually(lambda: recorder.of(SettingsChanged))
    assert recorder.of(SettingsChanged)[0].settings == {"stopping_wait_time": 0}


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (b"this is no archive", ReplyCode.BAD_UPLOAD, "zip"),
        (zipped({"readme.txt": "x"}), ReplyCode.NO_RUNNABLE_SCRIPT, "No runnable script"),
        (zipped({"../run.sh": "x"}), ReplyCode.BAD_UPLOAD, ".."),
        (
            zipped({"run.sh": "x", "settings.job": '{"is_singleton": "yes"}'}),
            ReplyCode.INVALID_SETTINGS,
            "is_singleton",
        ),
    ],
)
async def test_a_refused_upload_leaves_the_version_before_as_it_was(
    runner: RunningRunner,
    caller: Caller,
    recorder: EventRecorder,
    bus: Bus,
    tmp_path: Path,
    content: bytes,
    code: ReplyCode,
    says: str,
) -> None:
    await caller.deploy(CONTINUOUS, "job", {"run.sh": "exec sleep 1000", "data.bin": "x" * 1000})
    await eventually(lambda: recorder.statuses("job")[-1:] == ["Running"])
    folder, before = job_folder(tmp_path, CONTINUOUS, "job"), await definition_of(bus, CONTINUOUS, "job")
    digests = {name: hashlib.sha256(text.encode()).digest() for name, text in files_in(folder).items()}
    upload = await caller.upload(content)
    reply = await caller.ask(caller.command(DeployJob, CONTINUOUS, "job", upload=upload, kind=UploadKind.ZIP))
    assert (reply.code, says in reply.message) == (code, True), reply
    after = {name: hashlib.sha256(text.encode()).digest() for name, text in files_in(folder).items()}
    assert after == digests
    assert await definition_of(bus, CONTINUOUS, "job") == before
    assert recorder.statuses("job") == ["Initializing", "Starting", "Running"]
    await eventually(lambda: recorder.of(DeployFailed))
    assert recorder.of(DeployFailed)[0].reason == reply.message
    assert not await bus.packages.exists(upload)


async def test_commands_about_jobs_that_are_not_there_say_so(runner: RunningRunner, caller: Caller) -> None:
    for reply in (
        await caller.start("nobody"),
        await caller.stop("nobody"),
        await caller.delete(TRIGGERED, "nobody"),
        await caller.change_settings("nobody", {}),
        await caller.patch_settings("nobody", {}),
    ):
        assert reply.code is ReplyCode.JOB_NOT_FOUND
        assert "nobody" in reply.message


async def test_settings_that_mean_nothing_are_refused(runner: RunningRunner, caller: Caller) -> None:
    await caller.deploy(TRIGGERED, "job", {"run.sh": "echo"})
    reply = await caller.change_settings("job", {"stopping_wait_time": "long"}, TRIGGERED)
    assert reply.code is ReplyCode.INVALID_SETTINGS
    assert "stopping_wait_time" in reply.message


async def test_a_patch_is_checked_as_a_whole_and_changes_what_it_names(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, bus: Bus, tmp_path: Path
) -> None:
    await caller.deploy(TRIGGERED, "job", {"run.sh": "echo"})
    settings = {"schedule": "0 0 2 * * *", "env": {"A": "1", "B": "2"}, "mine": 1}
    await caller.change_settings("job", settings, TRIGGERED)
    for faulty, key in (
        ({"schedule": "often"}, "schedule"),
        ({"env": {"A": 5}}, "env"),
        ({"timeOut": 1}, "timeout"),
    ):
        refused = await caller.patch_settings("job", faulty, TRIGGERED)
        assert (refused.code, key in refused.message) == (ReplyCode.INVALID_SETTINGS, True), refused
    await eventually(lambda: len(recorder.of(SettingsRefused)) == 3)
    other = await caller.patch_settings("job", {"mine": 2}, TRIGGERED, only_if=[settings_tag({})])
    assert (other.code, "job" in other.message) == (ReplyCode.PRECONDITION, True), other
    definition = await definition_of(bus, TRIGGERED, "job")
    assert definition is not None and definition.settings == settings

    patch = {"schedule": "@daily", "env": {"A": None, "C": "3"}, "timeout": 9, "mine": None}
    reply = await caller.patch_settings("job", patch, TRIGGERED, only_if=[settings_tag(settings)])
    assert reply.code is ReplyCode.DONE, reply
    definition = await definition_of(bus, TRIGGERED, "job")
    expected = {"schedule": "@daily", "env": {"B": "2", "C": "3"}, "timeout": 9}
    assert definition is not None and definition.settings == expected
    assert definition.settings_warnings == warnings_of(expected) != []
    saved = files_in(job_folder(tmp_path, TRIGGERED, "job"))["settings.job"]
    assert json.loads(saved) == expected
    same = await caller.patch_settings("job", {"timeout": 9}, TRIGGERED)
    assert (same.code, same.revision) == (ReplyCode.DONE, reply.revision)


async def test_a_deployment_that_is_handed_out_again_is_told_once(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    upload = await caller.upload(zipped({"run.sh": "echo"}))
    command = caller.command(DeployJob, TRIGGERED, "job", upload=upload, kind=UploadKind.ZIP)
    async with running_runner(bus, nats_url, tmp_path):
        first = await caller.ask(command)
        again = await caller.ask_again(command)
        assert (again.code, again.revision) == (ReplyCode.DONE, first.revision)
        assert not await bus.packages.exists(upload)
        await caller.deploy(TRIGGERED, "job", {"run.sh": "echo 2"})
        late = await caller.ask_again(command)
        assert late.code is ReplyCode.BAD_UPLOAD
        await recorder.until_published()
    assert recorder.changes("job") == ["Deployed", "Deployed"]


async def test_what_follows_a_deployment_is_done_once_however_often_it_is_handed_out(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    run_id = caller.run_command("job").run_id
    command = caller.command(
        DeployJob,
        TRIGGERED,
        "job",
        upload=await caller.upload(zipped({"run.sh": "echo", "settings.job": '{"timeout": 5}'})),
        kind=UploadKind.ZIP,
        patch={"schedule": "0 0 2 1 1 *", "timeout": None},
        run_id=run_id,
    )
    async with running_runner(bus, nats_url, tmp_path):
        reply = await caller.ask(command)
        assert (reply.code, reply.has_followed, reply.run_fault) == (ReplyCode.DONE, True, "")
        entry = await bus.jobs.get(Subjects.definition_key(TRIGGERED, "job"))
        assert entry is not None
        settings = msgspec.json.decode(entry.value, type=JobDefinition).settings
        assert settings == {"schedule": "0 0 2 1 1 *"}
        end = await recorder.end_of(run_id)
        assert isinstance(end, RunSuccess) and end.digest
        again = await caller.ask_again(command)
        assert (again.revision, again.has_followed) == (reply.revision, True)
        await eventually(lambda: caller.is_free("job"))
        await recorder.until_published()
    assert [each.name for each in recorder.of_run(run_id)] == ["Initializing", "Running", "Success"]


@pytest.mark.parametrize("patch", [{"enabled": False}, {"schedule": "often"}])
async def test_a_job_that_may_not_run_is_not_run_after_its_deployment(
    runner: RunningRunner, caller: Caller, patch: dict[str, object]
) -> None:
    upload = await caller.upload(zipped({"run.sh": "echo"}))
    run_id = caller.run_command("job").run_id
    facts = {"upload": upload, "kind": UploadKind.ZIP, "patch": patch, "run_id": run_id}
    reply = await caller.ask(caller.command(DeployJob, TRIGGERED, "job", **facts))
    if "enabled" in patch:
        assert (reply.code, "enabled is false" in reply.run_fault) == (ReplyCode.DONE, True)
    else:
        assert (reply.code, "six fields" in reply.message) == (ReplyCode.INVALID_SETTINGS, True)
    assert await caller.is_free("job")


async def test_a_superseded_package_goes_unless_another_job_uses_it(
    bus: Bus,
    nats_url: str,
    caller: Caller,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(package_store, "KEEP_SECONDS", 0.2)
    async with running_runner(bus, nats_url, tmp_path):
        digests = []
        for name, text in (("a", "shared"), ("b", "shared"), ("c", "alone")):
            await caller.deploy(TRIGGERED, name, {"run.sh": f"echo {text}"})
            definition = await definition_of(bus, TRIGGERED, name)
            assert definition is not None
            digests.append(definition.digest)
        shared, same, alone = digests
        assert shared == same
        await caller.deploy(TRIGGERED, "a", {"run.sh": "echo changed"})
        await caller.delete(TRIGGERED, "c")

        async def is_gone(digest: str = alone) -> bool:
            return not await bus.packages.exists(digest)

        await eventually(is_gone)
        assert await bus.packages.exists(shared)
        # Back to what was removed: it is stored again.
        await caller.deploy(TRIGGERED, "c", {"run.sh": "echo alone"})
        assert await bus.packages.exists(alone)


async def test_what_a_killed_runner_or_a_lost_sender_left_in_the_store_goes_in_time(
    bus: Bus, nats_url: str, caller: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await caller.upload(b"nobody asked for it to be deployed")
    async with running_runner(bus, nats_url, tmp_path, environment={"WEBJOBS_KEPT_VERSIONS": "1"}):
        await caller.deploy(TRIGGERED, "job", {"run.sh": "echo 1"})
        first = await definition_of(bus, TRIGGERED, "job")
        await caller.deploy(TRIGGERED, "job", {"run.sh": "echo 2"})
        second = await definition_of(bus, TRIGGERED, "job")
    assert first is not None and second is not None
    assert set(await bus.packages.listed()) == {upload, first.digest, second.digest}
    monkeypatch.setattr(package_store, "KEEP_SECONDS", 0.1)
    monkeypatch.setattr(package_store, "SWEEP_SECONDS", 0.5)
    async with running_runner(bus, nats_url, tmp_path):

        async def only_the_used_one_is_left() -> bool:
            return set(await bus.packages.listed()) == {second.digest}

        await eventually(only_the_used_one_is_left)


async def test_a_deleted_job_is_gone_with_its_runs_and_its_name_can_be_used_again(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    folder = job_folder(tmp_path, TRIGGERED, "job")
    data = data_folder(tmp_path, TRIGGERED, "job")
    for count in (1, 2):
        await caller.deploy(TRIGGERED, "job", {"run.sh": f"echo life {count}"})
        run_id = await caller.run("job")
        assert isinstance(await recorder.end_of(run_id), RunSuccess)
        assert [path.name for path in data.iterdir()] == [run_id]
        reply = await caller.delete(TRIGGERED, "job")
        assert reply.code is ReplyCode.DONE
        await eventually(lambda: not folder.exists() and not data.exists())
    await recorder.until_published()
    assert recorder.changes("job") == ["Deployed", "Deleted"] * 2


async def test_a_deletion_whose_author_died_before_telling_is_told_by_the_next(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    async with running_runner(bus, nats_url, tmp_path):
        await caller.deploy(TRIGGERED, "job", {"run.sh": "echo"})
        revision = await bus.jobs.delete(Subjects.definition_key(TRIGGERED, "job"))  # and dies
        assert (await caller.delete(TRIGGERED, "job")).code is ReplyCode.DONE
        assert (await caller.delete(TRIGGERED, "job")).code is ReplyCode.JOB_NOT_FOUND
        await recorder.until_published()
    (deleted,) = recorder.of(Deleted)
    assert deleted.revision == revision


async def test_a_dropped_folder_is_deployed_and_an_upload_after_it_wins(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, bus: Bus, tmp_path: Path
) -> None:
    folder = job_folder(tmp_path, TRIGGERED, "dropped")
    folder.mkdir(parents=True)
    (folder / "run.sh").write_text("echo dropped")
    await eventually(lambda: recorder.changes("dropped") == ["Deployed"])
    await caller.deploy(TRIGGERED, "dropped", {"run.sh": "echo uploaded"})
    assert files_in(folder) == {"run.sh": "echo uploaded"}
    (folder / "run.sh").write_text("echo edited")
    await eventually(lambda: recorder.changes("dropped") == ["Deployed"] * 3)
    assert files_in(folder) == {"run.sh": "echo edited"}
    run_id = await caller.run("dropped")
    await recorder.end_of(run_id)
    log = output_log(tmp_path, "dropped", run_id)
    assert "INFO] edited" in log.read_text()


async def test_runners_that_share_a_folder_take_a_drop_once(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    async with running_runner(bus, nats_url, tmp_path), running_runner(bus, nats_url, tmp_path):
        folder = job_folder(tmp_path, CONTINUOUS, "shared")
        folder.mkdir(parents=True)
        (folder / "run.sh").write_text("exec sleep 1000")
        await eventually(lambda: recorder.statuses("shared").count("Running") == 2)
        await caller.deploy(CONTINUOUS, "shared", {"run.sh": "echo 2; exec sleep 1000"})
        await eventually(lambda: recorder.statuses("shared").count("Running") == 4)
        await stays(lambda: recorder.changes("shared") == ["Deployed", "Deployed"], 1.5)
        await recorder.until_published()
    assert recorder.changes("shared") == ["Deployed", "Deployed"]
    assert recorder.statuses("shared").count("Starting") == 4


async def test_runners_with_separate_disks_come_to_the_same_files(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    async with running_runner(bus, nats_url, tmp_path, name="a") as first:
        await caller.deploy(TRIGGERED, "job", {"run.sh": "echo 1", "lib/a.txt": "a"})
        async with running_runner(bus, nats_url, tmp_path, name="b"):
            folders = [job_folder(tmp_path, TRIGGERED, "job", site) for site in ("a", "b")]
            await eventually(lambda: files_in(folders[1]) == {"run.sh": "echo 1", "lib/a.txt": "a"})
            (folders[1] / "run.sh").write_text("echo 2")
            await eventually(lambda: files_in(folders[0]) == {"run.sh": "echo 2", "lib/a.txt": "a"})
            await first.stop()
            await caller.deploy(TRIGGERED, "job", {"run.sh": "echo 3"})
            await caller.deploy(TRIGGERED, "late", {"run.sh": "echo late"})
            await caller.delete(TRIGGERED, "late")
            await caller.deploy(TRIGGERED, "other", {"run.sh": "echo other"})
            async with running_runner(bus, nats_url, tmp_path, name="a", instance_id=first.id):
                await eventually(lambda: files_in(folders[0]) == {"run.sh": "echo 3"})
                other = job_folder(tmp_path, TRIGGERED, "other", "a")
                await eventually(lambda: files_in(other) == {"run.sh": "echo other"})
                await caller.delete(TRIGGERED, "job")
                await eventually(lambda: not folders[0].exists() and not folders[1].exists())
    assert not job_folder(tmp_path, TRIGGERED, "late", "a").exists()


async def test_what_was_edited_alike_on_two_disks_follows_the_job_afterwards(
    bus: Bus, nats_url: str, caller: Caller, tmp_path: Path
) -> None:
    edits = {"files": ("run.sh", "echo 2"), "settings": ("settings.job", '{"timeout": 2}')}
    folders = {name: [job_folder(tmp_path, TRIGGERED, name, site) for site in "ab"] for name in edits}

    async def is_recorded(name: str) -> bool:
        definition = await definition_of(bus, TRIGGERED, name)
        note = read_note(Site(tmp_path / "b"), TRIGGERED, name)
        return definition is not None and note is not None and note.cause == definition.cause

    def timeout_in(folder: Path) -> int:
        timeout: int = json.loads(files_in(folder).get("settings.job") or "{}").get("timeout", 0)
        return timeout

    def have(name: str, file: str, text: str) -> bool:
        return all(files_in(folder).get(file) == text for folder in folders[name])

    async with running_runner(bus, nats_url, tmp_path, name="a"):
        async with running_runner(bus, nats_url, tmp_path, name="b") as second:
            for name in edits:
                await caller.deploy(TRIGGERED, name, {"run.sh": "echo 1"})
                await eventually(lambda name=name: have(name, "run.sh", "echo 1"))
                await eventually(lambda name=name: is_recorded(name))

        async def is_defined_anew(name: str) -> bool:
            return await definition_of(bus, TRIGGERED, name) != before[name]

        before = {name: await definition_of(bus, TRIGGERED, name) for name in edits}
        for name, (file, text) in edits.items():
            for folder in folders[name]:
                (folder / file).write_text(text)
        for name in edits:
            await eventually(lambda name=name: is_defined_anew(name))
        async with running_runner(bus, nats_url, tmp_path, name="b", instance_id=second.id):
            for name in edits:
                await eventually(lambda name=name: is_recorded(name))
            await caller.delete(TRIGGERED, "files")
            await caller.change_settings("settings", {"timeout": 3}, TRIGGERED)
            await eventually(lambda: not any(folder.exists() for folder in folders["files"]))
            await eventually(lambda: [timeout_in(folder) for folder in folders["settings"]] == [3, 3])


async def test_a_command_nobody_can_read_is_parked_and_the_next_one_is_done(
    runner: RunningRunner, caller: Caller, bus: Bus
) -> None:
    for verb in ("deploy", "run"):
        subject = bus.subjects.command(TRIGGERED, "odd", verb)
        await bus.connection.js.publish(subject, b"{nonsense")
    await caller.deploy(TRIGGERED, "job", {"run.sh": "echo"})

    async def both_parked() -> bool:
        return await bus.last_sequence(bus.subjects.dead_letters_stream) == 2

    await eventually(both_parked)
    await eventually(lambda: caller.is_free("odd"))


async def define_without_package(bus: Bus, job_name: str) -> None:
    definition = job_definition(job_name, digest="0" * 64, changed_at=datetime.now(UTC))
    await bus.jobs.put(Subjects.definition_key(TRIGGERED, job_name), msgspec.json.encode(definition))


@pytest.fixture
def installs(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When a version was asked for, in seconds of the monotonic clock."""
    asked_at: list[float] = []
    install = Versions.install

    async def noting(self: Versions, definition: JobDefinition, decided_on: InspectedFolder) -> None:
        asked_at.append(time.monotonic())
        await install(self, definition, decided_on)

    monkeypatch.setattr(Versions, "install", noting)
    return asked_at


async def test_a_package_that_is_missing_is_asked_for_more_and_more_seldom(
    runner: RunningRunner, bus: Bus, installs: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "_RETRY_DELAY", 0.02)
    await define_without_package(bus, "lost")
    await eventually(lambda: len(installs) >= 5)
    waits = [later - earlier for earlier, later in pairwise(installs)]
    assert all(wait >= 0.02 * 2**number for number, wait in enumerate(waits[:4]))


async def test_a_job_whose_package_is_missing_is_mended_at_once_by_a_deployment(
    runner: RunningRunner,
    bus: Bus,
    caller: Caller,
    installs: list[float],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconciler, "_RETRY_DELAY", 1000.0)
    await define_without_package(bus, "lost")
    await eventually(lambda: installs)
    await caller.deploy(TRIGGERED, "lost", {"run.sh": "echo found"})
    await eventually(lambda: files_in(job_folder(tmp_path, TRIGGERED, "lost")) == {"run.sh": "echo found"})
