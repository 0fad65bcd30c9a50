"""A part that is away: answers that need it are 503 with a time to come back, and the rest goes on."""

import asyncio
from collections.abc import Awaitable

import pytest
from support.client import Answer, Client, job_url, unique
from support.eventually import eventually
from support.stack import RunningStack, halted

NAMED = {"Content_Disposition": "attachement; filename=run.sh"}


@pytest.fixture
def stack(rough_stack: RunningStack) -> RunningStack:
    return rough_stack


async def are_away(*asked: Awaitable[Answer]) -> None:
    """Each is answered by a 503 that says when to try again, in a sentence."""
    for answer in await asyncio.gather(*asked):
        assert answer.status == 503, answer.text
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert "Traceback" not in answer.text


async def until_ready(client: Client) -> None:
    async def is_ready() -> bool:
        return (await client.get("/healthz")).status == 200

    await eventually(is_ready, 60, interval=0.1)


async def test_without_postgres_jobs_run_and_their_history_follows(
    client: Client, stack: RunningStack
) -> None:
    name, new = unique("known"), unique("new")
    await client.put_script("triggered", name, 'echo "$1" > "$WEBJOBS_DATA_PATH/ran"; echo done')
    before = await client.run_to_end(name, "before")
    ran = stack.data / "data" / "jobs" / "triggered" / name / "ran"
    with halted(stack, "postgres"):
        job = job_url("triggered", name)
        await are_away(
            *(client.get(address) for address in (f"{job}/history", before["url"], job, "/api/jobs"))
        )
        run_id = await client.run(name, "meanwhile")
        await eventually(lambda: ran.read_text() == "meanwhile\n", 30)
        assert (await client.put_script("triggered", new, "echo"))["latest_run"] is None
        assert (await client.get("/healthz")).status == 503
    await until_ready(client)
    run = await client.ended(name, run_id)
    assert (run["status"], await client.output_of(run)) == ("Success", ["done"])
    assert await client.runs_of(name) == [run, before]
    assert (await client.run_to_end(new))["status"] == "Success"


async def test_without_a_runner_nothing_is_accepted_and_all_can_be_read(
    client: Client, stack: RunningStack
) -> None:
    name = unique("known")
    await client.put_script("triggered", name, "echo hello")
    run = await client.run_to_end(name)
    with halted(stack, "runner"):

        async def is_missed() -> bool:
            return (await client.get("/healthz")).status == 503

        await eventually(is_missed, 40, interval=0.2)
        await are_away(
            client.post(f"{job_url('triggered', name)}/run"),
            client.put(job_url("triggered", unique("new")), "echo", **NAMED),
            client.delete(job_url("triggered", name)),
        )
        assert await client.runs_of(name) == [run]
        assert await client.output_of(run) == ["hello"]
    await until_ready(client)
    assert [each["id"] for each in await client.runs_of(name)] == [run["id"]], "nothing was queued"
    assert (await client.run_to_end(name))["status"] == "Success"


async def test_without_nats_every_answer_is_503_and_then_all_goes_on(
    client: Client, stack: RunningStack
) -> None:
    name = unique("known")
    await client.put_script(
        "triggered", name, 'until [ -e "$WEBJOBS_DATA_PATH/go" ]; do sleep 0.05; done; echo done'
    )
    run_id = await client.run(name)
    await client.begun(name, run_id)
    with halted(stack, "nats"):
        await are_away(
            client.post(f"{job_url('triggered', name)}/run"),
            client.get(f"{job_url('triggered', name)}/history"),
            client.put(job_url("triggered", unique("new")), "echo", **NAMED),
        )
        (stack.data / "data" / "jobs" / "triggered" / name / "go").touch()
    await until_ready(client)
    run = await client.ended(name, run_id, timeout=60)
    assert (run["status"], await client.output_of(run)) == ("Success", ["done"])
    assert [each["id"] for each in await client.runs_of(name)] == [run_id]
