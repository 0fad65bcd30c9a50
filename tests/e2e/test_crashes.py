"""Each part is killed while a job runs: the run stays visible and ends once, and all goes on."""

import re
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from support.archives import zip_of
from support.bus import job_events
from support.client import PATIENCE, TERMINAL, Client, unique
from support.eventually import eventually
from support.process_search import processes_with
from support.stack import RunningStack

WAITS = 'echo begun; until [ -e "$WEBJOBS_DATA_PATH/go" ]; do sleep 0.05; done; echo done'
PARTS = ("api", "history", "nats", "postgres", "runner")


@pytest.fixture
def stack(rough_stack: RunningStack) -> RunningStack:
    return rough_stack


async def until_back(client: Client, stack: RunningStack, part: str, pid: int) -> None:
    """Wait until the supervisor has started the part again and everything is ready."""

    async def is_back() -> bool:
        return stack.pid_of(part) != pid and (await client.get("/healthz")).status == 200

    async def tried() -> bool:
        try:
            return await is_back()
        except OSError:
            return False

    await eventually(tried, 60, interval=0.1)
    assert re.search(rf"✗ {part} +was killed by SIGKILL", stack.said)


@pytest.mark.parametrize("part", PARTS)
async def test_an_accepted_run_survives_the_death_of(client: Client, stack: RunningStack, part: str) -> None:
    name = unique("survivor")
    await client.put_script("triggered", name, WAITS)
    pid = stack.pid_of(part)
    run_id = await client.run(name)
    stack.kill(part)
    await until_back(client, stack, part, pid)
    assert run_id in [run["id"] for run in await client.runs_of(name)]
    go = stack.data / "data" / "jobs" / "triggered" / name / "go"
    go.parent.mkdir(exist_ok=True)  # a runner killed at once has not come that far
    go.touch()

    run = await client.ended(name, run_id, timeout=60)

    async with job_events(stack.nats_url, "triggered", name) as seen:
        await seen.until(lambda s: s.of(*TERMINAL))
        names = [event.name for event in seen.of_run(run_id)]
        (end,) = seen.of(*TERMINAL)
    assert names in (["Initializing", "Running", end.name], ["Initializing", end.name])
    assert run["status"] == end.name
    if part == "runner":
        assert end.name == "Success" or end.reason.value == "runner_lost"  # type: ignore[attr-defined]
    else:
        assert (end.name, await client.output_of(run)) == ("Success", ["begun", "done"])
    assert not processes_with(f"WEBJOBS_NAME={name}\0")
    assert (await client.run_to_end(name))["status"] == "Success"


async def test_a_script_dies_with_its_runner_and_the_run_is_told_as_aborted(
    client: Client, stack: RunningStack
) -> None:
    name = unique("orphan")
    await client.put_script("triggered", name, WAITS)
    run_id = await client.run(name)
    await client.begun(name, run_id)
    pid = stack.pid_of("runner")
    stack.kill("runner")
    await eventually(lambda: not processes_with(f"WEBJOBS_NAME={name}\0"), 30)
    await until_back(client, stack, "runner", pid)
    run = await client.ended(name, run_id, timeout=60)
    assert run["status"] == "Aborted"
    assert run["end_time"] >= run["start_time"]
    async with job_events(stack.nats_url, "triggered", name) as seen:
        await seen.until(lambda s: len(s.of_run(run_id)) == 3)
        assert [event.name for event in seen.of_run(run_id)] == ["Initializing", "Running", "Aborted"]
        assert seen.of("Aborted")[0].reason.value == "runner_lost"  # type: ignore[attr-defined]
    assert await client.run_of(name, run_id) == run


async def test_a_continuous_job_runs_again_after_its_runner_died(client: Client, stack: RunningStack) -> None:
    name = unique("phoenix")
    await client.put_script("continuous", name, "sleep 1000")
    await client.until_status(name, "Running")
    pid = stack.pid_of("runner")
    before = set(processes_with(f"WEBJOBS_NAME={name}\0"))
    stack.kill("runner")
    await until_back(client, stack, "runner", pid)
    await eventually(lambda: set(processes_with(f"WEBJOBS_NAME={name}\0")) - before, 30)
    await client.until_status(name, "Running")
    assert len(processes_with(f"WEBJOBS_NAME={name}\0")) == len(before)


async def test_deployments_outlive_the_api(client: Client, stack: RunningStack) -> None:
    package, headers = zip_of({"a.txt": "x"}), {"Content-Type": "application/octet-stream"}
    done = await client.post("/api/publish", params={"type": "zip"}, data=package, headers=headers)
    assert done.status == 200, done.text
    stack.kill("api")

    async def listed() -> Any:
        with suppress(aiohttp.ClientError):
            answer = await client.get("/api/deployments/latest")
            return answer.json if answer.status == 200 else None

    assert (await eventually(listed, PATIENCE))["id"] == done.json["id"]
