"""Commands that the runner fails to handle: counted, given back ever later, then ended with the reason."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from webjobs_events.commands import RunTriggeredJob
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Reason
from webjobs_runner.domain.attempt import first_attempt
from webjobs_runner.domain.claim import Claim, claim_on
from webjobs_runner.domain.claimed_run import Abort
from webjobs_runner.domain.redelivery import MOST_FAILURES
from webjobs_runner.runs.claims import ClaimedRun
from webjobs_runner.runs.failed_commands import FailedCommands

COMMAND = RunTriggeredJob(
    command_id="c",
    job_type=JobType.TRIGGERED,
    job_name=JobName("job"),
    requested_at=datetime(2026, 11, 28, tzinfo=UTC),
    requested_by="Test",
    run_id=RunId("202611280000000000"),
)
FIRST = first_attempt(COMMAND)
SECOND = FIRST.after(RunId("202611280000000001"), None)


class Fakes:
    """The claims, the journal, the message, and what ends runs."""

    def __init__(self, claim: Claim | None = None, *, is_free: bool = True, is_own: bool = False) -> None:
        self.claim = claim
        self.is_free = is_free
        self._is_own = is_own
        self.delays: list[float] = []
        self.ended: list[tuple[Abort, int]] = []
        self.forgotten: list[str] = []
        parts = SimpleNamespace(outbox=SimpleNamespace(reached=9), claims=self, journal=self)
        self.failed = FailedCommands(cast(Any, parts), cast(Any, self), cast(Any, self))
        self.blocked_seconds = 0.0

    async def take(self, command: RunTriggeredJob, after: int) -> bool:
        return self.is_free

    async def read(self, job_name: JobName, run_id: RunId) -> ClaimedRun | None:
        return None if self.claim is None else ClaimedRun(job_name, run_id, self.claim, 1)

    def is_own(self, claim: Claim) -> bool:
        return self._is_own

    async def take_waiting(self, found: ClaimedRun, command: RunTriggeredJob, after: int) -> bool:
        return True

    def forget(self, command: RunTriggeredJob) -> None:
        self.forgotten.append(command.command_id)

    async def give_back(self, delay: float) -> None:
        self.delays.append(delay)

    async def end(self, abort: Abort, after: int) -> None:
        self.ended.append((abort, after))

    async def fail(self, times: int, *, has_begun: bool = False) -> None:
        for _ in range(times):
            await self.failed.failed(COMMAND, cast(Any, self), LookupError("made to"), has_begun=has_begun)


async def test_each_failure_gives_the_command_back_for_longer() -> None:
    fakes = Fakes()
    await fakes.fail(4)
    assert fakes.delays == [0.5, 1, 2, 4]


async def test_a_command_is_given_up_after_some_failures_or_once_its_run_has_begun() -> None:
    fakes = Fakes()
    await fakes.fail(MOST_FAILURES - 1)
    assert not fakes.failed.is_given_up(COMMAND)
    await fakes.fail(1)
    assert fakes.failed.is_given_up(COMMAND)
    begun = Fakes()
    await begun.fail(1, has_begun=True)
    assert begun.failed.is_given_up(COMMAND)


async def test_a_command_that_succeeds_begins_again_with_no_failures() -> None:
    fakes = Fakes()
    await fakes.fail(MOST_FAILURES)
    fakes.failed.succeeded(COMMAND)
    assert not fakes.failed.is_given_up(COMMAND)


@pytest.mark.parametrize(("has_begun", "reason"), [(False, Reason.START_ERROR), (True, Reason.RUNNER_LOST)])
async def test_the_run_of_a_given_up_command_ends_with_the_reason(has_begun: bool, reason: Reason) -> None:
    fakes = Fakes()
    await fakes.fail(MOST_FAILURES, has_begun=has_begun)
    await fakes.failed.end(COMMAND, cast(Any, fakes))
    ((abort, after),) = fakes.ended
    assert (abort.attempt, abort.outcome.reason, after) == (FIRST, reason, 9)
    assert "made to" in abort.outcome.evidence
    assert fakes.forgotten == ["c"] and not fakes.failed.is_given_up(COMMAND)


@pytest.mark.parametrize(
    ("claim", "is_own", "attempt", "after"),
    [(claim_on(FIRST, "a", "b", 4), True, FIRST, 4), (claim_on(SECOND, "", "", 4), False, SECOND, 9)],
    ids=["its own", "a waiting one"],
)
async def test_the_attempt_that_is_claimed_is_ended(
    claim: Claim, is_own: bool, attempt: Any, after: int
) -> None:
    fakes = Fakes(claim, is_free=False, is_own=is_own)
    await fakes.fail(MOST_FAILURES)
    await fakes.failed.end(COMMAND, cast(Any, fakes))
    assert [(abort.attempt, since) for abort, since in fakes.ended] == [(attempt, after)]


@pytest.mark.parametrize("claim", [None, claim_on(FIRST, "another", "b", 4)], ids=["settled", "another's"])
async def test_the_run_of_another_runner_is_left_alone(claim: Claim | None) -> None:
    fakes = Fakes(claim, is_free=False)
    await fakes.fail(MOST_FAILURES)
    await fakes.failed.end(COMMAND, cast(Any, fakes))
    assert fakes.ended == [] and len(fakes.delays) == MOST_FAILURES + 1
