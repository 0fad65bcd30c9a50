"""Commands as the api would publish them."""

from datetime import UTC, datetime

from webjobs_events.commands import RunTriggeredJob
from webjobs_events.job import JobName, JobType
from webjobs_events.run_id import RunId


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
