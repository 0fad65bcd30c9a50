"""Versions of jobs on real runners: what is remembered, kept, restored and removed."""

from pathlib import Path

import msgspec
import pytest
from support.event_recorder import EventRecorder
from support.eventually import eventually
from support.runners import Caller, RunningRunner, running_runner
from support.site_paths import job_folder
from webjobs_events.commands import CommandReply, DeployJob, ReplyCode, UploadKind
from webjobs_events.events import Deployed
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobDefinition
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobType
from webjobs_runner.jobs import package_store

TRIGGERED = JobType.TRIGGERED


@pytest.fixture
def one_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_store, "KEEP_SECONDS", 0.1)
    monkeypatch.setattr(package_store, "SWEEP_SECONDS", 0.5)


async def definition_of(bus: Bus, job_name: str = "job") -> JobDefinition:
    entry = await bus.jobs.get(Subjects.definition_key(TRIGGERED, job_name))
    assert entry is not None
    return msgspec.json.decode(entry.value, type=JobDefinition)


def restoring(caller: Caller, digest: str, job_name: str = "job") -> DeployJob:
    command = caller.command(DeployJob, TRIGGERED, job_name, upload=digest, kind=UploadKind.PACKAGE)
    assert isinstance(command, DeployJob)
    return command


async def restore(caller: Caller, digest: str, job_name: str = "job") -> CommandReply:
    return await caller.ask(restoring(caller, digest, job_name))


async def test_an_earlier_version_is_restored_as_it_was_with_the_settings_of_now(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, bus: Bus, tmp_path: Path
) -> None:
    folder = job_folder(tmp_path, TRIGGERED, "job")
    await caller.deploy(TRIGGERED, "job", {"run.sh": "echo 1", "README.md": "# One\n", "settings.job": "{}"})
    first = await definition_of(bus)
    await caller.deploy(TRIGGERED, "job", {"run.sh": "echo 2", "settings.job": '{"stopping_wait_time": 7}'})
    second = await definition_of(bus)
    assert [(each.digest, each.files, each.deployed_by) for each in second.versions] == [
        (second.digest, 1, "Test"),
        (first.digest, 2, "Test"),
    ]

    command = restoring(caller, first.digest)
    assert (await caller.ask(command)).code is ReplyCode.DONE
    third = await definition_of(bus)
    assert third.digest == first.digest
    assert third.settings == {"stopping_wait_time": 7}
    assert [each.digest for each in third.versions] == [first.digest, second.digest]
    await eventually(lambda: (folder / "run.sh").read_text() == "echo 1")
    assert (folder / "README.md").read_text() == "# One\n"
    assert [each.readme for each in (first, second, third)] == ["# One", "", "# One"]

    # The command delivered again, as after the death of its runner, and one for what is there: no change.
    assert (await caller.ask_again(command)).code is ReplyCode.DONE
    assert (await restore(caller, first.digest)).code is ReplyCode.DONE
    assert await definition_of(bus) == third
    await recorder.until_published()
    assert [each.digest for each in recorder.of(Deployed)] == [first.digest, second.digest, first.digest]


async def test_packages_of_earlier_versions_outlive_a_sweep_and_go_with_the_setting_or_the_job(
    bus: Bus, nats_url: str, caller: Caller, tmp_path: Path, one_sweep: None
) -> None:
    digests: list[str] = []

    async def left(*expected: str) -> None:
        async def are_left() -> bool:
            return set(await bus.packages.listed()) == set(expected)

        await eventually(are_left)

    environment = {"WEBJOBS_KEPT_VERSIONS": "2"}
    async with running_runner(bus, nats_url, tmp_path, environment=environment):
        for text in ("1", "2", "3"):
            await caller.deploy(TRIGGERED, "job", {"run.sh": f"echo {text}"})
            digests.append((await definition_of(bus)).digest)
        first, second, third = digests
        await left(second, third)
        assert [each.is_kept for each in (await definition_of(bus)).versions] == [True, True, False]

        gone = await restore(caller, first)
        assert (gone.code, "Deploy its files again" in gone.message) == (ReplyCode.VERSION_GONE, True)
        assert (await definition_of(bus)).digest == third
        assert (await restore(caller, second)).code is ReplyCode.DONE
        await left(second, third)

        # A package that is lost although it is kept; then the job's own end.
        await bus.packages.delete(third)
        assert (await restore(caller, third)).code is ReplyCode.VERSION_GONE
        assert (await restore(caller, second, "other")).code is ReplyCode.VERSION_GONE
        await caller.delete(TRIGGERED, "job")
        await left()
