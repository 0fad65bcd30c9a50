"""App settings changed while everything runs: they take effect at once."""

import pytest
from support.bus import SUBJECTS, JobEvents, app_setting, job_events
from support.client import Client, job_url, lines_of, unique
from support.eventually import eventually
from support.process_search import processes_with
from support.stack import RunningStack
from webjobs_events.events import Purged
from webjobs_events.jetstream import connect_bus
from webjobs_rules.job import JobType


@pytest.fixture
def stack(rough_stack: RunningStack) -> RunningStack:
    return rough_stack


def purged(seen: JobEvents) -> list[str]:
    """Ids of the runs that retention has taken away."""
    return [run_id for event in seen.events if isinstance(event, Purged) for run_id in event.run_ids]


async def runs_with_logs(stack: RunningStack, name: str) -> set[str]:
    """Runs of a job that the log stream has anything of."""
    subject = SUBJECTS.log(JobType.TRIGGERED, name, "*")
    async with connect_bus(stack.nats_url, name="reader", subjects=SUBJECTS) as bus:
        info = await bus.connection.js.stream_info(SUBJECTS.logs_stream, subjects_filter=subject)
    return {found.rpartition(".")[2] for found in info.state.subjects or {}}


async def test_older_runs_go_with_their_logs_and_folders(client: Client, stack: RunningStack) -> None:
    name = unique("trimmed")
    await client.put_script("triggered", name, "echo hello; echo oops >&2")
    runs = [await client.run_to_end(name) for _ in range(8)]
    async with (
        job_events(stack.nats_url, "triggered", name) as seen,
        app_setting(stack.nats_url, "WEBJOBS_HISTORY_SIZE", "5"),
    ):
        runs.append(await client.run_to_end(name))
        kept = [run["id"] for run in reversed(runs[-5:])]

        async def is_trimmed() -> bool:
            return [run["id"] for run in await client.runs_of(name)] == kept

        await eventually(is_trimmed, 30, interval=0.05)
        await seen.until(lambda s: len(purged(s)) == 4)
        folder = stack.data / "data" / "jobs" / "triggered" / name
        await eventually(lambda: sorted(entry.name for entry in folder.iterdir()) == sorted(kept), 30)

        async def logs_are_trimmed() -> bool:
            return await runs_with_logs(stack, name) == set(kept)

        await eventually(logs_are_trimmed, 30, interval=0.1)
        for run in runs[:4]:
            assert (await client.get(run["url"])).status == 404
            assert (await client.get(run["output_url"])).status == 404


async def test_the_restart_time_holds_for_a_job_that_waits_already(
    client: Client, stack: RunningStack
) -> None:
    name = unique("waits")
    async with job_events(stack.nats_url, "continuous", name) as seen:
        await client.put_script("continuous", name, "echo hello")
        await seen.until(lambda s: s.names[-1:] == ["PendingRestart"])
        assert seen.events[-1].restart_delay_seconds == 60  # type: ignore[attr-defined]
        async with app_setting(stack.nats_url, "WEBJOBS_RESTART_TIME", "0.2"):
            await seen.until(lambda s: s.names.count("Running") >= 3)
        await client.delete(job_url("continuous", name))


async def test_an_idle_run_is_ended_and_told_why(client: Client, stack: RunningStack) -> None:
    idle, busy = unique("idle"), unique("busy")
    await client.put_script("triggered", idle, "trap '' TERM; sleep 1000")
    await client.ask("PUT", f"{job_url('triggered', idle)}/settings", json={"stopping_wait_time": 0.2})
    await client.put_script("triggered", busy, "for i in $(seq 25); do echo $i; sleep 0.1; done")
    async with (
        app_setting(stack.nats_url, "WEBJOBS_IDLE_TIMEOUT", "1"),
        job_events(stack.nats_url, "triggered", idle) as seen,
    ):
        talking = await client.run(busy)
        run = await client.run_to_end(idle)
        assert run["status"] == "Failed"
        await seen.until(lambda s: s.of("Failed"))
        (end,) = seen.of("Failed")
        assert end.reason.value == "idle_timeout"  # type: ignore[attr-defined]
        assert "WEBJOBS_IDLE_TIMEOUT" in end.evidence  # type: ignore[attr-defined]
        log = lines_of((await client.get(run["output_url"])).text)
        assert any("WEBJOBS_IDLE_TIMEOUT" in line.text for line in log)
        assert (await client.ended(busy, talking))["status"] == "Success"


async def test_stopped_ends_what_runs_and_refuses_what_is_new(client: Client, stack: RunningStack) -> None:
    once, forever = unique("once"), unique("forever")
    await client.put_script("triggered", once, "sleep 1000")
    await client.put_script("continuous", forever, "sleep 1000")
    run_id = await client.run(once)
    await client.begun(once, run_id)
    await client.until_status(forever, "Running")
    async with app_setting(stack.nats_url, "WEBJOBS_STOPPED", "1"):
        run = await client.ended(once, run_id)
        assert run["status"] == "Aborted"
        await client.until_status(forever, "Stopped")
        assert not processes_with(f"WEBJOBS_NAME={once}\0")
        assert not processes_with(f"WEBJOBS_NAME={forever}\0")
        refused = await client.post(f"{job_url('triggered', once)}/run")
        assert (refused.status, "WEBJOBS_STOPPED" in refused.text) == (409, True)
        assert (await client.run_of(once, run_id)) == run
    await client.until_status(forever, "Running")
    await client.put_script("triggered", once, "echo back")
    assert (await client.run_to_end(once))["status"] == "Success"
    await client.delete(job_url("continuous", forever))


async def test_app_settings_are_the_environment_of_jobs(client: Client, stack: RunningStack) -> None:
    name = unique("configured")
    variables = ("COLOUR", "WEBJOBS_NAME", "WEBSITE_SITE_NAME", "HOME", "WEBROOT_PATH")
    await client.put_script("triggered", name, "\n".join(f'echo "${each}"' for each in variables))
    settings = {"COLOUR": "green", "WEBJOBS_NAME": "somebody else", "WEBSITE_SITE_NAME": "shop"}
    site = stack.data.resolve()
    expected = ["green", name, "shop", str(site), str(site / "site" / "wwwroot")]
    assert (await client.post("/api/settings", json=settings)).status == 204
    try:
        assert (await client.json("/api/settings")).items() >= settings.items()

        async def is_told() -> bool:
            return await client.output_of(await client.run_to_end(name)) == expected

        await eventually(is_told, 30)
    finally:
        for each in settings:
            assert (await client.delete(f"/api/settings/{each}")).status == 204
