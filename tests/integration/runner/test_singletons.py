"""Singletons: one runner at a time, taken over when it goes, never two alive."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from support.event_recorder import EventRecorder
from support.eventually import eventually, most_until, pause
from support.processes import is_alive
from support.runners import QUICK_LEASES, Caller, RunningRunner, runner_process, running_runner
from support.tcp_proxy import tcp_proxy
from webjobs_events.events import ContinuousInactiveInstance, ContinuousStopped, InstanceLost
from webjobs_events.jetstream import Bus
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobType
from webjobs_rules.status import Reason
from webjobs_runner.lease_terms import LeaseTerms

CONTINUOUS = JobType.CONTINUOUS
SINGLETON = '{"is_singleton": true, "stopping_wait_time": 0.2}'


def script(folder: Path) -> dict[str, str]:
    """Leaves its pid behind, and does not hear SIGTERM."""
    return {
        "run.sh": f"trap '' TERM; echo $$ >> {folder}/pids; while :; do sleep 0.02; done",
        "settings.job": SINGLETON,
    }


def alive(folder: Path) -> list[int]:
    pids = folder / "pids"
    return [int(pid) for pid in pids.read_text().split() if is_alive(int(pid))] if pids.exists() else []


def now(recorder: EventRecorder, instance: str) -> str:
    return (recorder.statuses("one", instance) or [""])[-1]


@asynccontextmanager
async def two_runners(
    bus: Bus, first_url: str, second_url: str, folder: Path, terms: LeaseTerms = QUICK_LEASES
) -> AsyncIterator[tuple[RunningRunner, RunningRunner]]:
    async with (
        running_runner(bus, first_url, folder, name="a", terms=terms) as first,
        running_runner(bus, second_url, folder, name="b", terms=terms) as second,
    ):
        yield first, second


async def roles(recorder: EventRecorder, *runners: RunningRunner) -> tuple[RunningRunner, RunningRunner]:
    """Who runs it, and who stands by, once that is settled."""

    def settled() -> tuple[RunningRunner, RunningRunner] | None:
        states = [now(recorder, runner.id) for runner in runners]
        if sorted(states) != ["InactiveInstance", "Running"]:
            return None
        active = states.index("Running")
        return runners[active], runners[1 - active]

    found = await eventually(settled)
    assert found is not None
    return found


async def test_one_of_two_runners_runs_a_singleton_and_the_other_takes_over(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    async with two_runners(bus, nats_url, nats_url, tmp_path) as (first, second):
        await caller.deploy(CONTINUOUS, "one", script(tmp_path))
        active, standby = await roles(recorder, first, second)
        await eventually(lambda: alive(tmp_path))  # it notes its pid a moment after it was started
        assert len(alive(tmp_path)) == 1
        assert recorder.of(ContinuousInactiveInstance)[0].held_by == active.id
        await active.stop()
        assert alive(tmp_path) == [] or now(recorder, standby.id) != "InactiveInstance"
        await eventually(lambda: now(recorder, standby.id) == "Running", 2)
        await eventually(lambda: alive(tmp_path))  # it notes its pid a moment after it was started
        assert len(alive(tmp_path)) == 1


async def test_a_singleton_is_toggled_while_it_runs(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    async with two_runners(bus, nats_url, nats_url, tmp_path) as (first, second):
        await caller.deploy(
            CONTINUOUS, "one", script(tmp_path) | {"settings.job": '{"stopping_wait_time": 0}'}
        )
        await eventually(lambda: [now(recorder, r.id) for r in (first, second)] == ["Running"] * 2)
        await eventually(lambda: len(alive(tmp_path)) == 2)
        await caller.change_settings("one", {"is_singleton": True, "stopping_wait_time": 0})
        await roles(recorder, first, second)
        await eventually(lambda: len(alive(tmp_path)) == 1)
        await caller.change_settings("one", {"is_singleton": False, "stopping_wait_time": 0})
        await eventually(lambda: [now(recorder, r.id) for r in (first, second)] == ["Running"] * 2)
        await eventually(lambda: len(alive(tmp_path)) == 2)


async def test_a_killed_holder_is_followed_by_another_runner(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path, instance_id: str
) -> None:
    async with runner_process(
        bus, nats_url, tmp_path, name="a", instance_id=instance_id, terms=QUICK_LEASES
    ) as holder:
        await caller.deploy(CONTINUOUS, "one", script(tmp_path))
        await eventually(lambda: now(recorder, instance_id) == "Running")
        async with running_runner(bus, nats_url, tmp_path, name="b", terms=QUICK_LEASES) as standby:
            await eventually(lambda: now(recorder, standby.id) == "InactiveInstance")
            await holder.kill()
            await eventually(lambda: now(recorder, standby.id) == "Running", 3 * QUICK_LEASES.seconds)
            await eventually(lambda: alive(tmp_path))  # it notes its pid a moment after it was started
            assert len(alive(tmp_path)) == 1


async def test_a_holder_that_is_cut_off_stops_before_another_one_begins(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    async with tcp_proxy(nats_url) as one_line, tcp_proxy(nats_url) as other_line:
        async with two_runners(bus, one_line.url, other_line.url, tmp_path) as (first, second):
            await caller.deploy(CONTINUOUS, "one", script(tmp_path))
            active, standby = await roles(recorder, first, second)
            line = one_line if active is first else other_line
            line.cut()
            assert await most_alive_until_it_runs_on(standby, recorder, tmp_path) == 1
            line.mend()
            await eventually(lambda: now(recorder, active.id) == "InactiveInstance")
            lost = [event for event in recorder.of(ContinuousStopped) if event.instance == active.id][-1]
            assert lost.reason is Reason.STOPPED
            assert lost.evidence.startswith("The lease on the singleton was lost")


async def most_alive_until_it_runs_on(standby: RunningRunner, recorder: EventRecorder, folder: Path) -> int:
    """The most processes that are ever seen alive at the same time before the standby takes over."""
    return await most_until(
        lambda: now(recorder, standby.id) == "Running",
        lambda: len(alive(folder)),
        4 * QUICK_LEASES.seconds,
    )


async def test_a_singleton_begins_though_nobody_told_that_its_lease_is_free(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    """The lease is asked for while the line is cut: no answer, and no notice ever comes."""
    async with tcp_proxy(nats_url) as line:
        async with running_runner(bus, line.url, tmp_path, terms=QUICK_LEASES) as runner:
            await caller.deploy(
                CONTINUOUS, "one", script(tmp_path) | {"settings.job": '{"stopping_wait_time": 0}'}
            )
            await eventually(lambda: now(recorder, runner.id) == "Running")
            await caller.change_settings("one", {"is_singleton": True, "stopping_wait_time": 0})
            line.cut()
            await pause(1, "the length of the cut, in which the lease is asked for")
            line.mend()
            await eventually(lambda: now(recorder, runner.id) == "Running")
            await eventually(lambda: len(alive(tmp_path)) == 1)


async def revision_of_lease(bus: Bus) -> int:
    """It grows with every renewal."""
    entry = await bus.leases.get(Subjects.singleton_key("one"))
    assert entry is not None
    return entry.revision


async def test_a_short_cut_neither_stops_the_job_nor_makes_its_runner_pass_for_lost(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    terms = LeaseTerms(seconds=6)
    async with tcp_proxy(nats_url) as line, two_runners(bus, line.url, nats_url, tmp_path, terms) as both:
        await both[1].stop()
        await caller.deploy(CONTINUOUS, "one", script(tmp_path))
        await eventually(lambda: now(recorder, both[0].id) == "Running")
        await eventually(lambda: alive(tmp_path))
        before = alive(tmp_path)
        async with running_runner(bus, nats_url, tmp_path, name="c", terms=terms) as standby:
            await eventually(lambda: now(recorder, standby.id) == "InactiveInstance")
            line.cut()
            await pause(1.5, "the length of the cut: shorter than a lease")
            line.mend()
            revision = await revision_of_lease(bus)

            async def is_renewed() -> bool:
                return await revision_of_lease(bus) > revision

            await eventually(is_renewed)
            assert alive(tmp_path) == before
            assert now(recorder, both[0].id) == "Running"
            assert not recorder.of(ContinuousStopped)
    assert not recorder.of(InstanceLost)


async def test_not_even_a_long_grace_outlives_the_lease(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    patient = script(tmp_path) | {"settings.job": '{"is_singleton": true, "stopping_wait_time": 3600}'}
    async with (
        tcp_proxy(nats_url) as one_line,
        tcp_proxy(nats_url) as other_line,
        two_runners(bus, one_line.url, other_line.url, tmp_path) as (first, second),
    ):
        await caller.deploy(CONTINUOUS, "one", patient)
        active, standby = await roles(recorder, first, second)
        await eventually(lambda: alive(tmp_path))
        await caller.deploy(CONTINUOUS, "one", patient | {"new": "file"})
        await eventually(lambda: now(recorder, active.id) == "Stopping")
        line = one_line if active is first else other_line
        line.cut()
        assert await most_alive_until_it_runs_on(standby, recorder, tmp_path) == 1
        line.mend()
        await eventually(lambda: now(recorder, active.id) == "InactiveInstance")
        stopped = next(event for event in recorder.of(ContinuousStopped) if event.instance == active.id)
        assert stopped.reason is Reason.REPLACED
        assert "because the lease on the singleton was lost" in stopped.evidence
        await eventually(lambda: alive(tmp_path))
        await caller.stop("one")
        for pid in alive(tmp_path):  # it would have an hour
            os.kill(pid, signal.SIGKILL)


async def test_every_holder_gets_a_greater_fencing_token_than_the_one_before(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    noting = f"echo ${{WEBJOBS_FENCING_TOKEN-none}} >> {tokens}; exec sleep 1000"

    def noted(count: int) -> list[str] | None:
        words = tokens.read_text().split() if tokens.exists() else []
        return words if len(words) >= count else None

    async with two_runners(bus, nats_url, nats_url, tmp_path) as (first, second):
        await caller.deploy(CONTINUOUS, "one", {"run.sh": noting, "settings.job": SINGLETON})
        active, _ = await roles(recorder, first, second)
        await eventually(lambda: noted(1))
        await active.stop()
        await eventually(lambda: noted(2))
        await caller.deploy(CONTINUOUS, "one", {"run.sh": f"{noting} ", "settings.job": SINGLETON})
        numbers = [int(word) for word in await eventually(lambda: noted(3)) or []]
        assert 0 < numbers[0] < numbers[1] <= numbers[2]
        await caller.change_settings("one", {"is_singleton": False})
        assert (await eventually(lambda: noted(4)) or [])[3] == "none"


async def test_a_holder_that_stands_still_loses_its_script_before_another_one_begins(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path, instance_id: str
) -> None:
    async with runner_process(
        bus, nats_url, tmp_path, name="a", instance_id=instance_id, terms=QUICK_LEASES
    ) as holder:
        await caller.deploy(CONTINUOUS, "one", script(tmp_path))
        await eventually(lambda: now(recorder, instance_id) == "Running")
        await eventually(lambda: alive(tmp_path))
        async with running_runner(bus, nats_url, tmp_path, name="b", terms=QUICK_LEASES) as standby:
            await eventually(lambda: now(recorder, standby.id) == "InactiveInstance")
            holder.send(signal.SIGSTOP)
            assert await most_alive_until_it_runs_on(standby, recorder, tmp_path) == 1
            holder.send(signal.SIGCONT)
            await eventually(lambda: now(recorder, instance_id) == "InactiveInstance")
            stopped = [event for event in recorder.of(ContinuousStopped) if event.instance == instance_id][-1]
            assert (stopped.reason, stopped.signal) == (Reason.STOPPED, 9)
            assert stopped.evidence.endswith("It was killed before the lease ended.")
