"""Commands as the api would publish them."""

from datetime import UTC, datetime

from msgspec.structs import replace
from webjobs_events.commands import RunTriggeredJob
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunId


def run_command(job: str = "hello") -> RunTriggeredJob:
    """Run this job; every command about one job has the same id."""
    return RunTriggeredJob(
        command_id=f"run/{job}",
        job_type=JobType.TRIGGERED,
        job_name=JobName(job),
        requested_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        requested_by="test",
        run_id=RunId("202601020304050000"),
    )


def numbered_command(number: int, job: str = "hello") -> RunTriggeredJob:
    """One of many commands to run a job: its run id ends with the number, and is its slot in the queue."""
    run_id = RunId(f"20260102030405{number:04}")
    return replace(run_command(job), command_id=f"run/{job}/{run_id}", run_id=run_id, slot=run_id)
