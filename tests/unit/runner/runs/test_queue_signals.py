"""Signals that a run may be next reach `NextRuns` for watched jobs only, and when an attempt may start."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from webjobs_events.commands import RunTriggeredJob
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunId
from webjobs_runner.domain.attempt import first_attempt
from webjobs_runner.runs.queue_signals import QueueSignals

JOB = JobName("job")
ATTEMPT = first_attempt(
    RunTriggeredJob(
        command_id="c",
        job_type=JobType.TRIGGERED,
        job_name=JOB,
        requested_at=datetime(2026, 11, 28, tzinfo=UTC),
        requested_by="Test",
        run_id=RunId("202611280000000000"),
    )
)


def test_a_job_that_is_not_watched_gives_no_signal() -> None:
    signals = QueueSignals()
    signals.job_changed(JOB)
    assert signals.jobs.empty() and not signals.is_watched(JOB)


def test_each_change_of_a_watched_job_is_a_signal() -> None:
    signals = QueueSignals()
    signals.watch(JOB)
    signals.job_changed(JOB)
    signals.job_changed(JOB)
    assert signals.is_watched(JOB)
    assert [signals.jobs.get_nowait(), signals.jobs.get_nowait()] == [JOB, JOB]


@pytest.mark.parametrize("not_before", [None, datetime(2026, 1, 1, tzinfo=UTC)])
async def test_an_attempt_whose_time_has_come_is_signalled_at_once(not_before: datetime | None) -> None:
    signals = QueueSignals()
    signals.attempt_waits(ATTEMPT.after(RunId("202611280000000001"), not_before))
    assert await asyncio.wait_for(signals.commands.get(), 30) is ATTEMPT.command


async def test_an_attempt_whose_time_has_not_come_is_signalled_then() -> None:
    signals = QueueSignals()
    due = datetime.now(UTC) + timedelta(seconds=0.1)
    signals.attempt_waits(ATTEMPT.after(RunId("202611280000000001"), due))
    assert signals.commands.empty()
    assert await asyncio.wait_for(signals.commands.get(), 30) is ATTEMPT.command
    assert datetime.now(UTC) >= due - timedelta(milliseconds=20)  # two clocks
