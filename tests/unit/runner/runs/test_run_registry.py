"""The registry of runs: what is handled, called, begun, ended, and what is asked to end."""

import asyncio
from datetime import UTC, datetime

import pytest
from webjobs_events.commands import RunTriggeredJob
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Reason
from webjobs_runner.domain.attempt import Attempt, first_attempt
from webjobs_runner.runs.run_registry import RunRegistry


class FakeExecution:
    """Remembers why it was asked to end."""

    def __init__(self, job_name: str, run_id: str) -> None:
        command = RunTriggeredJob(
            command_id=f"run/{job_name}/{run_id}",
            job_type=JobType.TRIGGERED,
            job_name=JobName(job_name),
            requested_at=datetime(2026, 11, 28, tzinfo=UTC),
            requested_by="Test",
            run_id=RunId(run_id),
        )
        self.attempt: Attempt = first_attempt(command)
        self.after = 0
        self.limit_changed = asyncio.Event()
        self.asked: list[tuple[Reason, str]] = []

    def request_end(self, reason: Reason, evidence: str) -> None:
        self.asked.append((reason, evidence))


def test_a_command_is_handled_while_its_body_runs_also_when_that_raises() -> None:
    registry = RunRegistry()
    with pytest.raises(LookupError), registry.handling("a"):
        assert registry.is_handled("a") and not registry.is_handled("b")
        raise LookupError
    assert not registry.is_handled("a")


def test_a_call_is_taken_once_and_is_for_handled_commands_only() -> None:
    registry = RunRegistry()
    assert not registry.call("a")
    with registry.handling("a"):
        assert not registry.take_call("a")
        assert registry.call("a")
        assert registry.take_call("a")
        assert not registry.take_call("a")


def test_a_command_has_begun_as_soon_as_its_run_is_executed() -> None:
    registry, execution = RunRegistry(), FakeExecution("job", "1")
    command_id = execution.attempt.command.command_id
    with registry.handling(command_id):
        assert not registry.has_begun(command_id)
        with registry.executing(execution):
            assert registry.has_begun(command_id)
            assert registry.executions() == [execution]
        assert registry.has_begun(command_id)
        assert registry.executions() == []


def test_a_run_is_found_by_its_job_and_id() -> None:
    registry, execution = RunRegistry(), FakeExecution("job", "1")
    with registry.executing(execution):
        assert registry.execution_of(JobName("job"), RunId("1")) is execution
        assert registry.execution_of(JobName("job"), RunId("2")) is None
        assert registry.execution_of(JobName("other"), RunId("1")) is None
        assert registry.has_run_of(JobName("job")) and not registry.has_run_of(JobName("other"))


def test_the_runs_of_one_job_or_of_all_are_asked_to_end() -> None:
    registry, one, other = RunRegistry(), FakeExecution("one", "1"), FakeExecution("other", "2")
    with registry.executing(one), registry.executing(other):
        registry.request_end(Reason.DELETED, "gone", JobName("one"))
        assert (one.asked, other.asked) == ([(Reason.DELETED, "gone")], [])
        registry.request_end(Reason.STOPPED, "stopped")
        assert other.asked == [(Reason.STOPPED, "stopped")]


def test_a_run_that_comes_after_the_close_is_asked_to_end_too() -> None:
    registry, before, after = RunRegistry(), FakeExecution("job", "1"), FakeExecution("job", "2")
    with registry.executing(before):
        assert registry.is_open
        registry.close("The runner is stopping.")
        assert not registry.is_open
        with registry.executing(after):
            expected = [(Reason.HOST_SHUTDOWN, "The runner is stopping.")]
            assert before.asked == after.asked == expected


def test_a_changed_limit_reaches_every_run() -> None:
    registry, execution = RunRegistry(), FakeExecution("job", "1")
    with registry.executing(execution):
        registry.limits_changed()
    assert execution.limit_changed.is_set()


def test_a_run_is_marked_while_it_is_ended_without_being_started() -> None:
    registry = RunRegistry()
    with pytest.raises(LookupError), registry.ending("a"):
        assert registry.is_ended("a")
        raise LookupError
    assert not registry.is_ended("a")
