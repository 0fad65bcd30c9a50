"""settings.job on a real runner: faults are refused wherever they come from, and good ones take effect."""

from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.event_recorder import EventRecorder
from support.eventually import eventually
from support.runners import Caller, RunningRunner, running_runner
from support.site_paths import job_folder, output_log
from webjobs_events.commands import ReplyCode
from webjobs_events.events import JobChanged, SettingsRefused
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobDefinition
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobName, JobType

TRIGGERED, CONTINUOUS = JobType.TRIGGERED, JobType.CONTINUOUS
FOR_EVER = {"run.sh": "exec sleep 1000"}


def nested(value: Any, levels: int) -> Any:
    """The value within so many lists."""
    for _ in range(levels):
        value = [value]
    return value


async def definition(bus: Bus, job_type: JobType, job_name: str) -> JobDefinition:
    entry = await bus.jobs.get(Subjects.definition_key(job_type, job_name))
    assert entry is not None
    return msgspec.json.decode(entry.value, type=JobDefinition)


def settings_file(tmp_path: Path, job_name: str) -> Path:
    return job_folder(tmp_path, TRIGGERED, job_name) / "settings.job"


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"schedule": "every day"}, "schedule in settings.job must have six fields"),
        ({"time_zone": "Mars/Olympus"}, "time_zone in settings.job"),
        ({"restart": {}}, "restart in settings.job is not for triggered jobs"),
        ({"env": {"WEBJOBS_NAME": "x"}}, "that name is webjobs' own"),
        ({"mine": "x" * 65_536}, "longer than 65,536 bytes"),
        ({"mine": nested(1, 32)}, "more than 32 levels deep"),
    ],
)
async def test_a_fault_in_new_settings_changes_nothing(
    settings: dict[str, Any], part: str, runner: RunningRunner, caller: Caller, bus: Bus
) -> None:
    good = {"schedule": "0 0 0 1 1 *", "mine": 1}
    await caller.deploy(TRIGGERED, "job", {"run.sh": "x", "settings.job": msgspec.json.encode(good)})
    before = await definition(bus, TRIGGERED, "job")
    reply = await caller.change_settings("job", settings, TRIGGERED)
    assert reply.code is ReplyCode.INVALID_SETTINGS and part in reply.message
    upload = {"run.sh": "y", "settings.job": msgspec.json.encode(settings)}
    reply = await caller.deploy(TRIGGERED, "job", upload, expect=ReplyCode.INVALID_SETTINGS)
    assert part in reply.message
    assert await definition(bus, TRIGGERED, "job") == before


LARGE = [
    {"mine": [1] * 32_000},
    {"mine": ["x" * 65_000]},
    {"a": nested([1] * 32_000, 30)},
    {"env": {f"NAME_{number}": "x" * 100 for number in range(500)}, "timeout": 60},
]


async def test_the_largest_settings_are_written_so_that_they_are_accepted_again(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path, instance_id: str
) -> None:
    jobs = {
        f"{way}-{number}": (way, settings)
        for way in ("settings", "zip", "drop")
        for number, settings in enumerate(LARGE)
    }

    async def is_defined(name: str, settings: dict[str, Any]) -> bool:
        return (await definition(bus, TRIGGERED, name)).settings == settings

    async with running_runner(bus, nats_url, tmp_path, instance_id=instance_id):
        for name, (way, settings) in jobs.items():
            file, text = settings_file(tmp_path, name), msgspec.json.encode(settings)
            files = {"run.sh": "exit 0"} | ({"settings.job": text} if way == "zip" else {})
            await caller.deploy(TRIGGERED, name, files)
            if way == "settings":
                assert (await caller.change_settings(name, settings, TRIGGERED)).code is ReplyCode.DONE
            elif way == "drop":
                file.write_bytes(text)
        for name, (_, settings) in jobs.items():
            await eventually(partial(is_defined, name, settings))
            written = settings_file(tmp_path, name).read_bytes()
            assert len(written) <= 65_536 and msgspec.json.decode(written) == settings
    async with running_runner(bus, nats_url, tmp_path, instance_id=instance_id):
        for name, (_, settings) in jobs.items():
            assert (await recorder.end_of(await caller.run(name))).exit_code == 0
            assert not recorder.of(SettingsRefused, name)
            assert (await definition(bus, TRIGGERED, name)).settings == settings
    for name in jobs:
        assert recorder.of(JobChanged, name)
        for event in recorder.of(JobChanged, name):
            assert len(msgspec.json.encode(event)) <= 8192


async def test_a_faulty_file_is_told_once_for_each_content_and_the_good_settings_stay(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path, instance_id: str
) -> None:
    def refused() -> list[str]:
        return [event.reason for event in recorder.of(SettingsRefused, "job")]

    file = settings_file(tmp_path, "job")
    async with running_runner(bus, nats_url, tmp_path, instance_id=instance_id):
        await caller.deploy(TRIGGERED, "job", {"run.sh": "exit 0", "settings.job": '{"timeout": 5}'})
        file.write_text('{"timeout": "soon"}')
        await eventually(lambda: len(refused()) == 1)
        assert refused()[0] == "timeout in settings.job is wrong: expected number, got string."
        assert (await definition(bus, TRIGGERED, "job")).settings == {"timeout": 5}
        await recorder.end_of(await caller.run("job"))
        file.write_text('{"timeout":')
        await eventually(lambda: len(refused()) == 2)
    async with running_runner(bus, nats_url, tmp_path, instance_id=instance_id):
        file.write_text('{"timeout": 6}')  # seen after the start, at which the fault was looked at again
        await eventually(lambda: "SettingsChanged" in recorder.changes("job"))
        assert len(refused()) == 2
        file.write_text('{"timeout":')
        await eventually(lambda: len(refused()) == 3)
    assert (await definition(bus, TRIGGERED, "job")).settings == {"timeout": 6}


async def test_variables_of_the_job_reach_its_script_over_the_app_settings(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    await caller.set("GREETING", "from the site")
    settings = {"env": {"GREETING": "from the job", "OTHER": "h\u00e9"}}
    script = 'echo "$GREETING $OTHER $WEBJOBS_NAME"'
    await caller.deploy(TRIGGERED, "job", {"run.sh": script, "settings.job": msgspec.json.encode(settings)})
    run_id = await caller.run("job")
    await recorder.end_of(run_id)
    log = output_log(tmp_path, "job", run_id)
    assert "from the job h\u00e9 job" in log.read_text()
    await caller.set("GREETING", None)


async def test_a_continuous_job_that_is_not_enabled_is_stopped_and_comes_back(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder
) -> None:
    def last() -> str:
        return recorder.statuses("job")[-1]

    await caller.deploy(CONTINUOUS, "job", FOR_EVER)
    await eventually(lambda: last() == "Running")
    await caller.change_settings("job", {"enabled": False, "stopping_wait_time": 0})
    await eventually(lambda: last() == "Stopped")
    await caller.change_settings("job", {"enabled": True, "stopping_wait_time": 0})
    await eventually(lambda: last() == "Running")


async def test_events_name_the_variables_of_env_and_never_hold_their_values(
    runner: RunningRunner, caller: Caller, recorder: EventRecorder, bus: Bus, tmp_path: Path
) -> None:
    def newest() -> JobChanged:
        return recorder.of(JobChanged, "job")[-1]

    with_secret = {"timeout": 5, "env": {"TOKEN": "canary-1", "A": "1"}}
    await caller.deploy(TRIGGERED, "job", {"run.sh": "x", "settings.job": msgspec.json.encode(with_secret)})
    await eventually(lambda: bool(recorder.of(JobChanged, "job")))
    deployed = newest()
    assert (deployed.settings, deployed.env_names) == ({"timeout": 5}, ["A", "TOKEN"])
    assert deployed.env_digest is not None and len(deployed.env_digest) == 64

    await caller.change_settings("job", {"env": {"TOKEN": "canary-2", "A": "1"}}, TRIGGERED)
    await eventually(lambda: newest() != deployed)
    assert (newest().settings, newest().env_names) == ({}, ["A", "TOKEN"])
    assert newest().env_digest not in (None, deployed.env_digest)

    settings_file(tmp_path, "job").write_text('{"env": {"TOKEN": "canary-1", "A": "1"}}')
    await eventually(lambda: newest().env_digest == deployed.env_digest)  # as it was: the same digest again
    settings_file(tmp_path, "job").write_text('{"env": {"TOKEN": ["canary-3"]}}')
    await eventually(lambda: bool(recorder.of(SettingsRefused, "job")))

    await caller.deploy(TRIGGERED, "other", {"run.sh": "x", "settings.job": msgspec.json.encode(with_secret)})
    await eventually(lambda: bool(recorder.of(JobChanged, "other")))
    assert recorder.of(JobChanged, "other")[0].env_digest != deployed.env_digest  # each job has its own key

    stored = [
        message
        async for batch in bus.stored(bus.subjects.events_stream, [bus.subjects.all_events])
        for message in batch
    ]
    assert not [message.subject for message in stored if b"canary" in message.data]


@pytest.mark.parametrize(
    "body", [b'{"command":"settings","settings":{"env":{"A":"canary"}}}', b'{"env":"canary']
)
async def test_an_unreadable_command_is_parked_without_values_of_env(
    runner: RunningRunner, bus: Bus, body: bytes
) -> None:
    await bus.publish(bus.subjects.command(TRIGGERED, JobName("job"), "settings"), body)

    async def parked() -> list[bytes]:
        stream = bus.subjects.dead_letters_stream
        return [message.data async for batch in bus.stored(stream, [">"]) for message in batch]

    await eventually(parked)
    (copy,) = await parked()
    assert b"canary" not in copy


async def test_what_is_doubtful_in_settings_is_kept_with_the_job_and_told_by_the_event(
    runner: RunningRunner, caller: Caller, bus: Bus, recorder: EventRecorder
) -> None:
    doubtful, plain = {"schedule": "* * 8 * * *"}, {"schedule": "0 0 8 * * *"}
    upload = {"run.sh": "x", "settings.job": msgspec.json.encode(doubtful)}
    await caller.deploy(TRIGGERED, "job", upload)
    found = await definition(bus, TRIGGERED, "job")
    [warning] = found.settings_warnings
    assert '"* * 8 * * *" runs every second' in warning and found.warnings == []
    await caller.deploy(TRIGGERED, "job", {"run.sh": "y"})  # keeps the settings, and so the warning
    assert (await definition(bus, TRIGGERED, "job")).settings_warnings == [warning]
    assert (await caller.change_settings("job", plain, TRIGGERED)).code is ReplyCode.DONE
    assert (await definition(bus, TRIGGERED, "job")).settings_warnings == []
    assert (await caller.change_settings("job", doubtful, TRIGGERED)).code is ReplyCode.DONE
    assert (await definition(bus, TRIGGERED, "job")).settings_warnings == [warning]

    def told() -> list[list[str]]:
        return [event.warnings for event in recorder.of(JobChanged, "job")]

    await eventually(lambda: told() == [[warning], [warning], [], [warning]])


async def test_comments_in_a_settings_file_are_ignored_and_said(
    runner: RunningRunner, caller: Caller, bus: Bus, tmp_path: Path
) -> None:
    text = '{\n  // every night\n  "schedule": "0 0 3 * * *",\n}\n'
    await caller.deploy(TRIGGERED, "job", {"run.sh": "x", "settings.job": text})
    found = await definition(bus, TRIGGERED, "job")
    assert found.settings == {"schedule": "0 0 3 * * *"}
    [warning] = found.settings_warnings
    assert warning.startswith("settings.job has comments or commas")
    edited = text.replace("0 0 3", "0 0 4").encode("utf-16")
    settings_file(tmp_path, "job").write_bytes(edited)

    async def changed() -> bool:
        now = await definition(bus, TRIGGERED, "job")
        return now.settings == {"schedule": "0 0 4 * * *"} and now.settings_warnings == [warning]

    await eventually(changed)
    assert settings_file(tmp_path, "job").read_bytes() == edited
