"""A runner that has done a thousand things holds no more than before."""

import asyncio
import gc
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.event_recorder import ENDS, EventRecorder
from support.eventually import eventually
from support.runners import Caller, running_runner
from webjobs_events.jetstream import Bus
from webjobs_rules.job import JobType
from webjobs_runner.logs import log_shipper

TRIGGERED, CONTINUOUS = JobType.TRIGGERED, JobType.CONTINUOUS
JOBS = 10


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture(autouse=True)
def only_what_is_new() -> Iterator[None]:
    """What other tests left in this process is neither counted nor walked through again and again."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def shipped_logs_are_forgotten_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are held for a moment, in case their stream is replaced: no leak, but one would hide behind it."""
    monkeypatch.setattr(log_shipper, "_RECENT_SECONDS", 0.05)


def ours() -> Counter[str]:
    """Living objects of the runner's own classes, by class, and tasks."""
    gc.collect()
    types = (type(thing) for thing in gc.get_objects())
    found = Counter(each.__qualname__ for each in types if str(each.__module__).startswith("webjobs_runner"))
    found["task"] = len(asyncio.all_tasks())
    return found


async def run_all(caller: Caller, recorder: EventRecorder, rounds: int) -> None:
    for _ in range(rounds):
        before = ended(recorder)
        for number in range(JOBS):
            await caller.run(f"quick{number}", "argument")
        await eventually(lambda before=before: ended(recorder) == before + JOBS)
        for number in range(JOBS):
            await eventually(lambda number=number: caller.is_free(f"quick{number}"))


def ended(recorder: EventRecorder) -> int:
    return sum(isinstance(event, ENDS) for event in recorder.events)


async def settled() -> tuple[int, Counter[str]]:
    """What is held, once nothing of it changes any more."""
    last: list[tuple[int, Counter[str]]] = []

    def same_twice() -> bool:
        last.append((open_files(), ours()))
        return len(last) > 1 and last[-1] == last[-2]

    await eventually(same_twice, 30, interval=0.1)
    return last[-1]


def assert_no_more(before: tuple[int, Counter[str]], after: tuple[int, Counter[str]]) -> None:
    """Nothing grew; a loop that waits may still hold the last thing it worked on."""
    most = {"StatCheck": JOBS}  # how a job's folder looks is kept once a run finds it at rest
    grown = {name: count for name, count in (after[1] - before[1]).items() if count > most.get(name, 1)}
    assert (after[0] - before[0], grown) == (0, {})


async def test_quick_runs_leave_no_descriptor_no_task_and_no_object_behind(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    async with running_runner(bus, nats_url, tmp_path):
        for number in range(JOBS):
            await caller.deploy(TRIGGERED, f"quick{number}", {"run.sh": "echo $1; echo oops >&2"})
        await run_all(caller, recorder, 2)
        before = await settled()
        await run_all(caller, recorder, int(os.environ.get("LEAK_ROUNDS", "10")))
        assert_no_more(before, await settled())


async def test_restarts_and_deployments_leave_nothing_behind(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    environment = {"WEBJOBS_RESTART_TIME": "0.01"}
    async with running_runner(bus, nats_url, tmp_path, environment=environment):

        async def live(count: int) -> None:
            await caller.deploy(CONTINUOUS, "brief", {"run.sh": f"echo {count}; exit 1"})
            ran = recorder.statuses("brief").count("Running")
            await eventually(lambda: recorder.statuses("brief").count("Running") >= ran + 5)
            await caller.deploy(TRIGGERED, "other", {"run.sh": f"echo {count}"})
            for job_type, name in ((CONTINUOUS, "brief"), (TRIGGERED, "other")):
                await caller.delete(job_type, name)
            await eventually(lambda: recorder.statuses("brief")[-1] == "Stopped")

        for count in range(2):
            await live(count)
        before = await settled()
        for count in range(2, 6):
            await live(count)
        assert_no_more(before, await settled())
        left = tmp_path / "temp"
        copies = [path for path in left.rglob("run.sh")]
        await eventually(lambda: [path for path in copies if path.exists()] == [])
