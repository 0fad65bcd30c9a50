"""The overview as an answer; pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec
from webjobs_events.durations import measured, median, p90
from webjobs_events.instant import Instant
from webjobs_events.job import JobDefinition
from webjobs_events.queries import InstanceView, JobSummary, LastSuccess, RunView
from webjobs_rules.job import JobType
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Reason, Status

from webjobs_api.backends.failing_hook import HookAcknowledgement
from webjobs_api.backends.known_job import error_of
from webjobs_api.http.legacy_responses import continuous_status
from webjobs_api.http.urls import Urls
from webjobs_api.overview.acknowledged import Given
from webjobs_api.overview.acknowledgement_json import AcknowledgementJson, hook_json, listed_json
from webjobs_api.overview.attention import HOOK, Attention, AttentionKind
from webjobs_api.overview.job_facts import JobFacts

SHOWN_RESULTS = 20
_MILLISECOND = timedelta(milliseconds=1)
_OF_VIEW = (
    "instance",
    "status",
    "since",
    "exit_code",
    "reason",
    "evidence",
    "crashes",
    "crashing_since",
)
_OF_USAGE = ("pid", "restarts", "health_failures", "cpu_seconds", "cpu_percent", "memory_bytes")


class AttentionJson(msgspec.Struct, frozen=True, kw_only=True):
    """One reason why a job or a hook needs attention.

    Attributes:
        job: The job, or a folder that no job can be; empty of a hook.
        type: Triggered or continuous; `hook` of a hook.
        kind: The reason.
        text: A sentence with the facts.
        since: When it began; null when that is unknown.
        run_id: The run it is about; null when it is about none.
        evidence: The facts in a form that is compared; empty when they are not known at the moment.
        url: Of the run, job or hook it is about.
        hook: Id of the hook; null of a job.
        target: Whom the hook calls, without user and password; null of a job.
    """

    job: str
    type: str
    kind: AttentionKind
    text: str
    since: Instant | None
    run_id: RunId | None
    evidence: str = ""
    url: str
    hook: str | None = None
    target: str | None = None


class AcknowledgedJson(AttentionJson, frozen=True, kw_only=True):
    """One reason for attention that is acknowledged."""

    acknowledgement: AcknowledgementJson


class CountsJson(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of all jobs.

    Attributes:
        running: Runs that run; at most 10,000 are counted.
        waiting: Runs that wait in the queue, or for their next attempt.
        failed_24h: Attempts that failed in the last 24 hours, also of runs that are not kept any more.
        continuous_up: Continuous jobs of which a process runs.
        continuous_total: Continuous jobs that are not disabled.
        jobs: All jobs.
        attention: All reasons for attention that are not acknowledged.
        acknowledged: Those that are.
    """

    running: int
    waiting: int
    failed_24h: int
    continuous_up: int
    continuous_total: int
    jobs: int
    attention: int
    acknowledged: int


class RunningJson(msgspec.Struct, frozen=True, kw_only=True):
    """A run that runs.

    Attributes:
        job: Its job.
        run_id: Its id.
        started_at: When its process started.
        elapsed_ms: Since then.
        median_ms: Of the durations of the job's last runs; null before the first.
        arguments: The first 200 characters; null when there are none.
        progress: How far it says that it is, 0 to 1; null when it says nothing.
        progress_text: What it says about that.
        last_line: What it wrote last, the first 200 characters; null when nothing is known of it.
        url: Of the run.
    """

    job: str
    run_id: RunId
    started_at: Instant | None
    elapsed_ms: int
    median_ms: int | None
    arguments: str | None
    progress: float | None
    progress_text: str
    last_line: str | None
    url: str


class DueJson(msgspec.Struct, frozen=True, kw_only=True):
    """When a job is due next."""

    job: str
    at: Instant
    url: str


class LatestRunJson(msgspec.Struct, frozen=True, kw_only=True):
    """The latest run of a job, with the fields of its last event."""

    run_id: RunId
    status: Status
    attempt: int
    trigger: str
    requested_at: Instant
    started_at: Instant | None
    ended_at: Instant | None
    exit_code: int | None
    signal: int | None
    reason: Reason | None
    evidence: str
    url: str


class Role(StrEnum):
    """What a continuous job is on a runner."""

    EACH = "each"
    """One of those on every runner."""
    SINGLETON = "singleton"
    """The only one that runs."""
    STANDBY = "standby"
    """One that waits until the runner of the singleton is gone."""


class InstanceJson(msgspec.Struct, frozen=True, kw_only=True):
    """A continuous job on one runner. The fields from `pid` on are null until its runner has reported them.

    Attributes:
        instance: Id of the runner.
        role: On each runner, singleton or standby.
        status: As an event says it.
        since: Of the status.
        exit_code: Of its last end.
        reason: Of its last end.
        evidence: Of its last end.
        crashes: In a row, each soon after the start.
        crashing_since: The first of those.
        pid: Of the main process on the runner's machine.
        restarts: How often the runner has started it again since the runner began to run the job.
        health_failures: Failed health checks in a row; null without a check too.
        cpu_seconds: User and system time of the process and all it started.
        cpu_percent: Of one core, in the last 15 s.
        memory_bytes: Resident memory of its largest process.
    """

    instance: str
    status: Status
    since: Instant
    exit_code: int | None
    reason: Reason | None
    evidence: str
    crashes: int
    crashing_since: Instant | None
    role: Role
    pid: int | None = None
    restarts: int | None = None
    health_failures: int | None = None
    cpu_seconds: float | None = None
    cpu_percent: float | None = None
    memory_bytes: int | None = None


class JobRowJson(msgspec.Struct, frozen=True, kw_only=True):
    """One job. What one type of jobs does not have is null or empty.

    Attributes:
        job: Its name.
        type: Triggered or continuous.
        status: Of the latest run, or of the continuous job; null when it never ran.
        attention: The most severe reason why it needs attention; null when there is none, or all are
            acknowledged.
        latest: Its latest run.
        results: A letter for each of the last 20 runs that ended, oldest first: S, F or A, as `Success`.
        durations_ms: Milliseconds of those, oldest first; null where no process was started.
        median_ms: Of the successful and failed ones among the last 50.
        p90_ms: What nine of ten of those took at most.
        success_rate: Share of the successful among the last 100 that succeeded or failed, 0 to 1.
        streak: How many in a row ended with the last result.
        last_success: The last run that succeeded.
        next_due: When its schedule is due next.
        up_since: When the oldest of its running processes started.
        instances: A continuous job on each runner alive.
        disabled: Whether it is kept from running.
        error: What is wrong about it and what to do.
        url: Of the job.
    """

    job: str
    type: JobType
    status: Status | None
    attention: AttentionKind | None
    latest: LatestRunJson | None
    results: str
    durations_ms: list[int | None]
    median_ms: int | None
    p90_ms: int | None
    success_rate: float | None
    streak: int
    last_success: LastSuccess | None
    next_due: Instant | None
    up_since: Instant | None
    instances: list[InstanceJson]
    disabled: bool
    error: str | None
    url: str


class OverviewJson(msgspec.Struct, frozen=True, kw_only=True):
    """All jobs at a glance.

    Attributes:
        attention: What needs attention, the most severe first, at most 100.
        acknowledged: What would need attention, but is acknowledged; at most 100.
        counts: Figures.
        running: The ten runs that run longest.
        next_due: The next five due times.
        jobs: A page of jobs: those that need attention first, then by name.
        next: Address of the next page; null when this is the last one.
    """

    attention: list[AttentionJson]
    acknowledged: list[AcknowledgedJson]
    counts: CountsJson
    running: list[RunningJson]
    next_due: list[DueJson]
    jobs: list[JobRowJson]
    next: str | None


def attention_json(attention: Attention, is_job: bool, urls: Urls, now: datetime) -> AttentionJson:
    """One reason; that of a folder which is no job leads to the list of refusals."""
    is_hook = attention.type == HOOK
    if is_hook:
        url = urls.hook(attention.job)
    elif attention.run_id is not None:
        url = urls.run(attention.job, attention.run_id)
    elif is_job:
        url = urls.job(JobType(attention.type), attention.job)
    else:
        url = urls.refusals
    return AttentionJson(
        job="" if is_hook else attention.job,
        type=attention.type,
        kind=attention.kind,
        text=attention.sentence.text(now),
        since=attention.since,
        run_id=attention.run_id,
        evidence=attention.evidence,
        url=url,
        hook=attention.job if is_hook else None,
        target=attention.target if is_hook else None,
    )


def acknowledged_json(
    attention: Attention, covered_by: Given, is_job: bool, urls: Urls, now: datetime
) -> AcknowledgedJson:
    """One reason, with what covers it."""
    shown = msgspec.structs.asdict(attention_json(attention, is_job, urls, now))
    if isinstance(covered_by, HookAcknowledgement):
        return AcknowledgedJson(**shown, acknowledgement=hook_json(covered_by))
    return AcknowledgedJson(**shown, acknowledgement=listed_json([covered_by])[0])


def running_json(
    run: RunView, summary: JobSummary | None, last_line: str | None, urls: Urls, now: datetime
) -> RunningJson:
    """A run that runs."""
    return RunningJson(
        job=run.job_name,
        run_id=run.run_id,
        started_at=run.started_at,
        elapsed_ms=max(0, (now - (run.started_at or now)) // _MILLISECOND),
        median_ms=summary.median_ms if summary else None,
        arguments=run.arguments,
        progress=run.progress,
        progress_text=run.progress_text,
        last_line=last_line,
        url=urls.run(run.job_name, run.run_id),
    )


def job_row(job: JobFacts, kind: AttentionKind | None, urls: Urls) -> JobRowJson:
    """The row of a job."""
    definition, summary = job.definition, job.summary
    latest = summary.latest if summary else None
    lengths = measured(summary.durations, summary.results) if summary else []
    status = latest.status if latest else None
    if not job.is_triggered:
        status = continuous_status(definition, job.instances)
    return JobRowJson(
        job=definition.job_name,
        type=definition.job_type,
        status=status,
        attention=kind,
        latest=_latest_json(latest, urls) if latest else None,
        results=summary.results[-SHOWN_RESULTS:] if summary else "",
        durations_ms=summary.durations[-SHOWN_RESULTS:] if summary else [],
        median_ms=median(lengths),
        p90_ms=p90(lengths),
        success_rate=_success_rate(summary.results) if summary else None,
        streak=summary.streak if summary else 0,
        last_success=summary.last_success if summary else None,
        next_due=job.next_due,
        up_since=min((view.since for view in job.instances if view.status is Status.RUNNING), default=None),
        instances=[_instance_json(view, job) for view in job.instances],
        disabled=job.is_disabled,
        error=error_of(definition),
        url=urls.job(definition.job_type, definition.job_name),
    )


def _success_rate(results: str) -> float | None:
    measured = results.count("S") + results.count("F")
    return round(results.count("S") / measured, 3) if measured else None


def _latest_json(run: RunView, urls: Urls) -> LatestRunJson:
    return LatestRunJson(
        **{name: getattr(run, name) for name in LatestRunJson.__struct_fields__ if name != "url"},
        url=urls.run(run.job_name, run.run_id),
    )


def _instance_json(view: InstanceView, job: JobFacts) -> InstanceJson:
    own = {name: getattr(view, name) for name in _OF_VIEW}
    usage = job.usage.get(view.instance) if view.status is Status.RUNNING else None
    used = {name: getattr(usage, name) for name in _OF_USAGE} if usage else {}
    return InstanceJson(**own, **used, role=role_of(job.definition, view))


def role_of(definition: JobDefinition, view: InstanceView) -> Role:
    """What a continuous job is on a runner."""
    if view.status is Status.INACTIVE_INSTANCE:
        return Role.STANDBY
    return Role.SINGLETON if definition.is_singleton else Role.EACH


def due_json(jobs: Sequence[JobFacts], most: int, urls: Urls) -> list[DueJson]:
    """The next due times of all jobs, one for each job."""
    due = sorted((job.next_due, job.definition.job_name) for job in jobs if job.next_due is not None)
    return [DueJson(job=name, at=at, url=urls.job(JobType.TRIGGERED, name)) for at, name in due[:most]]
