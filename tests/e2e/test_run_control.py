"""What triggered jobs can do beyond Kudu, as a client sees it."""

import asyncio
import itertools
from typing import Any

from support.client import PATIENCE, Client, job_url, unique
from support.eventually import eventually
from support.processes import is_alive


async def settings(client: Client, name: str, **keys: Any) -> None:
    answer = await client.ask("PUT", f"{job_url('triggered', name)}/settings", json=keys)
    assert answer.status == 200, answer.text


async def record_of(client: Client, name: str, run_id: str) -> Any:
    """The run with all that is known of it."""
    return await client.json(f"/api/triggeredwebjobs/{name}/history/{run_id}")


async def test_a_cancelled_run_leaves_no_process_and_cannot_be_cancelled_twice(client: Client) -> None:
    name = unique("deaf")
    await client.put_script(
        "triggered", name, "trap '' TERM; sleep 1000 & echo $! $$; while :; do sleep 0.05; done"
    )
    await settings(client, name, stopping_wait_time=0.2)
    run_id = await client.run(name)
    run = await client.begun(name, run_id)

    async def pids() -> list[int]:
        return [int(word) for line in await client.output_of(run) for word in line.split()]

    alive = await eventually(pids, PATIENCE)
    address = f"{job_url('triggered', name)}/history/{run_id}"
    assert (await client.delete(address)).status == 202
    assert (await client.ended(name, run_id))["status"] == "Aborted"
    assert not any(is_alive(pid) for pid in alive)
    record = await record_of(client, name, run_id)
    assert record["reason"] == "cancelled" and record["evidence"].startswith("Cancelled by External - ")
    again = await client.delete(address)
    assert again.status == 409 and "has ended already as Aborted" in again.json["detail"]


async def test_a_run_that_fails_is_tried_again_and_its_attempts_are_linked(client: Client) -> None:
    name = unique("flaky")
    await client.put_script("triggered", name, 'echo "try $1"; exit 3')
    await settings(client, name, retry={"max_attempts": 3, "backoff": 0.1})
    first = await client.run(name, "hard")

    async def attempts() -> list[Any]:
        runs = await client.json(f"/api/triggeredwebjobs/{name}/history")
        found: list[Any] = list(reversed(runs["runs"]))
        assert [run["status"] for run in found] == ["Failed"] * 3
        return found

    found = await eventually(attempts, PATIENCE)
    assert found[0]["id"] == first
    assert [run["attempt"] for run in found] == [1, 2, 3]
    assert [run["retry_of"] for run in found] == [None, found[0]["id"], found[1]["id"]]
    assert [run["next_run_id"] for run in found] == [found[1]["id"], found[2]["id"], None]
    assert {(run["arguments"], run["exit_code"], run["reason"]) for run in found} == {
        ("hard", 3, "exit_code")
    }


async def test_runs_in_line_follow_each_other_in_the_order_they_were_asked_for(client: Client) -> None:
    name = unique("line")
    await client.put_script("triggered", name, "sleep 0.1")
    await settings(client, name, concurrency={"policy": "queue"})
    run_ids = [await client.run(name) for _ in range(4)]
    assert [run["id"] for run in await client.runs_of(name)] == list(reversed(run_ids))
    runs = [await client.ended(name, run_id) for run_id in run_ids]
    assert {run["status"] for run in runs} == {"Success"}
    for before, after in itertools.pairwise(runs):
        assert before["end_time"] <= after["start_time"]


async def test_a_request_sent_again_under_its_key_and_a_rerun(client: Client) -> None:
    name = unique("once")
    await client.put_script("triggered", name, 'echo "got $1"')
    address = f"{job_url('triggered', name)}/run?arguments=this"
    asked = [client.post(address, headers={"Idempotency-Key": "k-1"}) for _ in range(5)]
    answers = await asyncio.gather(*asked)
    assert {answer.status for answer in answers} == {202}
    (location,) = {answer.headers["Location"] for answer in answers}
    run_id = location.rpartition("/")[2]
    await client.ended(name, run_id)
    assert [run["id"] for run in await client.runs_of(name)] == [run_id]
    again = await client.post(f"{location}/rerun")
    assert again.status == 202
    second = await client.ended(name, again.headers["Location"].rpartition("/")[2])
    assert await client.output_of(second) == ["got this"]
    assert (await record_of(client, name, second["id"]))["rerun_of"] == run_id


async def test_every_run_that_goes_on_is_listed_and_so_is_one_that_waits(client: Client) -> None:
    name, other = unique("beside"), unique("other")
    await client.put_script("triggered", name, 'while [ ! -e "$1" ]; do sleep 0.05; done')
    await client.put_script("triggered", other, "exit 3")
    await settings(client, name, concurrency={"policy": "allow", "limit": 3})
    await client.run_to_end(other)
    run_ids = [await client.run(name, "never") for _ in range(4)]
    for run_id in run_ids[:3]:
        await client.begun(name, run_id)

    async def listed(query: str) -> list[tuple[str, str]]:
        runs = (await client.json(f"/api/runs?{query}"))["runs"]
        return [(run["job_name"], run["id"]) for run in runs]

    newest_first = [(name, run_id) for run_id in reversed(run_ids)]
    assert await listed(f"job={name}&status=Running") == newest_first[1:]
    assert await listed(f"job={name}&status=active") == newest_first
    assert await listed(f"job={name}&status=Initializing") == newest_first[:1]
    both = await listed(f"job={name}&job={other}&status=active,Failed")
    assert both[:4] == newest_first and [job for job, _ in both[4:]] == [other]
    running = (await client.json(f"/api/runs?job={name}&status=Running"))["runs"][0]
    assert running["trigger"].startswith("External - ")
    assert (running["attempt"], running["reason"], running["duration"][:3]) == (1, None, "00:")
    assert await listed(f"job={name}&status=Running&runner={running['instance']}") == newest_first[1:]

    for run_id in reversed(run_ids):
        assert (await client.delete(f"{job_url('triggered', name)}/history/{run_id}")).status == 202
    for run_id in run_ids:
        await client.ended(name, run_id)
    assert await listed(f"job={name}&status=active") == []
    assert await listed(f"job={name}&status=Aborted") == newest_first


async def causes(client: Client, kind: str, name: str) -> list[Any]:
    found: list[Any] = (await client.json(f"{job_url(kind, name)}/why"))["causes"]
    return found


async def test_why_a_run_waits_and_why_a_continuous_job_does_not_run(client: Client) -> None:
    queueing, crashing = unique("queueing"), unique("crashing")
    await client.put_script("triggered", queueing, "sleep 1000")
    await settings(client, queueing, concurrency={"policy": "queue"})
    await client.put_script("continuous", crashing, "exit 3")
    assert [each["code"] for each in await causes(client, "triggered", queueing)] == ["no_schedule"]
    first = await client.run(queueing)
    await client.begun(queueing, first)
    second = await client.run(queueing)
    running, waiting, _ = await causes(client, "triggered", queueing)
    assert (running["code"], waiting["code"]) == ("running", "queued_behind")
    assert first in waiting["text"] and second in waiting["text"] and waiting["remedy"]
    for run_id in (second, first):
        await client.delete(f"{job_url('triggered', queueing)}/history/{run_id}")

    async def waits_for_its_restart() -> Any:
        (cause,) = await causes(client, "continuous", crashing)
        assert cause["code"] == "back_off" and cause["until"] > cause["since"] and "3" in cause["text"]
        return cause

    await eventually(waits_for_its_restart, PATIENCE)
    assert (await client.post(f"{job_url('continuous', crashing)}/stop")).status == 200
    (stopped,) = await causes(client, "continuous", crashing)
    assert stopped["code"] == "stopped" and stopped["remedy"] == "Start the job."
