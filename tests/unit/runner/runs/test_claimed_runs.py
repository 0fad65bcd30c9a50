"""A command is claimed before its run starts; what was claimed before is decided from claim and stream."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace
from support.commands import run_command
from support.eventually import eventually
from support.memory_bucket import MemoryBus
from support.run_events import failed, store, succeeded, taken
from webjobs_events.cancel_request import CancelRequest
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.errors import BusUnavailable
from webjobs_events.events import RunEnded, ScheduleTicked, TickOutcome
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Reason
from webjobs_runner.domain.attempt import Attempt, first_attempt
from webjobs_runner.domain.claimed_run import OWNED_DELAY, SOON, Abort
from webjobs_runner.instance import Instance
from webjobs_runner.runs.cancel_requests import CancelRequests
from webjobs_runner.runs.claimed_runs import ClaimedRuns
from webjobs_runner.runs.claims import Claims, OwnAttempt
from webjobs_runner.runs.queue_lookup import FoundCommand
from webjobs_runner.runs.run_registry import RunRegistry

COMMAND = run_command()
FIRST = first_attempt(COMMAND)
SECOND = FIRST.after(RunId("202601020304060000"), datetime(2026, 1, 2, 3, 5, tzinfo=UTC))
REQUEST = CancelRequest(evidence="Cancelled by Ada.", requested_at=COMMAND.requested_at)
SCHEDULED = replace(COMMAND, scheduled_for=COMMAND.requested_at)
REACHED = 7
OWN, EARLIER, OTHER = Instance("aaaaaa", "2"), Instance("aaaaaa", "1"), Instance("bbbbbb", "1")
AWAY = BusUnavailable("reading", "the connection is down")


class Runner:
    """A runner of which claims, requests and `ClaimedRuns` are real.

    Attributes:
        steps: What was done about a command, in order.
        executions: How many are prepared and neither returned nor dropped.
        definition_raises: Raised once when the definition of the job is asked for.
        next_attempt: That follows the attempt which is finished here.
    """

    def __init__(self) -> None:
        self.bus, self.registry = MemoryBus(), RunRegistry()
        self.requests = CancelRequests(cast(Any, self.bus), self.registry)
        self.claims = Claims(cast(Any, self.bus), OWN)
        self.steps: list[object] = []
        self.executions = 0
        self.definition_raises: BaseException | None = None
        self.next_attempt: Attempt | None = None
        self.lost: set[str] = set()
        self.journaled: set[str] = set()
        dependencies = SimpleNamespace(
            bus=self.bus,
            instance=OWN,
            outbox=SimpleNamespace(reached=REACHED),
            claims=self.claims,
            requests=self.requests,
            journal=SimpleNamespace(is_recorded=lambda command: command.command_id in self.journaled),
        )
        fake = cast(Any, self)
        self.claimed_runs = ClaimedRuns(cast(Any, dependencies), fake, fake, fake, fake, fake)

    # Peers, orphaned runs, finish, executor, execution, folders, message.
    async def is_lost(self, instance_id: str) -> bool:
        return instance_id in self.lost

    async def end(self, abort: Abort, after: int) -> None:
        self.steps.append((abort.outcome.reason, abort.attempt, after))

    async def finish_attempt(self, attempt: Attempt, end: RunEnded, message: object) -> Attempt | None:
        self.steps.append(("finished", attempt, end, message is self))
        return self.next_attempt

    async def settle(self, command: RunTriggeredJob, message: object = None) -> None:
        self.steps.append("settled")

    async def newest(self, *_job: object) -> None:
        if self.definition_raises is not None:
            error, self.definition_raises = self.definition_raises, None
            raise error

    def prepare(self, own: OwnAttempt, _definition: object) -> "Execution":
        self.executions += 1
        return Execution(self, own)

    async def give_back(self, delay_seconds: float) -> None:
        self.steps.append(("given back", pytest.approx(delay_seconds, abs=1)))

    async def claim(self, command: RunTriggeredJob = COMMAND, message: object = None) -> OwnAttempt | None:
        """Returns the attempt to start; then its execution is the only one that is left prepared."""
        execution: Any = await self.claimed_runs.claim(command, cast(Any, message or self))
        assert self.executions == (0 if execution is None else 1)
        return None if execution is None else cast(Execution, execution).own

    async def claimed_by(self, instance: Instance, after: int = 3) -> None:
        assert await Claims(cast(Any, self.bus), instance).take(COMMAND, after)

    async def second_attempt_waits(self, until: datetime | None = None) -> None:
        await self.claimed_by(OTHER)
        found = await self.claims.read(COMMAND.job_name, COMMAND.run_id)
        assert found is not None
        assert await self.claims.let_wait(found, replace(SECOND, not_before=until), 3)


class Execution:
    def __init__(self, runner: Runner, own: OwnAttempt) -> None:
        self._runner, self.own = runner, own

    async def drop(self) -> None:
        self._runner.executions -= 1


@pytest.fixture
async def runner() -> AsyncIterator[Runner]:
    runner = Runner()
    async with runner.requests:
        yield runner


def given_back(seconds: float) -> object:
    return ("given back", seconds)


async def test_a_new_command_is_claimed_and_its_first_attempt_started(runner: Runner) -> None:
    own = await runner.claim()
    assert own is not None and (own.attempt, own.after, runner.steps) == (FIRST, REACHED, [])
    found = await runner.claims.read(COMMAND.job_name, COMMAND.run_id)
    assert found is not None and runner.claims.is_own(found.claim) and found.claim.after == REACHED


async def test_the_script_is_made_ready_while_the_claim_is_on_its_way(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    monkeypatch.setattr(runner.claims, "take", lambda *_: answer)
    claiming = asyncio.create_task(runner.claim())
    await eventually(lambda: runner.executions, interval=0)
    assert not claiming.done()
    answer.set_result(True)
    assert await claiming is not None


@pytest.mark.parametrize(
    ("owner", "is_lost", "is_journaled", "has_begun", "is_aborted"),
    [
        pytest.param(OTHER, False, False, True, False, id="another"),
        pytest.param(OTHER, True, False, False, True, id="a lost one"),
        pytest.param(EARLIER, False, True, True, False, id="recovery of this one"),
        pytest.param(EARLIER, False, False, True, True, id="an earlier start of this one"),
        pytest.param(OWN, False, False, True, True, id="this one, which has begun it"),
    ],
)
async def test_a_claimed_command_is_left_to_its_owner_or_aborted_in_its_place(
    runner: Runner, owner: Instance, is_lost: bool, is_journaled: bool, has_begun: bool, is_aborted: bool
) -> None:
    await runner.claimed_by(owner, 0)
    if has_begun:
        store(runner.bus, taken(FIRST))
    runner.lost = {OTHER.id} if is_lost else set()
    runner.journaled = {COMMAND.command_id} if is_journaled else set()
    assert await runner.claim() is None
    aborted = [(Reason.RUNNER_LOST, FIRST, 0), given_back(SOON)]
    assert runner.steps == (aborted if is_aborted else [given_back(OWNED_DELAY)])


async def test_a_run_that_this_runner_claimed_and_did_not_begin_is_started(runner: Runner) -> None:
    await runner.claimed_by(OWN, 3)
    own = await runner.claim()
    assert own is not None and (own.attempt, own.after) == (FIRST, 3)


async def test_a_run_that_this_runner_claimed_to_end_it_is_not_started(runner: Runner) -> None:
    await runner.claimed_by(OWN)
    with runner.registry.ending(COMMAND.command_id):
        assert await runner.claim() is None
    assert runner.steps == [given_back(OWNED_DELAY)]


async def test_a_command_whose_claim_is_settled_leaves_the_queue(runner: Runner) -> None:
    await runner.claimed_by(OTHER)
    await runner.claims.drop(COMMAND.job_name, COMMAND.run_id)
    assert await runner.claim() is None
    assert runner.steps == ["settled"]


@pytest.mark.parametrize("next_attempt", [None, SECOND])
async def test_what_follows_a_final_event_is_done_and_the_next_attempt_comes_soon(
    runner: Runner, next_attempt: Attempt | None
) -> None:
    runner.next_attempt = next_attempt
    end = succeeded(FIRST) if next_attempt is None else failed(FIRST, SECOND.run_id)
    await runner.claimed_by(OTHER, 0)
    store(runner.bus, end)
    assert await runner.claim() is None
    assert runner.steps[0] == ("finished", FIRST, end, True)
    assert runner.steps[1:] == ([] if next_attempt is None else [given_back(SOON)])


async def test_the_next_attempt_starts_in_its_time_on_one_runner(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    await runner.second_attempt_waits()
    own = await runner.claim()
    assert own is not None and (own.attempt.run_id, own.after) == (SECOND.run_id, REACHED)
    monkeypatch.setattr(runner.claims, "take_waiting", _refused)
    runner.executions = 0
    await runner.claims.drop(COMMAND.job_name, COMMAND.run_id)
    runner.bus.leases.lose()
    await runner.second_attempt_waits()
    assert await runner.claim() is None
    assert runner.steps == [given_back(OWNED_DELAY)]


async def test_a_waiting_attempt_has_nothing_to_do_before_its_time_unless_it_is_cancelled(
    runner: Runner,
) -> None:
    await runner.second_attempt_waits(datetime.now(UTC) + timedelta(seconds=100))
    runner.bus.is_away = True  # the stream is not looked at
    assert await runner.claim() is None
    assert runner.steps == [given_back(100)]
    runner.bus.is_away = False
    await runner.requests.make(COMMAND.job_name, FIRST.run_id, REQUEST)
    runner.steps.clear()
    assert await runner.claim() is None
    [(reason, attempt, after), soon] = cast(Any, runner.steps)
    assert (reason, attempt.run_id, after, soon) == (
        Reason.CANCELLED,
        SECOND.run_id,
        REACHED,
        given_back(SOON),
    )
    found = await runner.claims.read(COMMAND.job_name, COMMAND.run_id)
    assert found is not None and runner.claims.is_own(found.claim), "no other runner starts it meanwhile"


async def test_a_run_that_is_cancelled_before_it_is_claimed_ends_without_a_start(runner: Runner) -> None:
    await runner.requests.make(COMMAND.job_name, COMMAND.run_id, REQUEST)
    assert await runner.claim() is None
    assert runner.steps == [(Reason.CANCELLED, FIRST, REACHED), given_back(SOON)]


async def test_a_command_that_was_looked_up_starts_or_is_left_to_the_queue(runner: Runner) -> None:
    runner.bus.queue(COMMAND)
    [message] = await runner.bus.pending_commands(COMMAND.subject(runner.bus.subjects))
    found = FoundCommand(cast(Any, runner.bus), message)
    assert await runner.claim(message=found) is not None
    runner.executions, runner.lost = 0, {OTHER.id}
    runner.bus.leases.lose()
    await runner.claimed_by(OTHER)
    assert await runner.claim(message=found) is None
    assert runner.steps == []


@pytest.mark.parametrize(
    ("may_repeat", "looked_until", "minutes", "found", "starts"),
    [
        pytest.param(False, 0, 24 * 60, 0, True, id="sent once"),
        pytest.param(True, 0, 1, 0, True, id="new"),
        pytest.param(True, 0, 11, 2, False, id="old"),
        pytest.param(True, 0, -6, 2, False, id="clocks differ"),
        pytest.param(True, 0, 11, None, True, id="its job has no events since"),
        pytest.param(True, 1, 0, 0, False, id="looked before it was sent"),
    ],
)
async def test_a_command_that_may_be_sent_again_is_looked_for_on_the_stream(
    runner: Runner,
    monkeypatch: pytest.MonkeyPatch,
    may_repeat: bool,
    looked_until: int,
    minutes: int,
    found: int | None,
    starts: bool,
) -> None:
    requested_at = datetime.now(UTC) - timedelta(minutes=minutes)
    command = replace(COMMAND, may_repeat=may_repeat, looked_until=looked_until, requested_at=requested_at)

    async def first_since(*_where: object) -> int | None:
        return found

    monkeypatch.setattr("webjobs_runner.runs.claimed_runs.first_since", first_since)
    store(runner.bus, taken(first_attempt(run_command("other"))))
    store(runner.bus, succeeded(FIRST))
    assert (await runner.claim(command) is not None) == starts
    assert runner.steps == ([] if starts else ["settled"])


@pytest.mark.parametrize("was_away", [False, True])
async def test_nothing_starts_for_a_due_time_with_another_outcome(runner: Runner, was_away: bool) -> None:
    skipped = ScheduleTicked(
        at=COMMAND.requested_at,
        instance="bbbbbb",
        job_name=COMMAND.job_name,
        due=COMMAND.requested_at,
        outcome=TickOutcome.SKIPPED,
        schedule="0 * * * * *",
        time_zone="UTC",
    )
    store(runner.bus, skipped)
    if was_away:
        runner.definition_raises = AWAY
        with pytest.raises(BusUnavailable):
            await runner.claim(SCHEDULED)
    assert await runner.claim(SCHEDULED) is None
    assert runner.steps == ["settled"]
    runner.bus.leases.lose()
    await runner.second_attempt_waits()
    assert await runner.claim(SCHEDULED) is not None, "its final event has announced the second attempt"


async def test_a_command_whose_handling_nats_interrupts_is_claimed_and_starts_when_it_comes_again(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = runner.claims.take

    async def late(command: RunTriggeredJob, after: int) -> bool:
        for _ in range(10):
            await asyncio.sleep(0)
        return await take(command, after)

    monkeypatch.setattr(runner.claims, "take", late)
    runner.definition_raises = AWAY
    with pytest.raises(BusUnavailable):
        await runner.claim()
    assert runner.claims.is_own((await runner.claims.of_instance(OWN.id))[0].claim)
    assert await runner.claim() is not None


@pytest.mark.parametrize("turns", range(6))
async def test_a_runner_that_is_cancelled_meanwhile_leaves_nothing_prepared_and_no_task(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    before = asyncio.all_tasks()
    monkeypatch.setattr(runner.claims, "take", _without_answer)
    claiming = asyncio.create_task(runner.claim())
    for _ in range(turns):
        await asyncio.sleep(0)
    claiming.cancel()
    await asyncio.gather(claiming, return_exceptions=True)
    assert (runner.executions, asyncio.all_tasks() - before) == (0, set())


@pytest.mark.parametrize(("in_claim", "error"), [(True, AWAY), (False, OSError(5, "Input/output error"))])
async def test_what_was_prepared_is_dropped_when_something_fails(
    runner: Runner, monkeypatch: pytest.MonkeyPatch, in_claim: bool, error: Exception
) -> None:
    monkeypatch.setattr(runner.claims, "take", _away if in_claim else _without_answer)
    runner.definition_raises = None if in_claim else error
    with pytest.raises(type(error)):
        await runner.claim()
    assert runner.executions == 0


async def _refused(*_claim: object) -> bool:
    return False


async def _away(*_claim: object) -> bool:
    raise AWAY


async def _without_answer(*_claim: object) -> bool:
    return await asyncio.get_running_loop().create_future()
