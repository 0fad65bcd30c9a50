"""No permitted input keeps a runner from its other runs: the largest of each kind takes a moment only."""

from typing import Any

import pytest
from support.loop_time import loop_time
from support.runners import Caller, running_runner
from support.witness import Witness
from webjobs_events.arguments import MAX_ARGUMENTS_BYTES
from webjobs_events.commands import ReplyCode
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobType

LONGEST = 0.2  # seconds of processor time in one step
TRIGGERED = JobType.TRIGGERED


@pytest.mark.parametrize("unit", ["a ", "'a'", '""', "\\a", "é", "\0"])
@pytest.mark.parametrize("size", [MAX_ARGUMENTS_BYTES, 150_000])
async def test_the_largest_arguments(
    bus: Bus, nats_url: str, tmp_path: Any, caller: Caller, witness: Witness, unit: str, size: int
) -> None:
    async with running_runner(bus, nats_url, tmp_path):
        await caller.deploy(TRIGGERED, "hello", {"run.sh": "exit 0"})
        with loop_time() as measured:
            run_id = await caller.run("hello", unit * (size // len(unit.encode())))
            await witness.end_of(run_id)
    assert measured.longest < LONGEST, measured


@pytest.mark.parametrize(
    "settings",
    [
        {"mine": [[] for _ in range(20_000)]},
        {"env": {f"A{number}": "" for number in range(6_000)}},
        {"time_zone": "x" * 60_000},
        {"retry": {"on": ["exit_code"] * 4_000}},
        {"schedule": "0 0 0 29 2 1"},
    ],
)
async def test_the_largest_settings(
    bus: Bus, nats_url: str, tmp_path: Any, caller: Caller, settings: dict[str, Any]
) -> None:
    async with running_runner(bus, nats_url, tmp_path):
        await caller.deploy(TRIGGERED, "hello", {"run.sh": "exit 0"})
        with loop_time() as measured:
            reply = await caller.change_settings("hello", settings, TRIGGERED)
        assert reply.code in (ReplyCode.DONE, ReplyCode.INVALID_SETTINGS)
    assert measured.longest < LONGEST, measured
