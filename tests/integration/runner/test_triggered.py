"""Runs of triggered jobs on a real runner, from the command to the last event."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.runners import Caller, RunningRunner, running_runner
from support.witness import Witness
from webjobs_events.events import RunInitializing, RunRunning, RunSuccess
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobType
from webjobs_events.status import Reason

TRIGGERED = JobType.TRIGGERED


@pytest.fixture
async def runner(bus: Bus, nats_url: str, tmp_path: Path) -> AsyncIterator[RunningRunner]:
    async with running_runner(bus, nats_url, tmp_path) as running:
        yield running


async def test_a_run_is_told_from_its_first_event_to_its_last(
    runner: RunningRunner, caller: Caller, witness: Witness, tmp_path: Path
) -> None:
    await caller.deploy(TRIGGERED, "hello", {"run.sh": 'echo "hello $1 $2"; echo oops >&2'})
    run_id = await caller.run("hello", 'big "wide world"')
    end = await witness.end_of(run_id)
    first, second, third = witness.of_run(run_id)
    assert (type(first), type(second), type(third)) == (RunInitializing, RunRunning, RunSuccess)
    assert third is end
    for event in (first, second, third):
        assert (event.job_name, event.run_id, event.trigger) == ("hello", run_id, "Test")
        assert (event.instance, event.arguments) == (runner.id, 'big "wide world"')
        assert len(event.digest) == 64
    assert first.at <= second.at <= third.at
    assert isinstance(second, RunRunning) and second.script == "run.sh"
    assert (end.reason, end.exit_code, end.signal) == (Reason.EXIT_CODE, 0, None)
    assert end.started_at == second.at
    assert end.evidence == "The script exited with code 0."
    assert end.has_error_log
