"""The story of a run command: each way out of it, and the slot that is free before the run is finished."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.errors import BusUnavailable
from webjobs_events.subjects import Subjects
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunId
from webjobs_runner.domain.claimed_run import OWNED_DELAY
from webjobs_runner.runs.failed_commands import LoopBlocked
from webjobs_runner.runs.handler import RunHandler
from webjobs_runner.runs.run_registry import RunRegistry

COMMAND_ID = "run/job/1"
AWAY = BusUnavailable("claiming", "no answer in time")


class Story:
    """Fakes of all that a handler works with; `steps` has what was done, in order."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.registry = RunRegistry()
        self.blocked_seconds = 0.0
        self.is_given_up_ = False
        self.is_admitted = True
        self.claim_raises: Exception | None = None
        self.finds_nothing = False
        self.script_raises: Exception | None = None

    # The message.
    @property
    def subject(self) -> str:
        return Subjects().command(JobType.TRIGGERED, JobName("job"), "run")

    data = b""

    @property
    def headers(self) -> dict[str, str]:
        return {}

    async def give_back(self, delay: float) -> None:
        self.steps.append(f"given back for {delay:g} s")

    async def refuse(self) -> None:
        self.steps.append("refused")

    # The bus.
    async def park(self, service: str, message: object, reason: str) -> None:
        self.steps.append("parked")

    # Limits, claimed runs, the execution, finish, failed commands.
    async def admit(self, command: RunTriggeredJob, message: object) -> bool:
        self.steps.append("admitted" if self.is_admitted else "not admitted")
        return self.is_admitted

    async def claim(self, command: RunTriggeredJob, message: object) -> "Story | None":
        self.steps.append("claimed")
        if self.claim_raises is not None:
            self.blocked_seconds += 7 if "blocked" in str(self.claim_raises) else 0
            raise self.claim_raises
        return None if self.finds_nothing else self

    async def carry_out(self) -> str:
        self.steps.append("carried out")
        if self.script_raises is not None:
            raise self.script_raises
        return "ended"

    async def complete(self, ended: str, message: object) -> None:
        self.steps.append("finished")

    def is_given_up(self, command: RunTriggeredJob) -> bool:
        return self.is_given_up_

    async def end(self, command: RunTriggeredJob, message: object) -> None:
        self.steps.append("ended as given up")

    def succeeded(self, command: RunTriggeredJob) -> None:
        self.steps.append("succeeded")

    async def failed(
        self, command: RunTriggeredJob, message: object, error: Exception, *, has_begun: bool
    ) -> None:
        self.steps.append(f"failed: {type(error).__name__}, begun: {has_begun}")

    async def handle(self) -> list[str]:
        fake = cast(Any, self)
        handler = RunHandler(fake, self.registry, fake, fake, fake, fake)
        await handler.handle(fake, lambda: self.steps.append("slot free"))
        return self.steps


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch) -> Story:
    command = RunTriggeredJob(
        command_id=COMMAND_ID,
        job_type=JobType.TRIGGERED,
        job_name=JobName("job"),
        requested_at=datetime(2026, 11, 28, tzinfo=UTC),
        requested_by="Test",
        run_id=RunId("202611280000000000"),
    )
    monkeypatch.setattr("webjobs_runner.runs.handler.decode_command", lambda *_: command)
    return Story()


async def test_a_run_frees_its_slot_before_it_is_finished(story: Story) -> None:
    assert await story.handle() == [
        "admitted",
        "claimed",
        "carried out",
        "slot free",
        "finished",
        "succeeded",
    ]
    assert not story.registry.is_handled(COMMAND_ID)


async def test_a_command_that_has_to_wait_is_not_claimed(story: Story) -> None:
    story.is_admitted = False
    assert await story.handle() == ["not admitted"]


async def test_nothing_follows_a_claim_that_finds_nothing_to_start(story: Story) -> None:
    story.finds_nothing = True
    assert await story.handle() == ["admitted", "claimed"]


async def test_a_command_that_was_given_up_is_ended_only(story: Story) -> None:
    story.is_given_up_ = True
    assert await story.handle() == ["ended as given up"]


async def test_nats_being_away_is_no_failure_of_the_runner(story: Story) -> None:
    story.claim_raises = AWAY
    assert await story.handle() == ["admitted", "claimed", "given back for 1 s"]


async def test_an_event_loop_that_was_blocked_is_a_failure_of_the_runner(story: Story) -> None:
    story.claim_raises = BusUnavailable("claiming", "blocked")
    assert await story.handle() == ["admitted", "claimed", f"failed: {LoopBlocked.__name__}, begun: False"]


async def test_what_the_runner_raises_is_a_failure_and_leaves_the_registry(story: Story) -> None:
    story.script_raises = LookupError("made to fail")
    assert (await story.handle())[-1] == "failed: LookupError, begun: False"
    assert not story.registry.is_handled(COMMAND_ID)


async def test_a_runner_that_stops_gives_the_command_back_at_once(story: Story) -> None:
    story.registry.close("The runner is stopping.")
    assert await story.handle() == ["given back for 0 s"]


async def test_a_command_that_is_delivered_again_meanwhile_is_given_back(story: Story) -> None:
    with story.registry.handling(COMMAND_ID):
        assert await story.handle() == [f"given back for {OWNED_DELAY:g} s"]


async def test_an_unreadable_command_is_parked_and_refused() -> None:
    assert await Story().handle() == ["parked", "refused"]
