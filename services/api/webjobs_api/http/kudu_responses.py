"""Read models → the JSON of Kudu's dialect, field by field; pure.

Source: Kudu.Contracts/Jobs. Fields that Kudu does not have come after its own; they are ours.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from webjobs_events.job import JobDefinition
from webjobs_events.queries import InstanceView, RunView
from webjobs_rules.job import JobType

from webjobs_api.backends.known_job import error_of
from webjobs_api.http.legacy_responses import continuous_status, run_command
from webjobs_api.http.urls import Urls

_NO_INSTANT = "0001-01-01T00:00:00"  # how .NET writes an instant that is not set


class KuduRun(msgspec.Struct, frozen=True):
    """One run of a triggered job."""

    id: str
    name: str
    status: str
    start_time: str
    end_time: str
    duration: str
    output_url: str
    error_url: str | None
    url: str
    job_name: str
    trigger: str
    arguments: str | None
    exit_code: int | None
    signal: int | None
    reason: str | None
    evidence: str
    instance: str
    package_digest: str
    attempt: int
    scheduled_for: str | None
    retry_of: str | None
    rerun_of: str | None
    next_run_id: str | None
    next_attempt_at: str | None
    output_log_bytes: int | None
    error_log_bytes: int | None
    dropped_lines: int | None
    imported_from: str | None


class KuduRuns(msgspec.Struct, frozen=True):
    """The runs of a triggered job, newest first."""

    runs: list[KuduRun]


class KuduSettingsChanged(msgspec.Struct, frozen=True):
    """The answer to new settings; ours: Kudu's is empty.

    Attributes:
        warnings: Sentences about what the settings say, and how it was understood.
    """

    warnings: list[str]


class KuduTriggeredJob(msgspec.Struct, frozen=True):
    """A triggered job; `latest_run` is null when it never ran."""

    latest_run: KuduRun | None
    history_url: str
    scheduler_logs_url: str | None
    name: str
    run_command: str
    url: str
    extra_info_url: str
    type: str
    error: str | None
    using_sdk: bool
    settings: dict[str, Any]
    warnings: list[str]


class KuduContinuousJob(msgspec.Struct, frozen=True):
    """A continuous job; `detailed_status` has a line for each running instance."""

    status: str
    detailed_status: str
    log_url: str
    name: str
    run_command: str
    url: str
    extra_info_url: str
    type: str
    error: str | None
    using_sdk: bool
    settings: dict[str, Any]
    warnings: list[str]


def instant(at: datetime | None) -> str:
    """`2013-11-08T02:56:00.25Z` as .NET writes a DateTime: no zeros at the end; year 1 when there is none."""
    if at is None:
        return _NO_INSTANT
    text = at.strftime("%Y-%m-%dT%H:%M:%S.%f")
    return f"{text.rstrip('0').rstrip('.')}Z"


def duration(length: timedelta) -> str:
    """`00:01:00.2500000`, `1.02:03:04` from a day on, as .NET writes a TimeSpan; never negative."""
    whole, fraction = divmod(max(length, timedelta(0)), timedelta(seconds=1))
    days, seconds = divmod(whole, 86_400)
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    ticks = f".{fraction.microseconds:06d}0" if fraction else ""
    return f"{days}.{clock}{ticks}" if days else f"{clock}{ticks}"


def run_json(run: RunView, urls: Urls, now: datetime) -> KuduRun:
    """A run; its duration counts to `now` until it has ended.

    Both streams are in one log, as in Kudu, so `error_url` is always null.
    """
    began = run.started_at or run.requested_at
    return KuduRun(
        id=run.run_id,
        name=run.run_id,
        status=run.status.value,
        start_time=instant(began),
        end_time=instant(run.ended_at),
        duration=duration((run.ended_at or now) - began),
        output_url=urls.output(run.job_name, run.run_id),
        error_url=None,
        url=urls.run(run.job_name, run.run_id),
        job_name=run.job_name,
        trigger=run.trigger,
        arguments=run.arguments,
        exit_code=run.exit_code,
        signal=run.signal,
        reason=run.reason.value if run.reason else None,
        evidence=run.evidence,
        instance=run.instance,
        package_digest=run.digest,
        attempt=run.attempt,
        scheduled_for=instant(run.scheduled_for) if run.scheduled_for else None,
        retry_of=run.retry_of,
        rerun_of=run.rerun_of,
        next_run_id=run.next_run_id,
        next_attempt_at=instant(run.next_attempt_at) if run.next_attempt_at else None,
        output_log_bytes=run.output_log_bytes,
        error_log_bytes=run.error_log_bytes,
        dropped_lines=run.dropped_lines,
        imported_from=run.imported_from,
    )


def runs_json(runs: Iterable[RunView], urls: Urls, now: datetime) -> KuduRuns:
    """Runs in the order given."""
    return KuduRuns([run_json(run, urls, now) for run in runs])


def triggered_job_json(
    definition: JobDefinition, latest: RunView | None, urls: Urls, now: datetime
) -> KuduTriggeredJob:
    """A triggered job with its latest run."""
    name = definition.job_name
    return KuduTriggeredJob(
        latest_run=run_json(latest, urls, now) if latest else None,
        history_url=urls.history(name),
        scheduler_logs_url=None,
        name=name,
        run_command=run_command(definition),
        url=urls.job(JobType.TRIGGERED, name),
        extra_info_url=urls.page(JobType.TRIGGERED, name),
        type=JobType.TRIGGERED.value,
        error=error_of(definition),
        using_sdk=False,
        settings=definition.settings,
        warnings=definition.all_warnings,
    )


def continuous_job_json(
    definition: JobDefinition, alive: Sequence[InstanceView], urls: Urls
) -> KuduContinuousJob:
    """A continuous job with the status of its running instances."""
    name = definition.job_name
    return KuduContinuousJob(
        status=continuous_status(definition, alive).value,
        detailed_status="".join(f"{view.instance} - {view.status.value}\r\n" for view in alive),
        log_url=urls.job_log(name),
        name=name,
        run_command=run_command(definition),
        url=urls.job(JobType.CONTINUOUS, name),
        extra_info_url=urls.page(JobType.CONTINUOUS, name),
        type=JobType.CONTINUOUS.value,
        error=error_of(definition),
        using_sdk=False,
        settings=definition.settings,
        warnings=definition.all_warnings,
    )


def settings_changed_json(definition: JobDefinition) -> KuduSettingsChanged:
    """The warnings about a job whose settings were changed."""
    return KuduSettingsChanged(definition.all_warnings)
