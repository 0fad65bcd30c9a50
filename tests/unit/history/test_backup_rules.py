"""What had not ended at the end of a backup, and where its events are after a restore."""

import pytest
from support.stories import BOOT_A, BOOT_B, Instance, Run, at, deleted, runner
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.events import (
    Event,
    InstanceLost,
    InstanceStarted,
    InstanceStopped,
    RunAborted,
    RunInitializing,
)
from webjobs_history.backup.places import Places
from webjobs_history.backup.unfinished import Unfinished
from webjobs_history.domain.fold import Fold
from webjobs_rules.job import JobName, JobType
from webjobs_rules.status import Reason, Status

NOW = at(1000)


def ends_after(*events: Event, waiting: tuple[RunTriggeredJob, ...] = ()) -> list[Event]:
    unfinished = Unfinished()
    for event in events:
        unfinished.note(event)
    return unfinished.ends([(command, "d1") for command in waiting], NOW)


def test_what_has_ended_needs_nothing() -> None:
    other = Run(5, "other")
    assert (
        ends_after(
            *Run(0).whole(),
            other.initializing(),
            other.running(),
            deleted("other"),
            runner(InstanceStarted),
            runner(InstanceStopped),
        )
        == []
    )


@pytest.mark.parametrize("begun", [1, 2])
def test_a_run_that_went_on_is_aborted_with_the_reason(begun: int) -> None:
    run, fold = Run(0), Fold()
    events = [run.initializing(arguments="a b"), run.running()][:begun]
    (end,) = ends_after(*events)
    for event in (*events, end):
        fold.apply(event)
    view = fold.run(run.job, run.run_id)
    assert view is not None
    assert (view.status, view.reason, view.arguments) == (Status.ABORTED, Reason.RUNNER_LOST, "a b")
    assert "its end is not in the backup" in view.evidence and view.ended_at == NOW


def test_an_attempt_that_waited_is_shown_as_not_started() -> None:
    first, second = Run(0), Run(60, attempt=2)
    begins, end = ends_after(first.initializing(), first.failed(next_run_id=second.run_id))
    assert isinstance(begins, RunInitializing) and isinstance(end, RunAborted)
    assert (begins.run_id, begins.attempt, begins.retry_of) == (second.run_id, 2, first.run_id)
    assert "was not started" in end.evidence
    assert (
        ends_after(
            first.initializing(),
            first.failed(next_run_id=second.run_id),
            second.initializing(),
            second.success(),
        )
        == []
    )


def test_a_command_that_waited_is_shown_as_not_started() -> None:
    command = RunTriggeredJob(
        command_id="1",
        job_type=JobType.TRIGGERED,
        job_name=JobName("job"),
        requested_at=at(1),
        requested_by="External - curl/8.5",
        run_id=Run(1).run_id,
        arguments="x",
    )
    begins, end = ends_after(waiting=(command,))
    assert isinstance(begins, RunInitializing) and isinstance(end, RunAborted)
    assert (begins.trigger, begins.arguments, begins.digest) == ("External - curl/8.5", "x", "d1")


def test_a_runner_that_went_on_is_lost_and_its_jobs_have_stopped() -> None:
    job, fold = Instance(boot=BOOT_B), Fold()
    events = [
        runner(InstanceStarted),
        runner(InstanceStopped),
        runner(InstanceStarted, boot=BOOT_B),
        job.initializing(),
        job.starting(),
        job.running(),
    ]
    (end,) = ends_after(*events)
    assert isinstance(end, InstanceLost) and end.boot == BOOT_B
    for event in (*events, end):
        fold.apply(event)
    row = fold.instance(JobName("job"), "aaaaaa")
    assert row is not None and row.status is Status.STOPPED


def test_a_stop_of_an_earlier_start_does_not_end_the_later_one() -> None:
    started = runner(InstanceStarted, boot=BOOT_B)
    assert len(ends_after(started, runner(InstanceStopped, boot=BOOT_A))) == 1


@pytest.mark.parametrize(
    ("sequences", "first", "expected"),
    [
        ([1, 2, 3], 1, {0: 0, 1: 1, 3: 3, 9: 3}),
        ([101, 102], 101, {100: 100, 101: 101, 102: 102}),
        ([1, 2, 5, 6], 1, {2: 2, 3: 2, 4: 2, 5: 3, 6: 4}),
        ([], 8, {7: 7, 3: 7}),
    ],
)
def test_gaps_close(sequences: list[int], first: int, expected: dict[int, int]) -> None:
    places = Places(first)
    for sequence in sequences:
        places.add(sequence)
    assert {before: places.of(before) for before in expected} == expected
