"""A deployment ends once, and with one outcome, at whatever instant of its end the runner dies or stops."""

import asyncio
import inspect
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.event_recorder import EventRecorder
from support.eventually import eventually
from support.package_index import PackageIndex, package_index, wheel
from support.runners import Caller, RunningRunner, StartRunner, zipped
from webjobs_events.commands import DeployJob, ReplyCode, UploadKind
from webjobs_events.deployment_id import (
    ATTEMPT_HEADER,
    DEPLOYMENT_LOG,
    deploy_command_id,
    deployment_id_of,
)
from webjobs_events.events import Deployed, DeployFailed, Event
from webjobs_events.jetstream import Bus
from webjobs_events.jetstream.objects import ObjectBucket
from webjobs_events.job import JobDefinition
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobType
from webjobs_rules.log_format import LineCount, chunk_headers
from webjobs_runner.jobs.deploy_commands import DeployCommands
from webjobs_runner.jobs.deployment_log import MOST_ATTEMPTS
from webjobs_runner.jobs.job_inbox import JobInbox
from webjobs_runner.jobs.reconciler import Reconciler

TRIGGERED = JobType.TRIGGERED
FILES = {"run.py": "import alpha\n", "requirements.txt": "alpha\n"}
PLAIN = {"run.py": "print(1)\n"}


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    with package_index(wheel("alpha")) as found:
        yield found


async def command(
    caller: Caller, files: dict[str, str] | None = None, *, restored: str = "", number: int = 1
) -> DeployJob:
    """A deployment with an id, as an api sends it."""
    upload = restored or await caller.upload(zipped(files or FILES))
    kind = UploadKind.PACKAGE if restored else UploadKind.ZIP
    found = caller.command(DeployJob, TRIGGERED, "job", upload=upload, kind=kind, file_name=None)
    command_id = deploy_command_id(datetime.now(UTC), f"{number:012x}")
    named = msgspec.structs.replace(found, command_id=command_id)
    assert isinstance(named, DeployJob)
    return named


def ends(recorder: EventRecorder, command: DeployJob) -> list[Event]:
    found = [event for event in recorder.events if isinstance(event, Deployed | DeployFailed)]
    return [event for event in found if event.cause == command.command_id]


async def definition(bus: Bus) -> JobDefinition:
    entry = await bus.jobs.get(Subjects.definition_key(TRIGGERED, "job"))
    assert entry is not None
    return msgspec.json.decode(entry.value, type=JobDefinition)


async def has_left_the_queue(bus: Bus, command: DeployJob) -> bool:
    return await bus.pending_command(command.subject(bus.subjects)) is None


async def send_and_die(
    bus: Bus,
    runner: RunningRunner,
    sent: DeployJob,
    owner: type,
    method: str,
    until: Callable[[], object] = lambda: True,
) -> None:
    """Send a deployment to a runner that dies in the first call of a method, and once `until` holds."""
    reached = asyncio.Event()

    def die(*_: Any, **__: Any) -> None:
        reached.set()
        raise asyncio.CancelledError

    async def die_later(*_: Any, **__: Any) -> None:
        die()

    with pytest.MonkeyPatch.context() as patched:
        is_async = inspect.iscoroutinefunction(getattr(owner, method))
        patched.setattr(owner, method, die_later if is_async else die)
        await bus.publish_command(sent)
        await asyncio.wait_for(reached.wait(), 30)
        await eventually(until)
        await runner.abandon()


async def test_a_runner_that_dies_before_it_publishes_a_failure_leaves_that_to_the_next_one(
    bus: Bus, caller: Caller, recorder: EventRecorder, start_runner: StartRunner
) -> None:
    sent = await command(caller, {"run.py": "", "requirements.txt": "nowhere\n"})
    async with start_runner() as dying:
        await send_and_die(bus, dying, sent, DeployCommands, "_publish_failure")
    async with start_runner():
        await eventually(lambda: has_left_the_queue(bus, sent))
        await eventually(lambda: len(ends(recorder, sent)) == 1)
    (failed,) = ends(recorder, sent)
    assert isinstance(failed, DeployFailed)
    assert (failed.code, "nowhere" in failed.reason) == (ReplyCode.INVALID_DEPENDENCIES, True)


async def test_a_deployment_whose_failure_is_published_is_not_tried_again(
    bus: Bus,
    caller: Caller,
    recorder: EventRecorder,
    index: PackageIndex,
    start_runner: StartRunner,
    tmp_path: Path,
) -> None:
    async with start_runner() as dying:
        await caller.ask(await command(caller))
        await caller.ask(await command(caller, PLAIN, number=2))
        old = recorder.of(Deployed)[0].digest
        environments = tmp_path / "site" / "data" / ".environments"
        for path in environments.rglob("*"):
            path.chmod(0o755)
        shutil.rmtree(environments)
        index.failing = True
        sent = await command(caller, restored=old, number=3)
        await send_and_die(bus, dying, sent, JobInbox, "_finish", lambda: ends(recorder, sent))
    index.failing = False
    async with start_runner():
        await eventually(lambda: has_left_the_queue(bus, sent))
    (failed,) = ends(recorder, sent)
    assert isinstance(failed, DeployFailed)
    assert (await definition(bus)).digest != old


async def test_a_version_is_deployed_once_although_its_settings_were_changed_before_its_command_came_again(
    bus: Bus, caller: Caller, recorder: EventRecorder, start_runner: StartRunner
) -> None:
    sent = await command(caller, {**PLAIN, "settings.job": '{"stopping_wait_time": 5}'})
    async with start_runner() as dying:
        await send_and_die(bus, dying, sent, Reconciler, "follow", lambda: ends(recorder, sent))
    async with start_runner():
        changed = await caller.patch_settings("job", {"stopping_wait_time": 7}, TRIGGERED)
        assert changed.code is ReplyCode.DONE
        await eventually(lambda: has_left_the_queue(bus, sent))
    assert len(ends(recorder, sent)) == 1
    assert (await definition(bus)).settings == {"stopping_wait_time": 7}


async def test_secrets_in_an_upload_are_erased_by_the_runner_that_finds_it_deployed(
    bus: Bus,
    caller: Caller,
    recorder: EventRecorder,
    start_runner: StartRunner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent = await command(caller, {**PLAIN, "settings.job": '{"env": {"TOKEN": "canary"}}'})
    async with start_runner() as dying:
        await send_and_die(bus, dying, sent, Reconciler, "follow", lambda: ends(recorder, sent))
    erased, erase = list[str](), ObjectBucket.erase

    async def noted_erase(bucket: ObjectBucket, name: str) -> None:
        erased.append(name)
        await erase(bucket, name)

    monkeypatch.setattr(ObjectBucket, "erase", noted_erase)
    async with start_runner():
        await eventually(lambda: has_left_the_queue(bus, sent))
    assert erased == [sent.upload]
    assert not await bus.packages.exists(sent.upload)


async def test_a_runner_that_stops_in_good_order_leaves_a_deployment_to_the_next_one(
    caller: Caller, recorder: EventRecorder, index: PackageIndex, start_runner: StartRunner
) -> None:
    sent = await command(caller)
    index.held.clear()
    async with start_runner() as stopping:
        asking = asyncio.create_task(caller.ask(sent, 30))
        await eventually(lambda: any("/files/" in path for path in index.requests))
        await stopping.stop()
    index.held.set()
    assert not ends(recorder, sent)
    async with start_runner():
        assert (await asking).code is ReplyCode.DONE
        await eventually(lambda: ends(recorder, sent))
    (deployed,) = ends(recorder, sent)
    assert isinstance(deployed, Deployed)


async def test_a_deployment_that_runners_have_begun_too_often_is_given_up(
    bus: Bus, caller: Caller, recorder: EventRecorder, start_runner: StartRunner
) -> None:
    last, beyond = await command(caller, PLAIN), await command(caller, PLAIN, number=2)
    for sent, attempts in ((last, MOST_ATTEMPTS - 1), (beyond, MOST_ATTEMPTS)):
        subject = bus.subjects.deployment_log(TRIGGERED, "job", str(deployment_id_of(sent.command_id)))
        headers = chunk_headers(DEPLOYMENT_LOG, 0, LineCount()) | {ATTEMPT_HEADER: str(attempts)}
        await bus.publish(subject, b"", headers=headers)
    async with start_runner():
        assert (await caller.ask(last)).code is ReplyCode.DONE
        reply = await caller.ask(beyond)
        assert reply.code is ReplyCode.FAILED
        assert f"begun this deployment {MOST_ATTEMPTS} times" in reply.message
        await eventually(lambda: ends(recorder, beyond))
        (failed,) = ends(recorder, beyond)
        assert isinstance(failed, DeployFailed) and failed.reason == reply.message
