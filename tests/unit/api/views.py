"""Read models for the tests of what is made of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from support.definitions import job_definition
from webjobs_events.job import JobDefinition
from webjobs_events.queries import InstanceView, RunView
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Status

BEGAN = datetime(2013, 11, 8, 2, 56, tzinfo=UTC)
NOW = BEGAN + timedelta(minutes=5)


def definition(name: str = "jobName", job_type: JobType = JobType.TRIGGERED, **changes: Any) -> JobDefinition:
    given = {"script": "run.cmd", "script_host": "", "changed_at": NOW, "digest": "d"} | changes
    return job_definition(name, job_type, **given)


def run(status: Status = Status.SUCCESS, **changes: Any) -> RunView:
    given = {
        "requested_at": BEGAN - timedelta(seconds=1),
        "started_at": BEGAN,
        "ended_at": BEGAN + timedelta(minutes=1),
    } | changes
    return RunView(
        job_name=JobName("jobName"),
        run_id=RunId("201311080256000000"),
        status=status,
        trigger="External",
        digest="d",
        instance="327e1e",
        **given,
    )


def instance(name: str, status: Status) -> InstanceView:
    return InstanceView(instance=name, status=status, since=NOW, digest="d")
