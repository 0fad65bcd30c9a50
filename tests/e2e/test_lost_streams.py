"""Every stream, bucket and store is deleted under a working stack, one by one: all goes on by itself."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import nats
import pytest
from nats.js import JetStreamContext
from support.client import Client, client_of, unique
from support.eventually import eventually
from support.process_search import processes_with
from support.stack import RunningStack, webjobs_up
from webjobs_events.jetstream.streams import stream_configs
from webjobs_events.subjects import Subjects

STREAMS = [str(config.name) for config in stream_configs(Subjects())]
LONG = 'echo begun; until [ -e "$WEBJOBS_DATA_PATH/go" ]; do sleep 0.05; done; echo done'
PATIENCE = 40.0  # seconds


@contextlib.asynccontextmanager
async def operator(stack: RunningStack) -> AsyncIterator[JetStreamContext]:
    """JetStream as an operator sees it."""
    address = stack.data / "nats" / "operator.url"
    client = await nats.connect(address.read_text().strip() if address.exists() else stack.nats_url)
    try:
        yield client.jetstream()
    finally:
        await client.close()


async def is_ready(client: Client) -> bool:
    return (await client.get("/healthz")).status == 200


async def set_to(client: Client, name: str, value: str) -> None:
    response = await client.post("/api/settings", json={name: value})
    assert response.status == 204, (response.status, response.text)


async def until_done(step: object, *arguments: object) -> object:
    """Repeat a request while it is refused because a stream is just missing; the last refusal is shown."""

    async def done() -> object:
        return await step(*arguments) or True  # type: ignore[operator]

    return await eventually(done, PATIENCE, interval=0.2)


@pytest.mark.timeout(600)
async def test_a_working_stack_survives_the_loss_of_every_stream(tmp_path: Path) -> None:
    settings = {"WEBJOBS_RESTART_TIME": "1"}
    async with webjobs_up(tmp_path / "data", **settings) as stack, client_of(stack.url) as client:
        await client.put_script("continuous", "forever", "sleep 10000")
        await client.put_script("triggered", "hello", "echo hello")
        await client.put_script("triggered", "long", LONG)
        await set_to(client, "KEPT", "1")
        await client.until_status("forever", "Running")
        forever = sorted(processes_with("WEBJOBS_NAME=forever\0"))
        first = await client.run_to_end("hello")
        long = await client.run("long")
        await client.begun("long", long)
        async with operator(stack) as js:
            for stream in STREAMS:
                before = (await js.stream_info(stream)).created
                await js.delete_stream(stream)
                await eventually(lambda: _is_another(js, stream, before), PATIENCE)  # noqa: B023
                await eventually(lambda: is_ready(client), PATIENCE, interval=0.2)
                await _all_works(client, stream)
        assert sorted(processes_with("WEBJOBS_NAME=forever\0")) == forever
        assert (await client.json("/api/settings"))["KEPT"] == "1"
        (stack.data / "data" / "jobs" / "triggered" / "long" / "go").touch()
        run = await client.ended("long", long, timeout=60)
        assert (run["status"], await client.output_of(run)) == ("Success", ["begun", "done"])
        assert first["id"] in [run["id"] for run in await client.runs_of("hello")]
        jobs = {job["name"] for job in await client.json("/api/jobs/triggered")}
        assert {"hello", "long"} <= jobs and len(jobs) == 2 + len(STREAMS)
        await client.until_status("forever", "Running")
        for part in ("api", "runner", "history", "nats", "postgres"):
            assert f"✗ {part}" not in stack.said  # nothing was started anew


async def _is_another(js: JetStreamContext, stream: str, before: object) -> bool:
    with contextlib.suppress(nats.js.errors.NotFoundError):
        return (await js.stream_info(stream)).created != before
    return False


async def _all_works(client: Client, stream: str) -> None:
    """A new upload, a run with its log, settings written and read, definitions listed."""
    name = unique("new")
    await until_done(client.put_script, "triggered", name, f"echo after {stream}")
    run = await until_done(client.run_to_end, name)
    assert isinstance(run, dict) and run["status"] == "Success", run
    assert await client.output_of(run) == [f"after {stream}"]
    await until_done(set_to, client, "NEW", stream)
    assert (await client.json("/api/settings"))["NEW"] == stream
    assert name in [job["name"] for job in await client.json("/api/jobs/triggered")]
