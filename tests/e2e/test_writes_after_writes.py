"""Whoever has just changed a job finds it so: no write has to be waited for."""

import asyncio

import pytest
from support.client import Client, job_url, unique


async def run_at_once(client: Client, name: str) -> None:
    await client.put_script("triggered", name, "echo")
    run_id = await client.run(name)
    assert (await client.run_of(name, run_id))["id"] == run_id


async def change_at_once(client: Client, name: str, number: int) -> None:
    job = job_url("continuous", name)
    await client.put_script("continuous", name, f"sleep 100{number}")
    for verb in ("stop", "start") if number % 2 else ("start", "stop"):
        assert (await client.post(f"{job}/{verb}")).status == 200
    settings = {"stopping_wait_time": 0, "number": number}
    assert (await client.ask("PUT", f"{job}/settings", json=settings)).status == 200
    assert await client.json(f"{job}/settings") == settings
    if number % 5 == 4:
        await client.delete(job)
        assert (await client.get(job)).status == 404


@pytest.mark.timeout(400)  # a hundred deployments wait for the disk, which all tests share
async def test_a_write_right_after_a_put_finds_the_job_fifty_times(client: Client) -> None:
    async def ten_times() -> None:
        triggered, continuous = unique("quick"), unique("quick")
        for number in range(10):
            await run_at_once(client, f"{triggered}-{number}")
            await change_at_once(client, continuous, number)

    await asyncio.gather(*(ten_times() for _ in range(5)))
