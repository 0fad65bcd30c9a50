"""The checks of the rounds of faults fail on what they are to find."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chaos.checks.logs import missing_lines
from chaos.checks.runs import story_is_whole
from chaos.checks.schedules import due_times_of_job
from chaos.faults import Faults, Outage
from chaos.jobs import ChaosJob
from chaos.round import JobEvents
from webjobs_events.events import RunEvent, RunFailed, RunInitializing, RunRunning, RunSuccess, ScheduleTicked
from webjobs_events.events.schedule import TickOutcome
from webjobs_rules.job import JobName
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Reason

AT = datetime(2026, 1, 1, tzinfo=UTC)
RUN = RunId("202601010000000000")
NEXT = RunId("202601010000010000")
JOB = ChaosJob("job", "triggered", "", {"schedule": "*/2 * * * * *"})
COMMON: dict[str, Any] = {"job_name": JobName("job"), "instance": "a1b2c3", "at": AT}


def run_event(kind: type[RunEvent], **more: Any) -> RunEvent:
    about = {"run_id": RUN, "trigger": "External", "digest": "d", "requested_at": AT}
    return kind(**COMMON, **{**about, **more})


FIRST = run_event(RunInitializing)
RUNNING = run_event(RunRunning, script="run.sh")
SUCCESS = run_event(RunSuccess, started_at=AT, reason=Reason.EXIT_CODE)
FAILED = run_event(RunFailed, started_at=AT, reason=Reason.EXIT_CODE)
RETRIED = run_event(RunFailed, started_at=AT, reason=Reason.EXIT_CODE, next_run_id=NEXT)


def tick(second: int, outcome: TickOutcome = TickOutcome.SKIPPED, **more: Any) -> ScheduleTicked:
    due = AT + timedelta(seconds=second)
    return ScheduleTicked(**COMMON, due=due, outcome=outcome, schedule="", time_zone="UTC", **more)


@pytest.mark.parametrize("story", [[FIRST, SUCCESS], [FIRST, RUNNING, FAILED]])
def test_a_whole_story_passes(story: list[RunEvent]) -> None:
    story_is_whole("job", RUN, JobEvents({RUN: story}, []))


@pytest.mark.parametrize(
    "story",
    [
        [RUNNING, SUCCESS],
        [FIRST, RUNNING],
        [FIRST, RUNNING, RUNNING, SUCCESS],
        [FIRST, RUNNING, FAILED, SUCCESS],
        [FIRST, FIRST, SUCCESS],
        [FIRST, SUCCESS, RUNNING],
        [FIRST, RUNNING, RETRIED],
    ],
)
def test_a_story_that_is_not_whole_fails(story: list[RunEvent]) -> None:
    with pytest.raises(AssertionError):
        story_is_whole("job", RUN, JobEvents({RUN: story}, []))


def test_due_times_with_one_record_each_pass() -> None:
    merged = tick(4, TickOutcome.MISSED, until=AT + timedelta(seconds=8), count=3)
    due_times_of_job(JOB, JobEvents({}, [tick(2), merged]), AT, AT + timedelta(seconds=10))


@pytest.mark.parametrize(
    "ticks",
    [
        [tick(2), tick(6)],
        [tick(2), tick(4), tick(4), tick(6)],
        [tick(4), tick(6)],
        [tick(2), tick(4)],
        [tick(2), tick(4, TickOutcome.RAN, run_id=RUN), tick(6)],
        [tick(2), tick(4, TickOutcome.RAN), tick(6)],
        [tick(2), tick(4, until=AT + timedelta(seconds=6))],
    ],
    ids=["gap", "doubled", "late start", "early end", "no such run", "ran without run", "wrong count"],
)
def test_due_times_that_are_not_recorded_once_fail(ticks: list[ScheduleTicked]) -> None:
    with pytest.raises(AssertionError):
        due_times_of_job(JOB, JobEvents({}, ticks), AT, AT + timedelta(seconds=8))


def test_missing_lines_are_counted_and_strange_ones_fail() -> None:
    def log(*texts: str) -> str:
        return "".join(f"[01/01/2026 00:00:00 > a1b2c3: INFO] {text}\n" for text in texts)

    assert missing_lines("job", "line", "INFO", log("line 1 of r", "line 3 of r"), "r", 4) == 2
    for wrong in (["line 1 of r"] * 2, ["line 2 of r", "line 1 of r"], ["line 1 of s"], ["line 1 line 2"]):
        with pytest.raises(AssertionError):
            missing_lines("job", "line", "INFO", log(*wrong), "r", 4)


@pytest.mark.parametrize(
    ("spans", "is_beyond"),
    [
        ([("runner-1", 0, 3)], False),
        ([("runner-1", 0, 8)], True),
        ([("runner-2", 0, 8)], False),
        ([("nats", 0, 4), ("runner-1", 3, 8)], True),
        ([("nats", 0, 4), ("runner-1", 30, 34)], False),
    ],
)
def test_a_runner_is_cut_off_beyond_its_lease_when_nothing_could_renew_it(
    spans: list[tuple[str, float, float]], is_beyond: bool
) -> None:
    now = time.monotonic()
    faults = Faults(outages=[Outage(part, now + began, now + ended) for part, began, ended in spans])
    assert faults.was_cut_off_beyond_its_lease("runner-1") is is_beyond
