"""A run as those see it who follow it: by events, by its log, by a hook."""

import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from support.client import Client, unique
from support.receiver import receiving
from support.sse import reading
from support.stack import RunningStack

SCRIPT = "echo one\nsleep 0.2\necho two >&2\n"
LIFE = ["Initializing", "Running", "Success"]


@pytest.fixture
async def session(stack: RunningStack) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(stack.url) as opened:
        yield opened


async def test_a_run_is_told_by_events_by_its_log_and_by_a_hook(
    client: Client, session: aiohttp.ClientSession
) -> None:
    name = unique("watched")
    await client.put_script("triggered", name, SCRIPT)
    async with (
        receiving() as receiver,
        reading(session, f"/api/events?job={name}") as events,
        session.get(f"/api/logstream/triggered/{name}") as text,
    ):
        hook = {"url": receiver.url(), "event": "TriggeredJobFinished", "job": name}
        made = await client.post("/api/hooks", json=hook)
        assert made.status == 201, made.text
        run_id = await client.run(name)
        async with reading(session, f"/api/triggeredwebjobs/{name}/history/{run_id}/log") as log:
            lines: list[str] = []
            while (event := await log.next()) is not None and event.name != "end":
                lines += event.data.split("\n")
        assert event is not None
        assert json.loads(event.data)["status"] == "Success"
        assert [event.name for event in await events.take(3)] == LIFE
        (call,) = await receiver.has(1)
        shown = await client.json(f"/api/triggeredwebjobs/{name}/history/{run_id}")
        assert call.json == shown
        plain = (await client.get(f"/api/jobs/triggered/{name}/history/{run_id}/log")).text
        assert "\n".join(lines) + "\n" == plain
        assert [line.rpartition("] ")[2] for line in lines if " SYS " not in line] == ["one", "two"]
        assert b"Welcome" in await text.content.readline()
        assert "".join([(await text.content.readline()).decode() for _ in lines]) == plain
        await client.delete(f"/api/hooks/{made.json['id']}")


async def test_a_failure_is_acknowledged_until_it_changes_or_the_job_succeeds(
    client: Client, session: aiohttp.ClientSession
) -> None:
    name = unique("fails")
    await client.put_script("triggered", name, 'exit "$1"\n')

    async def after(exit_code: int) -> tuple[list[str], list[str]]:
        """What needs attention of the job after one more run, and what of it is acknowledged."""
        await client.run_to_end(name, str(exit_code))
        found = await client.json("/api/overview")
        lists = (found["attention"], found["acknowledged"])
        needs, known = ([each["kind"] for each in rows if each["job"] == name] for rows in lists)
        return needs, known

    async def acknowledge(until: str) -> None:
        body = {"type": "triggered", "job": name, "until": until, "note": "Known."}
        answer = await client.post("/api/acknowledgements", json=body)
        assert answer.status == 201, answer.text

    async with reading(session, f"/api/events?job={name}&event=Acknowledged") as events:
        assert await after(3) == (["failed"], [])
        await acknowledge("change")
        assert await after(3) == ([], ["failed"])
        assert await after(4) == (["failed"], [])
        assert await after(3) == (["failed"], [])  # it has ended
        await acknowledge("forever")
        assert await after(4) == ([], ["failed"])
        assert await after(0) == ([], [])
        assert await after(4) == (["failed"], [])
        given = [json.loads(event.data)["data"] for event in await events.take(2)]
        assert [each["term"] for each in given] == ["change", "forever"]
        assert given[0]["covers"][0]["evidence"] == "exit_code 3"
