"""What a runner knows survives the loss of a bucket or stream under it, and nothing is done twice for it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from integration.runner.test_singletons import alive, roles, script, two_runners
from support.event_recorder import EventRecorder
from support.eventually import eventually, stays
from support.runners import Caller, running_runner
from support.stories import deleted
from webjobs_events.events import InstanceLost, RunSuccess
from webjobs_events.jetstream import Bus, Definitions
from webjobs_events.job import JobDefinition
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobName, JobType
from webjobs_rules.log_format import decode_chunk
from webjobs_rules.run_id import RunId
from webjobs_runner.files.site import Site
from webjobs_runner.lease_terms import LeaseTerms
from webjobs_runner.retention import Retention

TRIGGERED, CONTINUOUS = JobType.TRIGGERED, JobType.CONTINUOUS
WAITS = "echo begun; until [ -e {go} ]; do sleep 0.05; done; echo done"


async def replace(bus: Bus, stream: str) -> None:
    """Delete a stream, and wait until there is another one of its name."""
    replaced = asyncio.Event()
    unhook = bus.streams.on_replaced(stream, replaced.set)
    await eventually(lambda: stream in bus.streams._last_seen)
    await bus.connection.js.delete_stream(stream)
    await asyncio.wait_for(replaced.wait(), 30)
    unhook()


async def test_a_singleton_stays_where_it_is_when_the_bucket_of_leases_is_deleted(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    terms = LeaseTerms(seconds=4)
    async with two_runners(bus, nats_url, nats_url, tmp_path, terms) as (first, second):
        await caller.deploy(CONTINUOUS, "one", script(tmp_path))
        active, _ = await roles(recorder, first, second)
        (pid,) = await eventually(lambda: alive(tmp_path))
        for _ in range(3):  # at different moments between two renewals
            await replace(bus, bus.leases.stream)

            async def is_held_again() -> bool:
                entry = await bus.leases.get(Subjects.singleton_key(JobName("one")))
                return entry is not None and active.id.encode() in entry.value

            await eventually(is_held_again)
        await stays(lambda: alive(tmp_path) == [pid], terms.seconds)
        assert not recorder.of(InstanceLost)


async def test_a_run_that_goes_on_keeps_its_claim_and_ends_once_when_leases_are_lost(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    async with running_runner(bus, nats_url, tmp_path) as runner:
        await caller.deploy(TRIGGERED, "long", {"run.sh": WAITS.format(go=go)})
        run_id = await caller.run("long")
        await eventually(lambda: len(recorder.of_run(run_id)) == 2, 20)
        await replace(bus, bus.leases.stream)

        async def is_claimed() -> bool:
            entry = await bus.leases.get(Subjects.claim_key(JobName("long"), RunId(run_id)))
            return entry is not None and runner.id.encode() in entry.value

        await eventually(is_claimed)
        go.touch()
        assert isinstance(await recorder.end_of(run_id, 20), RunSuccess)
        again = await caller.run("long")
        assert isinstance(await recorder.end_of(again, 20), RunSuccess)
    assert [event.name for event in recorder.of_run(run_id)] == ["Initializing", "Running", "Success"]


async def test_definitions_and_packages_are_there_again_and_continuous_jobs_go_on(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    async with running_runner(bus, nats_url, tmp_path):
        await caller.deploy(TRIGGERED, "hello", {"run.sh": "echo hello", "settings.job": '{"timeout": 60}'})
        await caller.deploy(CONTINUOUS, "forever", {"run.sh": f"echo $$ >> {tmp_path}/pids; sleep 1000"})
        (pid,) = await eventually(lambda: alive(tmp_path))
        before = {name: await _definition(bus, *name) for name in NAMES}
        for stream in (bus.jobs.stream, bus.packages.stream):
            await replace(bus, stream)
        for (job_type, name), definition in before.items():
            assert definition is not None
            await eventually(lambda: _is_defined(bus, job_type, name, definition))  # noqa: B023
            await eventually(lambda: bus.packages.exists(definition.digest))  # noqa: B023
        run_id = await caller.run("hello")
        assert isinstance(await recorder.end_of(run_id, 20), RunSuccess)
        assert alive(tmp_path) == [pid]
        assert recorder.changes("hello") == ["Deployed"]


NAMES = [(TRIGGERED, "hello"), (CONTINUOUS, "forever")]


async def _definition(bus: Bus, job_type: JobType, name: str) -> JobDefinition | None:
    entry = await bus.jobs.get(Subjects.definition_key(job_type, JobName(name)))
    return msgspec.json.decode(entry.value, type=JobDefinition) if entry else None


async def _is_defined(bus: Bus, job_type: JobType, name: str, definition: JobDefinition) -> bool:
    return await _definition(bus, job_type, name) == definition


async def test_packages_that_were_lost_while_no_runner_was_there_are_stored_at_its_start(
    bus: Bus, nats_url: str, caller: Caller, tmp_path: Path, instance_id: str
) -> None:
    async with running_runner(bus, nats_url, tmp_path, instance_id=instance_id):
        await caller.deploy(TRIGGERED, "hello", {"run.sh": "echo hello"})
    definition = await _definition(bus, TRIGGERED, "hello")
    assert definition is not None
    await replace(bus, bus.packages.stream)
    assert not await bus.packages.exists(definition.digest)
    async with running_runner(bus, nats_url, tmp_path, instance_id=instance_id):
        await eventually(lambda: bus.packages.exists(definition.digest))


async def test_the_log_of_a_run_that_goes_on_is_whole_and_in_order_in_the_new_stream(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    async with running_runner(bus, nats_url, tmp_path):
        await caller.deploy(TRIGGERED, "long", {"run.sh": WAITS.format(go=go)})
        run_id = await caller.run("long")
        subject = bus.subjects.log(TRIGGERED, JobName("long"), RunId(run_id))
        await eventually(lambda: b"begun" in recorder.log(subject, f"output_{run_id}.log"), 20)
        await replace(bus, bus.subjects.logs_stream)
        go.touch()
        await recorder.end_of(run_id, 20)
        log = next(tmp_path.rglob(f"output_{run_id}.log"))

        async def is_whole() -> bool:
            found = b""
            async for batch in bus.stored(bus.subjects.logs_stream, [subject]):
                for message in batch:
                    chunk = decode_chunk(message.headers, message.data)
                    if chunk.file_name == log.name:
                        assert chunk.offset <= len(found), "a part before this one is not there yet"
                        found = found[: chunk.offset] + chunk.data
            return found == log.read_bytes() and b"done" in found

        await eventually(is_whole)


@pytest.mark.parametrize(
    "noted",
    [
        lambda created_at, last: f"{last + 5} {created_at}",
        lambda created_at, last: f"{last} 2020-01-01T00:00:00+00:00",
        lambda created_at, last: f"{last + 5}",
    ],
    ids=["a stream that lost its end", "another stream", "another stream, by a release before"],
)
async def test_removals_of_a_new_stream_are_carried_out_whatever_position_was_noted(
    bus: Bus, tmp_path: Path, noted: Callable[[str, int], str]
) -> None:
    site = Site(tmp_path)
    site.ensure()
    folder = site.data_folder(TRIGGERED, JobName("gone"))
    folder.mkdir(parents=True)
    sequence = await bus.publish_event(deleted("gone"))
    created_at = (await bus.connection.js.stream_info(bus.subjects.events_stream)).created
    assert created_at is not None
    position = tmp_path / "position"
    position.write_text(noted(created_at.isoformat(), sequence))
    definitions = Definitions(bus, restore=True)
    async with definitions:
        retention = Retention(bus, site, definitions, position, lambda _key: False, lambda _job_name: None)
        following = asyncio.create_task(retention.run())
        try:
            await eventually(lambda: not folder.exists())
            await eventually(lambda: position.read_text() == f"{sequence} {created_at.isoformat()}")
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
