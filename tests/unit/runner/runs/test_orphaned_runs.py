"""Runs of a lost runner are aborted from what their claims say; what fails for one holds up no other."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs
from support.commands import numbered_command
from support.eventually import eventually
from support.memory_bucket import MemoryBus
from webjobs_events.cancel_request import CancelRequest
from webjobs_events.commands import RunTriggeredJob
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Reason
from webjobs_runner.domain.attempt import first_attempt
from webjobs_runner.domain.claimed_run import Abort
from webjobs_runner.domain.run_outcome import deleted_before_begun, never_begun
from webjobs_runner.instance import Instance
from webjobs_runner.runs.cancel_requests import CancelRequests
from webjobs_runner.runs.claims import Claims
from webjobs_runner.runs.finish import Unattended
from webjobs_runner.runs.orphaned_runs import OrphanedRuns
from webjobs_runner.runs.run_registry import RunRegistry

JOB = JobName("hello")
FIRST, SECOND, THIRD = (numbered_command(number) for number in (1, 2, 3))
REQUEST = CancelRequest(evidence="Cancelled by Ada.", requested_at=FIRST.requested_at)
LOST, OTHER = "bbbbbb", "cccccc"
ATTEMPT = first_attempt(FIRST)


class Runner:
    """A runner of which only `OrphanedRuns` runs, on a bus in memory.

    Attributes:
        lost: As `Peers` reports it: instance ids and boots.
        ended: What `Finish` was given, by run id.
        fails_once: The next end of a run with this id raises this.
    """

    def __init__(self) -> None:
        self.bus = MemoryBus()
        self.claims = Claims(cast(Any, self.bus), Instance("aaaaaa", "1"))
        self.requests = CancelRequests(cast(Any, self.bus), RunRegistry())
        self.lost: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self.ended: dict[RunId, Unattended] = {}
        self.fails_once: dict[RunId, Exception] = {}
        dependencies = SimpleNamespace(
            bus=self.bus,
            instance=Instance("aaaaaa", "1"),
            definitions=SimpleNamespace(get=lambda job_type, job_name: f"{job_type} {job_name}"),
            claims=self.claims,
            requests=self.requests,
            logs=SimpleNamespace(of=lambda attempt: f"log of {attempt.run_id}"),
        )
        self.orphaned_runs = OrphanedRuns(cast(Any, dependencies), cast(Any, self), cast(Any, self))

    async def finish_unattended(self, run: Unattended) -> None:
        error = self.fails_once.pop(run.attempt.run_id, None)
        if error is not None:
            raise error
        self.ended[run.attempt.run_id] = run

    async def claimed(self, command: RunTriggeredJob, instance_id: str = LOST, boot: str = "1") -> None:
        """A runner has taken a command from the queue and claimed it."""
        self.bus.queue(command)
        assert await Claims(cast(Any, self.bus), Instance(instance_id, boot)).take(command, 7)

    async def lose(self, *lost: tuple[str, str]) -> None:
        """Work on lost runners, and one more, until the only run of that one has ended."""
        last = numbered_command(9999)
        await self.claimed(last, "ffffff")
        async with self.requests:
            task = asyncio.create_task(self.orphaned_runs.run())
            try:
                for each in (*lost, ("ffffff", "1")):
                    self.lost.put_nowait(each)
                await eventually(lambda: task.done() or last.run_id in self.ended)
                assert not task.done(), "the loop goes on"
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        del self.ended[last.run_id]

    async def has_claim(self, command: RunTriggeredJob) -> bool:
        return await self.claims.read(command.job_name, command.run_id) is not None


async def test_the_runs_of_a_lost_runner_are_aborted_in_its_name() -> None:
    runner = Runner()
    await runner.claimed(FIRST)
    await runner.claimed(SECOND)
    await runner.claimed(THIRD, OTHER)
    await runner.lose((LOST, "1"))
    assert set(runner.ended) == {FIRST.run_id, SECOND.run_id}
    run = runner.ended[FIRST.run_id]
    assert (run.attempt, run.after, run.instance_id) == (ATTEMPT, 7, LOST)
    assert run.outcome.reason is Reason.RUNNER_LOST
    assert run.outcome.evidence == f"Runner {LOST} was lost while it had the run."
    assert cast(Any, run.definition) == f"{JobType.TRIGGERED} hello"
    assert run.log is None, "its log is that of the lost runner"


async def test_runs_that_a_runner_has_claimed_since_it_started_again_are_left_alone() -> None:
    runner = Runner()
    await runner.claimed(FIRST, boot="1")
    await runner.claimed(SECOND, boot="2")
    await runner.lose((LOST, "1"))
    assert set(runner.ended) == {FIRST.run_id}


async def test_the_attempt_that_its_runner_had_is_aborted_and_not_the_first_one() -> None:
    runner = Runner()
    await runner.claimed(FIRST)
    second = ATTEMPT.after(RunId("202601020304060000"), None)
    lost = Claims(cast(Any, runner.bus), Instance(LOST, "1"))
    claim = await lost.read(JOB, FIRST.run_id)
    assert claim is not None and await lost.let_wait(claim, second, 9)
    claim = await lost.read(JOB, FIRST.run_id)
    assert claim is not None and await lost.take_waiting(claim, FIRST, 9)
    await runner.lose((LOST, "1"))
    assert {run_id: (run.attempt, run.after) for run_id, run in runner.ended.items()} == {
        second.run_id: (second, 9)
    }


async def test_a_request_to_cancel_the_run_decides_the_reason() -> None:
    runner = Runner()
    await runner.claimed(FIRST)
    await runner.requests.make(JOB, FIRST.run_id, REQUEST)
    await runner.lose((LOST, "1"))
    assert runner.ended[FIRST.run_id].outcome.reason is Reason.CANCELLED


async def test_a_claim_whose_command_is_gone_is_dropped_and_its_run_not_ended_again() -> None:
    runner = Runner()
    await runner.claimed(FIRST)
    runner.bus.remove(1)
    await runner.claimed(SECOND)
    await runner.lose((LOST, "1"))
    assert set(runner.ended) == {SECOND.run_id}
    assert not await runner.has_claim(FIRST) and await runner.has_claim(SECOND)


@pytest.mark.parametrize("is_readable", [True, False])
async def test_a_claim_is_not_taken_for_one_on_the_next_command_in_its_slot(is_readable: bool) -> None:
    runner = Runner()
    await runner.claimed(FIRST)
    runner.bus.remove(1)
    if is_readable:
        runner.bus.queue(replace(SECOND, slot=FIRST.slot))
    else:
        runner.bus.store(FIRST.subject(runner.bus.subjects), b"garbage")
    await runner.lose((LOST, "1"))
    assert runner.ended == {}
    assert not await runner.has_claim(FIRST)


@pytest.mark.parametrize(
    ("instance_id", "outcome", "owner", "log"),
    [
        ("", never_begun(Reason.CANCELLED, "Cancelled."), "aaaaaa", f"log of {FIRST.run_id}"),
        ("aaaaaa", never_begun(Reason.CANCELLED, "Cancelled."), "aaaaaa", f"log of {FIRST.run_id}"),
        ("", deleted_before_begun(), "aaaaaa", None),
        (LOST, never_begun(Reason.CANCELLED, "Cancelled."), LOST, None),
    ],
    ids=["not begun", "own", "deleted job", "of another runner"],
)
async def test_the_log_is_written_by_its_own_runner_only_and_not_for_a_deleted_job(
    instance_id: str, outcome: Any, owner: str, log: str | None
) -> None:
    runner = Runner()
    await runner.orphaned_runs.end(Abort(ATTEMPT, outcome, instance_id), 5)
    run = runner.ended[FIRST.run_id]
    assert (run.attempt, run.after, run.outcome) == (ATTEMPT, 5, outcome)
    assert (run.instance_id, cast(Any, run.log)) == (owner, log)


async def test_a_run_that_cannot_be_aborted_holds_up_neither_its_runners_others_nor_other_runners() -> None:
    runner = Runner()
    await runner.claimed(FIRST)
    await runner.claimed(SECOND)
    await runner.claimed(THIRD, OTHER)
    runner.fails_once[FIRST.run_id] = ValueError("a value of a later release")
    with capture_logs() as lines:
        await runner.lose((LOST, "1"), (OTHER, "1"))
    assert set(runner.ended) == {SECOND.run_id, THIRD.run_id}
    assert [line["run_id"] for line in lines if line["log_level"] == "error"] == [FIRST.run_id]


async def test_a_runner_whose_claims_cannot_be_listed_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runner = Runner()
    await runner.claimed(FIRST, OTHER)
    of_instance = runner.claims.of_instance

    async def of_known(instance_id: str) -> list[Any]:
        if instance_id == LOST:
            raise ValueError("a value of a later release")
        return await of_instance(instance_id)

    monkeypatch.setattr(runner.claims, "of_instance", of_known)
    with capture_logs() as lines:
        await runner.lose((LOST, "1"), (OTHER, "1"))
    assert set(runner.ended) == {FIRST.run_id}
    assert [line["lost"] for line in lines if line["log_level"] == "error"] == [LOST]


async def test_runs_are_aborted_once_nats_answers() -> None:
    runner = Runner()
    await runner.claimed(FIRST)
    runner.bus.is_away = True
    with capture_logs() as lines:
        working = asyncio.create_task(runner.lose((LOST, "1")))
        await eventually(lambda: lines)
        runner.bus.is_away = False
        await working
    assert set(runner.ended) == {FIRST.run_id}
    assert {line["log_level"] for line in lines} <= {"warning", "info", "debug"}
