"""A record that cannot be read, in any bucket or stream, affects its own job alone, over any restart."""

import hashlib
from pathlib import Path

import pytest
from support.bus import SUBJECTS
from support.client import Client, client_of, job_url, unique
from support.eventually import eventually
from support.stack import RunningStack, webjobs_up
from webjobs_events.jetstream import Bus, connect_bus
from webjobs_events.subjects import Subjects, token_of
from webjobs_rules.job import JobType

TRIGGERED, CONTINUOUS = JobType.TRIGGERED, JobType.CONTINUOUS
MEGABYTE = 1_000_000
GARBAGE = {
    "version": b'{"v":2}',
    "not-json": b"\xff\xfe not JSON {",
    "empty": b"",
    "huge": b"x" * MEGABYTE,
    "deep": b"[" * 100_000,
    "list": b"[]",
    "types": b'{"job_type": 3, "job_name": {}, "digest": [], "settings": "none"}',
}
NO_JOBS = (
    "nonsense",
    "bogus.job",
    "triggered.=ZZ",
    "triggered.a.b",
    "triggered.=2E=2E=2Fetc",
    "continuous.=2A",
)


async def spoil_definitions(bus: Bus, client: Client) -> dict[str, str]:
    """Overwrite definitions of jobs; returns each job's name and type."""
    victims = {}
    for number, (kind, value) in enumerate(GARBAGE.items()):
        job_type = (TRIGGERED, CONTINUOUS)[number % 2]
        name = unique(kind)
        await client.put_script(job_type, name, "echo mended; sleep 0.1")
        await bus.jobs.put(Subjects.definition_key(job_type, name), value)
        victims[name] = job_type.value
    for key in NO_JOBS:
        await bus.jobs.put(key, b'{"v":2}')
    other = unique("other")
    await client.put_script(TRIGGERED, other, "echo mended")
    entry = await bus.jobs.get(Subjects.definition_key(TRIGGERED, other))
    assert entry is not None
    # A whole definition, but of a job under another key, and one with settings of the wrong types.
    await bus.jobs.put(Subjects.definition_key(TRIGGERED, other), entry.value.replace(b"other", b"others"))
    victims[other] = TRIGGERED.value
    settings = unique("settings")
    await client.put_script(TRIGGERED, settings, "echo mended")
    entry = await bus.jobs.get(Subjects.definition_key(TRIGGERED, settings))
    assert entry is not None
    wrong = b'"settings":{"schedule":5,"is_in_place":"x","retry":[],"concurrency":7}'
    assert b'"settings":{}' in entry.value
    await bus.jobs.put(
        Subjects.definition_key(TRIGGERED, settings), entry.value.replace(b'"settings":{}', wrong)
    )
    victims[settings] = TRIGGERED.value
    return victims


async def spoil_everything_else(bus: Bus, good: str, singleton: str) -> None:
    """Publish garbage to every other bucket and stream, near the jobs that have to go on."""
    for number, value in enumerate(GARBAGE.values()):
        await bus.settings.put(f"GARBAGE_{number}", value)
        await bus.leases.put(f"instance.{number:06x}", value)
        await bus.leases.put(f"claim.{token_of(good)}.{number}", value)
        await bus.leases.put(f"cancel.{token_of(good)}.{number}", value)
        await bus.leases.put(f"refusal.{number}.triggered.{token_of(good)}", value)
        await bus.hooks.put(f"hook.{number}", value)
        await bus.hooks.put(f"state.{number}.events", value)
        await bus.requests.put(hashlib.sha256(f"{good}\0key-{number}".encode()).hexdigest(), value)
        await bus.publish(f"webjobs.commands.triggered.{unique('nobody')}.run", value)
        await bus.publish(f"webjobs.commands.continuous.{unique('nobody')}.deploy", value)
        for event in ("Success", "Running", "ScheduleTicked", "Deployed", "NoSuchEvent"):
            await bus.publish(f"webjobs.events.triggered.{token_of(good)}.{event}", value)
        await bus.publish("webjobs.events.instance.nobody.InstanceLost", value)
    await bus.settings.put("ZERO", b"before\0after")
    await bus.settings.put("A=B", b"value")
    await bus.settings.put("WEBJOBS_RESTART_TIME", b"\xff soon")
    await bus.leases.put(Subjects.singleton_key(singleton), b'{"v":2}')
    for key in ("claim", "claim.a.b.c", "cancel.nothing", "cancel.=ZZ.1", "nonsense", "refusal.x"):
        await bus.leases.put(key, b"{}")


async def restart(stack: RunningStack, client: Client, *parts: str) -> None:
    """Kill parts and wait until all are ready again."""
    before = {part: stack.pid_of(part) for part in parts}
    for part in parts:
        stack.kill(part)

    async def is_back() -> bool:
        try:
            is_new = all(stack.pid_of(part) != pid for part, pid in before.items())
            return is_new and (await client.get("/healthz")).status == 200
        except (OSError, AssertionError):
            return False

    await eventually(is_back, 60, interval=0.1)


async def test_an_unreadable_record_affects_its_own_job_alone(tmp_path: Path) -> None:
    async with (
        webjobs_up(tmp_path / "data") as stack,
        client_of(stack.url) as client,
        connect_bus(stack.nats_url, name="operator", subjects=SUBJECTS) as bus,
    ):
        good, steady, singleton = unique("good"), unique("steady"), unique("singleton")
        await client.put_script(TRIGGERED, good, "echo $GOOD")
        await bus.settings.put("GOOD", b"well")
        await client.put_script(CONTINUOUS, steady, "exec sleep 1000")
        await client.put_zip(
            CONTINUOUS, singleton, {"run.sh": "exec sleep 1000", "settings.job": '{"is_singleton": true}'}
        )
        await client.until_status(singleton, "Running")
        victims = await spoil_definitions(bus, client)
        await spoil_everything_else(bus, good, singleton)

        await others_go_on(client, good, steady)
        await restart(stack, client, "runner", "api", "history")
        await others_go_on(client, good, steady)
        await client.until_status(singleton, "Running")
        for number in range(len(GARBAGE)):
            answer = await client.post(
                f"{job_url('triggered', good)}/run", headers={"Idempotency-Key": f"key-{number}"}
            )
            assert answer.status == 202, answer.text
            await client.ended(good, answer.headers["Location"].rpartition("/")[2])

        await each_victim_shows_its_error(client, victims)
        assert "Traceback" not in stack.said
        mended, deleted = list(victims.items())[::2], list(victims.items())[1::2]
        for name, job_type in mended:
            await client.put_script(job_type, name, "echo mended; sleep 0.1")
            assert (await kudu_job(client, job_type, name))["error"] is None
            if job_type == "triggered":
                assert await client.output_of(await client.run_to_end(name)) == ["mended"]
            else:
                await client.until_status(name, "Running", "PendingRestart", "Starting")
        for name, job_type in deleted:
            assert (await client.delete(job_url(job_type, name))).status == 200
            assert (await client.get(job_url(job_type, name))).status == 404
            folder = stack.jobs / job_type / name
            await eventually(lambda folder=folder: not folder.exists())


async def others_go_on(client: Client, good: str, steady: str) -> None:
    run = await client.run_to_end(good)
    assert run["status"] == "Success"
    assert await client.output_of(run) == ["well"]
    await client.until_status(steady, "Running")
    assert (await client.get("/api/settings")).status == 200
    assert (await client.get("/api/hooks")).status == 200


async def kudu_job(client: Client, job_type: str, name: str) -> dict[str, str | None]:
    found = await client.json(f"/api/{job_type}webjobs/{name}")
    assert isinstance(found, dict)
    return found


async def each_victim_shows_its_error(client: Client, victims: dict[str, str]) -> None:
    listed = {job["name"]: job for job in await client.json("/api/webjobs")}
    legacy = {job["name"]: job for job in await client.json("/api/jobs")}
    overview = (await client.get("/")).text
    for name, job_type in victims.items():
        error = (await kudu_job(client, job_type, name))["error"]
        assert error
        assert listed[name]["error"] == legacy[name]["error"] == error
        assert name in overview
        assert (await client.get(f"/pages/{job_type}/{name}")).status == 200
    assert overview.count("cannot be read") >= len(victims) - 1
    assert [name for name, job in listed.items() if job["error"] and name not in victims] == []
    unreadable = next(name for name, job_type in victims.items() if job_type == "triggered")
    refused = await client.post(f"{job_url('triggered', unreadable)}/run")
    assert (refused.status, "cannot be read" in refused.text) == (409, True)


@pytest.mark.parametrize("job_type", ["triggered", "continuous"])
async def test_an_edit_in_the_folder_mends_a_job_too(
    client: Client, stack: RunningStack, job_type: str
) -> None:
    name = unique("edited")
    await client.put_script(job_type, name, "sleep 1000")
    async with connect_bus(stack.nats_url, name="operator", subjects=SUBJECTS) as bus:
        await bus.jobs.put(Subjects.definition_key(JobType(job_type), name), b'{"v":2}')

    async def has_error() -> bool:
        return bool((await kudu_job(client, job_type, name))["error"])

    async def is_mended() -> bool:
        return not await has_error()

    await eventually(has_error)
    (stack.jobs / job_type / name / "run.sh").write_text("sleep 2000")
    await eventually(is_mended, 20)
    await client.delete(job_url(job_type, name))
