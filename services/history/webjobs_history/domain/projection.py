"""Event → changes of rows: the whole meaning of the event stream for history, as pure functions."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace
from webjobs_events.events import (
    ContinuousEvent,
    ContinuousInactiveInstance,
    ContinuousInitializing,
    ContinuousPendingRestart,
    ContinuousRunning,
    ContinuousStarting,
    ContinuousStopped,
    ContinuousStopping,
    Deleted,
    Event,
    InstanceEvent,
    InstanceLost,
    InstanceStarted,
    InstanceStopped,
    ProcessEnded,
    Purged,
    Removed,
    RunAborted,
    RunEnded,
    RunEvent,
    RunFailed,
    RunImported,
    RunInitializing,
    RunProgressed,
    RunRunning,
    RunSuccess,
)
from webjobs_events.queries import RunView
from webjobs_rules.errors import IllegalTransition
from webjobs_rules.job import JobName, JobType
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Reason, Status, is_terminal, next_status

from webjobs_history.domain.acknowledgements import AcknowledgementChange, acknowledgement_changes
from webjobs_history.domain.crashes import crashes_after
from webjobs_history.domain.deployments import DeploymentChange, deployment_changes
from webjobs_history.domain.rows import InstanceRow


class PutRun(msgspec.Struct, frozen=True):
    """This run is new, or looks like this now."""

    run: RunView


class DropRuns(msgspec.Struct, frozen=True):
    """These runs are removed."""

    job_name: JobName
    run_ids: list[RunId]


class DropJob(msgspec.Struct, frozen=True):
    """All runs of this job are removed."""

    job_name: JobName


class PutInstance(msgspec.Struct, frozen=True):
    """The job does this on that instance now."""

    row: InstanceRow


class DropInstances(msgspec.Struct, frozen=True):
    """The continuous job is removed."""

    job_name: JobName


Change = PutRun | DropRuns | DropJob | PutInstance | DropInstances | AcknowledgementChange | DeploymentChange


class Rows(Protocol):
    """The rows an event may ask for."""

    def run(self, job_name: JobName, run_id: RunId) -> RunView | None:
        """A run; None when there is none."""

    def instance(self, job_name: JobName, instance: str) -> InstanceRow | None:
        """A job's row of an instance; None when there is none."""

    def rows_of(self, instance: str) -> Iterable[InstanceRow]:
        """All jobs' rows of an instance."""


def project(rows: Rows, event: Event) -> list[Change]:
    """What an event changes, given the rows before it.

    Raises:
        IllegalTransition: The event repeats another, comes too late, or comes from a superseded boot or
            attempt; it changes nothing.
    """
    rule = _RULES.get(type(event))
    changes = [] if rule is None else rule(rows, event)
    instance = rows.instance(event.job_name, event.instance) if isinstance(event, ContinuousEvent) else None
    return [*changes, *acknowledgement_changes(instance, event), *deployment_changes(event)]


# Runs


def _run_begins(rows: Rows, event: RunInitializing) -> list[Change]:
    current = rows.run(event.job_name, event.run_id)
    status = next_status(JobType.TRIGGERED, current.status if current else None, event.status)
    return [
        PutRun(
            RunView(
                job_name=event.job_name,
                run_id=event.run_id,
                status=status,
                attempt=event.attempt,
                trigger=event.trigger,
                arguments=event.arguments,
                digest=event.digest,
                instance=event.instance,
                requested_at=event.requested_at,
                scheduled_for=event.scheduled_for,
                retry_of=event.retry_of,
                rerun_of=event.rerun_of,
            )
        )
    ]


def _run_runs(rows: Rows, event: RunRunning) -> list[Change]:
    current, status = _next_of_run(rows, event)
    return [PutRun(replace(current, status=status, started_at=event.at, instance=event.instance))]


def _run_ends(rows: Rows, event: RunEnded) -> list[Change]:
    """The end of a run: never before its start, whatever the clocks of the two authors showed.

    The instance stays the one that ran it, also when another one reports its end.
    """
    current, status = _next_of_run(rows, event)
    started_at = current.started_at or event.started_at
    return [
        PutRun(
            replace(
                current,
                status=status,
                started_at=started_at,
                ended_at=max(event.at, started_at or current.requested_at),
                exit_code=event.exit_code,
                signal=event.signal,
                reason=event.reason,
                evidence=event.evidence,
                has_error_log=event.has_error_log,
                next_run_id=event.next_run_id,
                next_attempt_at=event.next_attempt_at,
                output_log_bytes=event.output_log_bytes,
                error_log_bytes=event.error_log_bytes,
                dropped_lines=event.dropped_lines,
                cpu_seconds=event.cpu_seconds,
                peak_memory_bytes=event.peak_memory_bytes,
                log_lines=event.log_lines,
                first_error_line=event.first_error_line,
                result=None if event.result is None else msgspec.json.encode(event.result).decode(),
                result_bytes=event.result_bytes,
                progress=current.progress if event.progress is None else event.progress,
                progress_text=current.progress_text if event.progress is None else event.progress_text,
                warnings=event.warnings,
            )
        )
    ]


def _run_progresses(rows: Rows, event: RunProgressed) -> list[Change]:
    """How far a run is; one that comes after its end changes nothing."""
    current = rows.run(event.job_name, event.run_id)
    if current is None or current.attempt != event.attempt or current.status is not Status.RUNNING:
        return []
    return [PutRun(replace(current, progress=event.progress, progress_text=event.text))]


def _run_is_imported(rows: Rows, event: RunImported) -> list[Change]:
    """A run of another system, whole; one that is there already is not changed by it."""
    current = rows.run(event.job_name, event.run_id)
    if current is not None or not is_terminal(event.status):
        raise IllegalTransition(current.status if current else None, event.status)
    return [
        PutRun(
            RunView(
                job_name=event.job_name,
                run_id=event.run_id,
                status=event.status,
                trigger=event.trigger,
                digest="",
                instance=event.host,
                requested_at=event.requested_at,
                started_at=event.started_at,
                ended_at=max(event.ended_at, event.started_at),
                exit_code=event.exit_code,
                reason=event.reason,
                evidence=event.evidence,
                has_error_log=event.has_error_log,
                output_log_bytes=event.output_log_bytes,
                error_log_bytes=event.error_log_bytes,
                log_lines=event.log_lines,
                first_error_line=event.first_error_line,
                imported_from=event.source,
            )
        )
    ]


def _next_of_run(rows: Rows, event: RunEvent) -> tuple[RunView, Status]:
    current = rows.run(event.job_name, event.run_id)
    status = next_status(JobType.TRIGGERED, current.status if current else None, event.status)
    if current is None or current.attempt != event.attempt:
        raise IllegalTransition(current.status if current else None, event.status)
    return current, status


def _runs_are_purged(rows: Rows, event: Purged) -> list[Change]:
    """Runs that are gone already, or have not ended, are left out."""
    found = (rows.run(event.job_name, run_id) for run_id in dict.fromkeys(event.run_ids))
    ended = [run.run_id for run in found if run is not None and is_terminal(run.status)]
    return [DropRuns(event.job_name, ended)] if ended else []


# Continuous jobs


def _instance_changes(rows: Rows, event: ContinuousEvent) -> list[Change]:
    current = rows.instance(event.job_name, event.instance)
    status = next_status(JobType.CONTINUOUS, current.status if current else None, event.status)
    if current is not None and _is_stale(current, event):
        raise IllegalTransition(current.status, event.status)
    crashes, crashing_since = crashes_after(current, event)
    return [
        PutInstance(
            InstanceRow(
                job_name=event.job_name,
                instance=event.instance,
                boot=event.boot,
                sequence=event.sequence,
                status=status,
                since=event.at,
                digest=event.digest,
                exit_code=event.exit_code if isinstance(event, ProcessEnded) else None,
                reason=event.reason if isinstance(event, ProcessEnded | ContinuousStopping) else None,
                evidence=_evidence(event),
                crashes=crashes,
                crashing_since=crashing_since,
            )
        )
    ]


def _is_stale(current: InstanceRow, event: ContinuousEvent) -> bool:
    """Whether an event was seen already, or is of another boot and does not begin that boot.

    Boots are not compared by time: events of a runner whose clock was set back count all the same.
    """
    if event.boot == current.boot:
        return event.sequence <= current.sequence
    return event.status is not Status.INITIALIZING


def _evidence(event: ContinuousEvent) -> str:
    match event:
        case ProcessEnded():
            return event.evidence
        case ContinuousInactiveInstance():
            return f"Instance {event.held_by} runs this singleton."
        case ContinuousStopping():
            return f"It has {event.grace_seconds:g} s to end by itself."
        case _:
            return ""


# Runners


def _runner_starts(rows: Rows, event: InstanceStarted) -> list[Change]:
    """Whatever an earlier boot ran is gone; the new boot in each row keeps its late events out."""
    changes: list[Change] = []
    for row in rows.rows_of(event.about_instance):
        if row.boot != event.boot:
            stopped = _stopped(row, event, Reason.RUNNER_LOST, "The runner started again.")
            changes.append(PutInstance(replace(stopped, boot=event.boot, sequence=0)))
    return changes


def _runner_stops(rows: Rows, event: InstanceStopped) -> list[Change]:
    return _all_stopped(rows, event, Reason.HOST_SHUTDOWN, "The runner was stopped.")


def _runner_is_lost(rows: Rows, event: InstanceLost) -> list[Change]:
    return _all_stopped(rows, event, Reason.RUNNER_LOST, "The runner's heartbeat ended.")


def _all_stopped(rows: Rows, event: InstanceEvent, reason: Reason, evidence: str) -> list[Change]:
    """Rows of a later boot are left alone: the runner was back before its loss was recorded."""
    return [
        PutInstance(_stopped(row, event, reason, evidence))
        for row in rows.rows_of(event.about_instance)
        if row.boot <= event.boot and row.status is not Status.STOPPED
    ]


def _stopped(row: InstanceRow, event: InstanceEvent, reason: Reason, evidence: str) -> InstanceRow:
    if row.status is Status.STOPPED:
        return row
    return replace(
        row,
        status=Status.STOPPED,
        since=event.at,
        exit_code=None,
        reason=reason,
        evidence=evidence,
        crashes=0,
        crashing_since=None,
    )


# Definitions


def _job_is_removed(_rows: Rows, event: Removed) -> list[Change]:
    """History is only removed by a deletion or by retention, so the runs stay."""
    return [DropInstances(event.job_name)] if event.job_type is JobType.CONTINUOUS else []


def _job_is_deleted(_rows: Rows, event: Deleted) -> list[Change]:
    if event.job_type is JobType.CONTINUOUS:
        return [DropInstances(event.job_name)]
    return [DropJob(event.job_name)]


_RULES: dict[type[Event], Callable[[Rows, Any], list[Change]]] = {
    RunInitializing: _run_begins,
    RunRunning: _run_runs,
    RunSuccess: _run_ends,
    RunFailed: _run_ends,
    RunAborted: _run_ends,
    RunProgressed: _run_progresses,
    RunImported: _run_is_imported,
    Purged: _runs_are_purged,
    ContinuousInitializing: _instance_changes,
    ContinuousStarting: _instance_changes,
    ContinuousRunning: _instance_changes,
    ContinuousPendingRestart: _instance_changes,
    ContinuousStopping: _instance_changes,
    ContinuousStopped: _instance_changes,
    ContinuousInactiveInstance: _instance_changes,
    InstanceStarted: _runner_starts,
    InstanceStopped: _runner_stops,
    InstanceLost: _runner_is_lost,
    Removed: _job_is_removed,
    Deleted: _job_is_deleted,
}
