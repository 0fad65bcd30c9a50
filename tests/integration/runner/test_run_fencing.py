"""A concurrency limit holds though a runner is cut off from NATS, or stands still, beyond its lease."""

import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from support.event_recorder import EventRecorder
from support.eventually import eventually, most_until, pause
from support.processes import is_alive
from support.runners import QUICK_LEASES, Caller, RunningRunner, runner_process, running_runner
from support.tcp_proxy import tcp_proxy
from webjobs_events.events import RunRunning
from webjobs_events.jetstream import Bus
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobType
from webjobs_rules.status import Reason
from webjobs_runner.heartbeat import Peers
from webjobs_runner.lease_terms import LeaseTerms

TRIGGERED = JobType.TRIGGERED
_TAKEN_OVER = 6 * QUICK_LEASES.seconds
_LIMITED = {
    "queue": '{"policy": "queue"}',
    "reject": '{"policy": "reject", "limit": 1}',
    "allow": '{"policy": "allow", "limit": 1}',
}


def script(folder: Path, job_name: str, concurrency: str) -> dict[str, str]:
    """Leaves its pid behind, and ignores SIGTERM."""
    return {
        "run.sh": f"trap '' TERM; echo $$ >> {folder}/{job_name}.pids; while :; do sleep 0.02; done",
        "settings.job": f'{{"concurrency": {concurrency}, "stopping_wait_time": 60}}',
    }


def alive(folder: Path, job_name: str) -> list[int]:
    pids = folder / f"{job_name}.pids"
    return [int(pid) for pid in pids.read_text().split() if is_alive(int(pid))] if pids.exists() else []


async def most_alive_until(done: Callable[[], object], folder: Path, job_names: Iterable[str]) -> int:
    """The most scripts of one job that were ever seen alive at the same time."""
    return await most_until(done, lambda: max(len(alive(folder, name)) for name in job_names), _TAKEN_OVER)


async def test_runs_of_a_runner_that_is_cut_off_end_before_the_next_ones_start(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    async with (
        tcp_proxy(nats_url) as line,
        running_runner(bus, line.url, tmp_path, name="a", terms=QUICK_LEASES) as cut_off,
    ):
        for job_name, concurrency in _LIMITED.items():
            await caller.deploy(TRIGGERED, job_name, script(tmp_path, job_name, concurrency))
        first = [await caller.line_up(job_name) for job_name in _LIMITED]
        await eventually(lambda: all(alive(tmp_path, job_name) for job_name in _LIMITED))
        async with running_runner(bus, nats_url, tmp_path, name="b", terms=QUICK_LEASES):
            second = [await caller.line_up(job_name) for job_name in _LIMITED]
            line.cut()
            have_started = lambda: all(started(recorder, run_id) for run_id in second)  # noqa: E731
            assert await most_alive_until(have_started, tmp_path, _LIMITED) == 1
            for run_id in first:
                end = await recorder.end_of(run_id, _TAKEN_OVER)
                assert (end.name, end.reason) == ("Aborted", Reason.RUNNER_LOST)
            line.mend()
            await eventually(lambda: all(len(alive(tmp_path, job_name)) == 1 for job_name in _LIMITED))
            await cut_off.stop()
            for run_id in first:
                names = [event.name for event in recorder.of_run(run_id)]
                assert names == ["Initializing", "Running", "Aborted"]


async def test_a_run_of_a_runner_that_stands_still_is_killed_before_the_next_one_starts(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path, instance_id: str
) -> None:
    async with runner_process(
        bus, nats_url, tmp_path, name="a", instance_id=instance_id, terms=QUICK_LEASES
    ) as still:
        await caller.deploy(TRIGGERED, "one", script(tmp_path, "one", '{"policy": "queue"}'))
        first = await caller.line_up("one")
        await eventually(lambda: alive(tmp_path, "one"))
        async with running_runner(bus, nats_url, tmp_path, name="b", terms=QUICK_LEASES):
            second = await caller.line_up("one")
            await pause(QUICK_LEASES.seconds, "a runner decides about others after a whole term")
            still.send(signal.SIGSTOP)
            assert await most_alive_until(lambda: started(recorder, second), tmp_path, ["one"]) == 1
            still.send(signal.SIGCONT)
            end = await recorder.end_of(first, _TAKEN_OVER)
            assert (end.name, end.reason) == ("Aborted", Reason.RUNNER_LOST)


async def test_no_run_of_a_limited_job_starts_when_the_lease_is_overdue(
    bus: Bus,
    nats_url: str,
    caller: Caller,
    recorder: EventRecorder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running_runner(bus, nats_url, tmp_path, name="a"):
        for job_name, settings in (("limited", '{"concurrency": {"limit": 1}}'), ("plain", "{}")):
            files = {"run.sh": f"touch {tmp_path}/{job_name}.ran", "settings.job": settings}
            await caller.deploy(TRIGGERED, job_name, files)
        monkeypatch.setattr(Peers, "lease_end", property(lambda _: time.monotonic() - 1))
        limited, plain = await caller.run("limited"), await caller.run("plain")
        end = await recorder.end_of(limited)
        assert (end.name, end.reason, end.started_at) == ("Aborted", Reason.RUNNER_LOST, None)
        assert (await recorder.end_of(plain)).name == "Success"
        assert not (tmp_path / "limited.ran").exists() and (tmp_path / "plain.ran").exists()


async def revision_of_lease(bus: Bus, runner: RunningRunner) -> int:
    """It grows with every renewal."""
    entry = await bus.leases.get(Subjects.instance_key(runner.id))
    assert entry is not None
    return entry.revision


async def test_a_short_cut_ends_no_run(
    bus: Bus, nats_url: str, caller: Caller, recorder: EventRecorder, tmp_path: Path
) -> None:
    terms = LeaseTerms(seconds=4)
    async with (
        tcp_proxy(nats_url) as line,
        running_runner(bus, line.url, tmp_path, name="a", terms=terms) as runner,
    ):
        await caller.deploy(TRIGGERED, "one", script(tmp_path, "one", '{"policy": "queue"}'))
        await caller.line_up("one")
        await eventually(lambda: alive(tmp_path, "one"))
        pids = alive(tmp_path, "one")
        began = time.monotonic()
        while time.monotonic() < began + 1.5 * terms.seconds:
            line.cut()
            await pause(0.1 * terms.seconds, "the length of the cut")
            line.mend()
            revision = await revision_of_lease(bus, runner)

            async def is_renewed(revision: int = revision) -> bool:
                return await revision_of_lease(bus, runner) > revision

            await eventually(is_renewed)
        assert alive(tmp_path, "one") == pids


def started(recorder: EventRecorder, run_id: str) -> bool:
    return any(isinstance(event, RunRunning) for event in recorder.of_run(run_id))
