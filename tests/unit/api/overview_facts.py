"""Jobs as the overview knows them, for the tests of its rules."""

from datetime import UTC, datetime, timedelta
from typing import Any

from support.definitions import job_definition
from webjobs_api.backends.known_job import known_job
from webjobs_api.overview.job_facts import JobFacts
from webjobs_events.events import ScheduleTicked, TickOutcome
from webjobs_events.queries import InstanceView, JobSummary, LastSuccess, RunView
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunId, run_id_at
from webjobs_rules.status import Reason, Status

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def ago(**time: float) -> datetime:
    return NOW - timedelta(**time)


def run(status: Status, began: datetime, **facts: Any) -> RunView:
    return RunView(
        job_name=JobName("job"),
        run_id=run_id_at(began),
        status=status,
        trigger="External - curl/8.5",
        digest="d",
        instance="aaaaaa",
        requested_at=began,
        **{"started_at": began} | facts,
    )


def failed(began: datetime, **facts: Any) -> RunView:
    return run(
        Status.FAILED, began, **{"reason": Reason.EXIT_CODE, "exit_code": 3, "ended_at": began} | facts
    )


def summary(latest: RunView, results: str, *, streak: int = 1, **facts: Any) -> JobSummary:
    return JobSummary(
        job_name=latest.job_name, latest=latest, run_count=9, results=results, streak=streak, **facts
    )


def success(at: datetime) -> LastSuccess:
    return LastSuccess(run_id=RunId("202603010000000000"), ended_at=at)


def triggered(name: str = "job", *, definition: Any = None, **facts: Any) -> JobFacts:
    return JobFacts(definition=known_job(job_definition(name, **definition or {})), **facts)


def continuous(name: str, *instances: InstanceView, definition: Any = None) -> JobFacts:
    described = job_definition(name, JobType.CONTINUOUS, **definition or {})
    return JobFacts(definition=known_job(described), instances=instances)


def instance(status: Status, since: datetime, crashes: int = 0, **facts: Any) -> InstanceView:
    return InstanceView(
        instance="aaaaaa",
        status=status,
        since=since,
        digest="d",
        crashes=crashes,
        crashing_since=ago(minutes=30) if crashes else None,
        **facts,
    )


def tick(outcome: TickOutcome, *, count: int = 1, reason: str = "") -> ScheduleTicked:
    return ScheduleTicked(
        at=ago(minutes=5),
        instance="aaaaaa",
        job_name=JobName("job"),
        due=ago(minutes=7),
        count=count,
        outcome=outcome,
        reason=reason,
        schedule="0 0 * * * *",
        time_zone="UTC",
    )
