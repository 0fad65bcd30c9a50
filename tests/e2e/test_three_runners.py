"""Several runners: a continuous job runs on each, a singleton on exactly one, whoever dies."""

import os
import signal
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from support.background import in_background
from support.bus import JobEvents, job_events
from support.client import Client, client_of, job_url, unique
from support.eventually import eventually
from support.process_search import processes_with
from support.stack import RunningStack, webjobs_up

# Says when it starts, and complains when another is running at the same time.
SINGLETON = """
exec 9> "$WEBJOBS_DATA_PATH/lock"
flock --nonblock 9 || echo "$WEBSITE_INSTANCE_ID" >> "$WEBJOBS_DATA_PATH/overlaps"
echo "$WEBSITE_INSTANCE_ID" >> "$WEBJOBS_DATA_PATH/starts"
while :; do sleep 0.1; done
"""


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    context = webjobs_up(
        tmp_path_factory.mktemp("three") / "data", "--runners", "3", WEBJOBS_RESTART_TIME="1"
    )
    with in_background(context) as running:
        yield running


@pytest_asyncio.fixture
async def client(own_stack: RunningStack) -> AsyncIterator[Client]:
    async with client_of(own_stack.url) as speaking:
        yield speaking


def instances(seen: JobEvents, *names: str) -> set[str]:
    return {event.instance for event in seen.of(*names)}


async def test_a_continuous_job_runs_on_every_runner(client: Client, own_stack: RunningStack) -> None:
    name = unique("everywhere")
    async with job_events(own_stack.nats_url, "continuous", name) as seen:
        await client.put_script("continuous", name, 'echo "I am $WEBSITE_INSTANCE_ID"; sleep 1000')
        await seen.until(lambda s: len(instances(s, "Running")) == 3)
        await client.until_status(name, "Running")

        async def all_have_spoken() -> bool:
            told = {line.text for line in await client.job_log(name) if line.level == "INFO"}
            return told == {f"I am {instance}" for instance in instances(seen, "Running")}

        await eventually(all_have_spoken, 30)
        await client.post(f"{job_url('continuous', name)}/stop")
        await seen.until(lambda s: len(instances(s, "Stopped")) == 3)
        await client.until_status(name, "Stopped")
        assert not processes_with(f"WEBJOBS_NAME={name}\0")
        await client.delete(job_url("continuous", name))


async def test_a_singleton_runs_on_one_and_another_takes_over_when_its_runner_dies(
    client: Client, own_stack: RunningStack
) -> None:
    name = unique("singleton")
    data = own_stack.data / "data" / "jobs" / "continuous" / name
    async with job_events(own_stack.nats_url, "continuous", name) as seen:
        await client.put_zip(
            "continuous", name, {"run.sh": SINGLETON, "settings.job": '{"is_singleton": true}'}
        )
        await seen.until(lambda s: len(instances(s, "Running", "InactiveInstance")) == 3)
        await eventually((data / "starts").exists, 30)
        (holder,) = instances(seen, "Running")
        assert len(instances(seen, "InactiveInstance")) == 2
        await client.until_status(name, "Running")

        os.kill(own_stack.pid, signal.SIGSTOP)  # or it would have the holder back before its lease is over
        try:
            os.kill(own_stack.pid_of_runner(holder), signal.SIGKILL)
            await seen.until(lambda s: len(instances(s, "Running")) == 2, timeout=60)
            (heir,) = instances(seen, "Running") - {holder}
            await eventually(lambda: (data / "starts").read_text().split() == [holder, heir], 30)
        finally:
            os.kill(own_stack.pid, signal.SIGCONT)
        await seen.until(
            lambda s: s.events[-1].name == "InactiveInstance" and s.events[-1].instance == holder
        )
        assert (data / "starts").read_text().split() == [holder, heir]
        assert not (data / "overlaps").exists()

        # No longer a singleton, it runs everywhere.
        await client.ask("PUT", f"{job_url('continuous', name)}/settings", json={"is_singleton": False})
        await seen.until(lambda s: len(instances(s, "Running")) == 3)
        await client.delete(job_url("continuous", name))


async def test_a_triggered_job_runs_once_wherever_that_is(client: Client, own_stack: RunningStack) -> None:
    name = unique("once")
    await client.put_script("triggered", name, 'echo "$WEBSITE_INSTANCE_ID" >> "$WEBJOBS_DATA_PATH/ran"')
    for _ in range(10):
        assert (await client.run_to_end(name))["status"] == "Success"
    ran = (own_stack.data / "data" / "jobs" / "triggered" / name / "ran").read_text().split()
    assert len(ran) == 10
