"""An attempt gets one final event, whoever writes it and however late; what follows is done behind it."""

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs
from support.commands import run_command
from support.definitions import job_definition
from support.memory_bucket import MemoryBus
from support.run_events import failed, running, store, succeeded, taken
from webjobs_events.cancel_request import CancelRequest
from webjobs_events.envelope import decode_event
from webjobs_events.errors import BusUnavailable
from webjobs_events.events import Event, RunAborted, RunEnded, RunFailed
from webjobs_rules.job import JobName
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Reason
from webjobs_runner.domain.attempt import Attempt, first_attempt
from webjobs_runner.domain.run_outcome import Ended, Outcome, runner_lost
from webjobs_runner.instance import Instance
from webjobs_runner.runs.cancel_requests import CancelRequests
from webjobs_runner.runs.claims import Claims
from webjobs_runner.runs.event_lookup import read_run
from webjobs_runner.runs.finish import Finish, RecordedOutcome, Unattended
from webjobs_runner.runs.queue_lookup import FoundCommand
from webjobs_runner.runs.run_registry import RunRegistry

COMMAND = run_command("job")
JOB, RUN = COMMAND.job_name, COMMAND.run_id
FIRST = first_attempt(COMMAND)
SECOND = FIRST.after(RunId("202601020304060000"), None)
SUCCESS, FAILURE, RETRIED = succeeded(FIRST), failed(FIRST), failed(FIRST, SECOND.run_id)
REQUEST = CancelRequest(evidence="Cancelled by Ada.", requested_at=COMMAND.requested_at)
FAILED = Outcome(RunFailed, Reason.EXIT_CODE, exit_code=3)
LOST = runner_lost("bbbbbb", "Its runner was lost.")


class Bus(MemoryBus):
    """The next publications fail as `troubles` say: `lost` has stored the event, `busy` another before."""

    def __init__(self, runner: "Runner") -> None:
        super().__init__()
        self.troubles: list[str] = []
        self._runner = runner

    async def publish_event(self, event: Event, *args: Any, **options: Any) -> int:
        trouble = self.troubles.pop(0) if self.troubles else ""
        if trouble == "busy":
            store(self, taken(first_attempt(replace(COMMAND, run_id=RunId("202601020304070000")))))
        if trouble == "away":
            raise BusUnavailable("publishing", "no answer in time")
        sequence = await super().publish_event(event, *args, **options)
        self._runner.steps.append("stored")
        if trouble == "lost":
            raise BusUnavailable("publishing", "no answer in time")
        return sequence

    async def withdraw_command(self, sequence: int) -> bool:
        self._runner.steps.append("withdrawn")
        return await super().withdraw_command(sequence)


class Runner:
    """A runner of which bus, claims, cancel requests and `Finish` are real; it is also its own disk.

    Attributes:
        steps: What was done, in order.
        statuses: The status files, by run id.
        lines: Of the log.
        is_sure: Whether its lease held without a gap.
        is_confirmed: Whether the server confirms that a command has left the queue.
    """

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.bus = Bus(self)
        self.requests = CancelRequests(cast(Any, self.bus), RunRegistry())
        self.instance = Instance("aaaaaa", "1")
        self.claims = Claims(cast(Any, self.bus), self.instance)
        self.statuses: dict[RunId, RunEnded] = {}
        self.lines: list[str] = []
        self.has_errors = self.is_sure = self.is_confirmed = True
        self.folder_is_there = False
        self.signals: list[Attempt | JobName] = []
        self.outbox = self.journal = self
        self.log = cast(Any, self)
        fake = cast(Any, self)
        self.finish = Finish(fake, fake, fake, fake)

    # Outbox, journal, status files, peers.
    def add(self, event: Event, _cause: object) -> "asyncio.Future[int]":
        stored: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        stored.set_result(store(self.bus, event))
        return stored

    def forget(self, _command: object) -> None:
        self.steps.append("forgotten")

    def write(self, event: RunEnded) -> None:
        self.steps.append("status written")
        self.statuses[event.run_id] = event

    def read(self, _job: JobName, run_id: RunId) -> RunEnded | None:
        return self.statuses.get(run_id)

    def has_folder(self, _event: RunEnded) -> bool:
        return self.folder_is_there

    def held_since(self, _claimed_at: float) -> bool:
        return self.is_sure

    # Signals.
    def attempt_waits(self, attempt: Attempt) -> None:
        self.signals.append(attempt)

    def job_changed(self, job_name: JobName) -> None:
        self.signals.append(job_name)

    # The log.
    def write_system(self, text: str, _level: str = "") -> None:
        self.lines.append(text)

    def with_sizes(self, event: RunEnded) -> RunEnded:
        return replace(event, output_log_bytes=len(self.lines))

    async def shipped(self, timeout: float | None) -> None:
        self.steps.append(f"log shipped within {timeout} s")

    # The message.
    async def done(self) -> bool:
        self.steps.append("acknowledged")
        return self.is_confirmed

    async def give_back(self, delay_seconds: float) -> None:
        self.steps.append(f"given back for {delay_seconds:.0f} s")

    async def begun(self, attempt: Attempt = FIRST) -> int:
        """Returns the sequence of the last event of an attempt that this runner claimed and runs."""
        self.bus.queue(COMMAND)
        assert await self.claims.take(COMMAND, 0)
        store(self.bus, taken(attempt))
        return store(self.bus, running(attempt))

    async def complete(self, event: RunEnded, steps: int, message: object = None) -> None:
        stored: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        stored.set_result(steps)
        ended = RecordedOutcome(FIRST, event, self.log, stored, after=0, claimed_at=0.0)
        await self.finish.complete(ended, cast(Any, message or self))

    def unattended(self, **facts: Any) -> Unattended:
        given = {"outcome": LOST, "instance_id": "bbbbbb", "definition": job_definition("job"), "log": None}
        return Unattended(FIRST, 0, **cast(Any, given | facts))

    async def final_events(self) -> list[Event]:
        """Those of the first attempt that are on the stream."""
        pattern = self.bus.subjects.job_event(COMMAND.job_type, JOB, "*")
        messages, _ = await self.bus.messages_from("", pattern)
        events = [decode_event(each.subject, each.headers, each.data) for each in messages]
        return [event for event in events if isinstance(event, RunEnded) and event.run_id == RUN]


@pytest.fixture
def runner() -> Runner:
    return Runner()


async def test_a_run_is_stored_then_leaves_the_queue_then_the_journal(runner: Runner) -> None:
    await runner.complete(SUCCESS, await runner.begun())
    assert await runner.final_events() == [SUCCESS]
    assert runner.steps == [
        "log shipped within 0.5 s",
        "stored",
        "acknowledged",
        "log shipped within None s",
        "forgotten",
    ]
    assert await runner.claims.read(JOB, RUN) is None
    assert runner.signals == [JOB]


async def test_while_nats_is_away_the_final_event_does_not_wait_for_the_log(runner: Runner) -> None:
    steps = await runner.begun()
    runner.bus.is_away = True
    task = asyncio.create_task(runner.complete(SUCCESS, steps))
    for _ in range(10):
        await asyncio.sleep(0)
    assert runner.steps == [] and not task.done()
    runner.bus.is_away = False
    await task
    assert runner.steps[0] == "stored" and await runner.final_events() == [SUCCESS]


@pytest.mark.parametrize("is_sure", [True, False])
@pytest.mark.parametrize(
    "troubles",
    [[], ["away"], ["lost"], ["busy"], ["away", "lost"], ["busy", "busy", "lost"], ["busy", "away"]],
)
async def test_a_final_event_is_stored_once_whatever_nats_answers(
    runner: Runner, is_sure: bool, troubles: list[str]
) -> None:
    runner.is_sure = is_sure
    steps = await runner.begun()
    runner.bus.troubles = troubles
    await runner.complete(SUCCESS, steps)
    assert await runner.final_events() == [SUCCESS]
    assert runner.steps.count("stored") == 1 and "status written" not in runner.steps


@pytest.mark.parametrize("is_sure", [True, False])
async def test_the_final_event_of_another_runner_stands(runner: Runner, is_sure: bool) -> None:
    runner.is_sure = is_sure
    steps = await runner.begun()
    store(runner.bus, FAILURE)
    with capture_logs() as logs:
        await runner.complete(SUCCESS, steps)
    assert await runner.final_events() == [FAILURE]
    assert runner.statuses == {RUN: FAILURE}
    assert [line["log_level"] for line in logs] == ["warning"]


async def test_a_runner_that_was_cut_off_looks_for_an_end_from_the_beginning_of_the_attempt(
    runner: Runner,
) -> None:
    await runner.begun()
    store(runner.bus, FAILURE)
    runner.is_sure = False
    await runner.complete(SUCCESS, store(runner.bus, running(FIRST)))  # stored after it was ended elsewhere
    assert runner.statuses == {RUN: FAILURE}


async def test_a_command_whose_removal_is_not_confirmed_is_looked_up_and_removed(runner: Runner) -> None:
    steps, runner.is_confirmed = await runner.begun(), False
    await runner.complete(SUCCESS, steps)
    assert not await runner.finish.is_pending(COMMAND)
    assert runner.steps[2:4] == ["acknowledged", "withdrawn"]


async def test_the_command_of_a_later_run_in_its_place_is_left_in_the_queue(runner: Runner) -> None:
    runner.bus.queue(later := replace(COMMAND, command_id="later"))
    await runner.finish.settle(COMMAND)
    assert await runner.finish.is_pending(later) and "withdrawn" not in runner.steps


async def test_the_next_attempt_waits_and_its_command_comes_back_in_time(runner: Runner) -> None:
    at = datetime.fromtimestamp(round(datetime.now(UTC).timestamp()) + 100, UTC)
    await runner.complete(replace(RETRIED, next_attempt_at=at), await runner.begun())
    found = await runner.claims.read(JOB, RUN)
    assert found is not None and found.claim.is_waiting
    assert found.claim.attempt_of(COMMAND) == replace(SECOND, not_before=at)
    assert await runner.finish.is_pending(COMMAND) and "acknowledged" not in runner.steps
    assert runner.steps[-2:] == ["forgotten", "given back for 100 s"]
    assert runner.requests.unhandled.get_nowait() == (JOB, RUN), "one that came late is about the next"


async def test_the_next_attempt_of_a_command_that_was_looked_up_is_signalled(runner: Runner) -> None:
    steps = await runner.begun()
    [message] = await runner.bus.pending_commands(COMMAND.subject(runner.bus.subjects))
    await runner.complete(RETRIED, steps, FoundCommand(cast(Any, runner.bus), message))
    assert runner.signals == [SECOND]


async def test_a_claim_that_has_gone_on_meanwhile_is_left_alone(runner: Runner) -> None:
    await runner.begun()
    await runner.finish.finish_attempt(FIRST, RETRIED)
    found = await runner.claims.read(JOB, RUN)
    assert found is not None and await runner.claims.take_waiting(found, COMMAND, 9)
    assert await runner.finish.finish_attempt(FIRST, RETRIED) == SECOND
    found = await runner.claims.read(JOB, RUN)
    assert found is not None and runner.claims.is_own(found.claim)


async def test_the_requests_to_cancel_a_run_go_with_it(runner: Runner) -> None:
    async with runner.requests as requests:
        for run_id in (RUN, SECOND.run_id):
            await requests.make(JOB, run_id, REQUEST)
        await runner.finish.finish_attempt(SECOND, succeeded(SECOND))
        assert requests.of(JOB, RUN) is requests.of(JOB, SECOND.run_id) is None


def test_an_end_is_in_the_log_before_its_size_is_taken_and_the_status_file_has_it(runner: Runner) -> None:
    event = runner.finish.record(Ended(FIRST, FAILED, "d1"), job_definition("job"), runner.log)
    assert runner.lines[-1] == "Status changed to Failed"
    assert (event.output_log_bytes, event.has_error_log, event.next_run_id) == (len(runner.lines), True, None)
    assert runner.statuses == {RUN: event}


def test_an_end_without_a_log_is_written_into_none(runner: Runner) -> None:
    event = runner.finish.record(Ended(FIRST, FAILED), None, None)
    assert (runner.lines, event.has_error_log, runner.statuses) == ([], False, {RUN: event})


@pytest.mark.parametrize(("definition", "is_retried"), [(True, True), (False, False)])
def test_a_failed_attempt_is_followed_by_another_if_its_job_asks_for_it(
    runner: Runner, definition: bool, is_retried: bool
) -> None:
    settings = {"retry": {"max_attempts": 2}}
    event = runner.finish.record(
        Ended(FIRST, FAILED), job_definition("job", settings=settings) if definition else None, None
    )
    assert (event.next_run_id is not None) == is_retried


@pytest.mark.parametrize("folder_is_there", [False, True])
def test_no_data_of_a_deleted_job_are_made_again(runner: Runner, folder_is_there: bool) -> None:
    runner.folder_is_there = folder_is_there
    runner.finish.record(Ended(FIRST, Outcome(RunAborted, Reason.DELETED)), None, None)
    assert bool(runner.statuses) == folder_is_there


async def test_an_attempt_of_a_lost_runner_is_ended_in_its_place(runner: Runner) -> None:
    await runner.begun()
    assert await runner.finish.finish_unattended(runner.unattended()) is None
    [end] = cast(list[RunEnded], await runner.final_events())
    assert (end.reason, end.digest) == (Reason.RUNNER_LOST, taken(FIRST).digest)
    assert not await runner.finish.is_pending(COMMAND)
    assert await runner.claims.read(JOB, RUN) is None


async def test_an_attempt_that_never_began_gets_a_beginning_too(runner: Runner) -> None:
    await runner.finish.finish_unattended(runner.unattended(log=runner.log))
    found = await read_run(cast(Any, runner.bus), FIRST, 0)
    assert found.has_begun and found.end is not None and found.digest == "d1"
    assert runner.lines[0] == "Status changed to Initializing"


async def test_an_attempt_that_has_ended_is_not_ended_again_and_what_follows_is_done(runner: Runner) -> None:
    await runner.begun()
    store(runner.bus, RETRIED)
    assert await runner.finish.finish_unattended(runner.unattended(log=runner.log)) == SECOND
    assert await runner.final_events() == [RETRIED]
    assert (runner.statuses, runner.signals) == ({RUN: RETRIED}, [SECOND])


async def test_the_status_file_of_a_killed_runner_wins_over_a_guess(runner: Runner) -> None:
    await runner.begun()
    runner.statuses[RUN], runner.lines = SUCCESS, ["a line"]
    await runner.finish.finish_unattended(runner.unattended(log=runner.log))
    assert await runner.final_events() == [replace(SUCCESS, output_log_bytes=1)]


async def test_the_status_file_is_not_that_of_another_runner(runner: Runner) -> None:
    await runner.begun()
    runner.statuses[RUN] = SUCCESS
    await runner.finish.finish_unattended(runner.unattended())
    [end] = cast(list[RunEnded], await runner.final_events())
    assert end.reason is Reason.RUNNER_LOST


async def test_runs_of_a_job_that_end_together_all_get_their_final_events(runner: Runner) -> None:
    attempts = [
        first_attempt(replace(COMMAND, run_id=RunId(f"20260102030405{number:04}"))) for number in range(10)
    ]
    for attempt in attempts:
        store(runner.bus, taken(attempt))
    publications = (
        runner.finish.publish(attempt, succeeded(attempt), 0, is_known=False) for attempt in attempts
    )
    assert await asyncio.gather(*publications) == [succeeded(attempt) for attempt in attempts]
    assert runner.steps.count("stored") == 10


async def test_without_nats_the_end_of_an_unattended_attempt_is_left_to_the_next_try(runner: Runner) -> None:
    await runner.begun()
    runner.bus.is_away = True
    with pytest.raises(BusUnavailable):
        await runner.finish.finish_unattended(runner.unattended())
    assert runner.statuses == {} and runner.lines == []
