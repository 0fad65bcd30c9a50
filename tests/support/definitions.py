"""Definitions of jobs as a runner would write them."""

from datetime import UTC, datetime
from typing import Any

from webjobs_events.job import JobDefinition
from webjobs_rules.job import JobName, JobType


def job_definition(name: str = "job", job_type: JobType = JobType.TRIGGERED, **facts: Any) -> JobDefinition:
    """The definition of a job with one script; `facts` are the fields that matter to a test."""
    given = {
        "digest": "d1",
        "script": "run.sh",
        "script_host": "BashScriptHost",
        "changed_at": datetime(2026, 1, 1, tzinfo=UTC),
        "changed_by": "0a0b0c",
        "cause": "test",
    }
    return JobDefinition(job_type=job_type, job_name=JobName(name), **given | facts)
