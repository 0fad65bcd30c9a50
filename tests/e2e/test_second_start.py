"""The folder of a stack outlives it: a second start finds everything, and no second stack may join in."""

from pathlib import Path
from typing import Any

from support.bus import SUBJECTS
from support.client import Client, client_of, job_url, unique
from support.process_search import processes_with, processes_working_in
from support.stack import webjobs_up
from webjobs_events.jetstream import connect_bus

KEY = {"Idempotency-Key": "before and after"}


async def everything(client: Client) -> list[Any]:
    """Jobs, histories and logs, without the address of the api."""
    found = []
    for job in await client.json("/api/jobs"):
        found.append(job)
        found.append(await client.json(f"{job['url']}/settings"))
        for run in await client.runs_of(job["name"]) if job["type"] == "triggered" else []:
            found += [run, (await client.get(run["output_url"])).text]
    return [str(each).replace(client.base, "") for each in found]


async def test_a_second_start_finds_jobs_history_logs_and_settings(tmp_path: Path) -> None:
    data = tmp_path / "data"
    once, forever, stopped = unique("once"), unique("forever"), unique("stopped")
    async with webjobs_up(data) as stack, client_of(stack.url) as client:
        async with connect_bus(stack.nats_url, name="operator", subjects=SUBJECTS) as bus:
            await bus.settings.put("COLOUR", b"green")
        await client.put_script("triggered", once, 'echo "$COLOUR"; echo oops >&2')
        for _ in range(2):
            await client.run_to_end(once)
        under_key = await client.post(f"{job_url('triggered', once)}/run", headers=KEY)
        await client.ended(once, under_key.headers["Location"].rpartition("/")[2])
        await client.put_zip("continuous", forever, {"run.sh": "sleep 1000", "settings.job": '{"a": 1}'})
        await client.put_zip("continuous", stopped, {"run.sh": "sleep 1000", "disable.job": ""})
        await client.until_status(forever, "Running")
        await client.until_status(stopped, "Stopped")
        before = await everything(client)

        async with webjobs_up(data, wait=False) as second:
            assert await second.ended() == 1
            assert f"{data} is in use by process {stack.pid}" in second.said
            assert "Traceback" not in second.said

        assert await stack.stop() == 0
        assert processes_with(stack.marker) == []
        assert processes_working_in(data) == []

    async with webjobs_up(data) as stack, client_of(stack.url) as client:
        await client.until_status(forever, "Running")
        assert await everything(client) == before
        again = await client.post(f"{job_url('triggered', once)}/run", headers=KEY)
        assert [each.headers["Location"].partition("/api/")[2] for each in (again, under_key)] == [
            under_key.headers["Location"].partition("/api/")[2]
        ] * 2
        run = await client.run_to_end(once)
        assert await client.output_of(run) == ["green"]
        assert len(await client.runs_of(once)) == 4
        assert await stack.stop() == 0
