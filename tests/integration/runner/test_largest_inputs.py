"""No permitted input keeps a runner from its other runs: the largest of each kind takes a moment only."""

from itertools import product
from typing import Any

from support.event_recorder import EventRecorder
from support.loop_time import loop_time, memory_set_aside
from support.runners import Caller, running_runner
from webjobs_events.commands import ReplyCode
from webjobs_events.jetstream import Bus
from webjobs_rules.arguments import MAX_ARGUMENTS_BYTES
from webjobs_rules.job import JobType

LONGEST = 0.2  # seconds of processor time in one step
TRIGGERED = JobType.TRIGGERED


async def test_the_largest_arguments(
    bus: Bus, nats_url: str, tmp_path: Any, caller: Caller, recorder: EventRecorder
) -> None:
    took = {}
    with memory_set_aside():
        async with running_runner(bus, nats_url, tmp_path):
            await caller.deploy(TRIGGERED, "hello", {"run.sh": "exit 0"})
            for unit, size in product(("a ", "'a'", '""', "\\a", "é", "\0"), (MAX_ARGUMENTS_BYTES, 150_000)):
                with loop_time() as measured:
                    run_id = await caller.run("hello", unit * (size // len(unit.encode())))
                    await recorder.end_of(run_id)
                took[unit, size] = measured
    assert {case: each for case, each in took.items() if each.longest >= LONGEST} == {}


SETTINGS: list[dict[str, Any]] = [
    {"mine": [[] for _ in range(20_000)]},
    {"env": {f"A{number}": "" for number in range(6_000)}},
    {"time_zone": "x" * 60_000},
    {"retry": {"on": ["exit_code"] * 4_000}},
    {"schedule": "0 0 0 29 2 1"},
]


async def test_the_largest_settings(bus: Bus, nats_url: str, tmp_path: Any, caller: Caller) -> None:
    took = []
    with memory_set_aside():
        async with running_runner(bus, nats_url, tmp_path):
            await caller.deploy(TRIGGERED, "hello", {"run.sh": "exit 0"})
            for settings in SETTINGS:
                with loop_time() as measured:
                    reply = await caller.change_settings("hello", settings, TRIGGERED)
                assert reply.code in (ReplyCode.DONE, ReplyCode.INVALID_SETTINGS)
                took.append(measured)
    assert max(each.longest for each in took) < LONGEST, took
