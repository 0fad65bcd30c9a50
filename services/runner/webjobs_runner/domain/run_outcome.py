"""How a run ends, whatever ended it: exit, cancel, time-out, error or loss of its runner -> final event.

Pure: `runs/finish.py` performs what is decided here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from webjobs_events.cancel_request import CancelRequest
from webjobs_events.events import RunAborted, RunEnded, RunFailed, RunSuccess
from webjobs_rules.exit_facts import ExitFacts, exit_code_line
from webjobs_rules.job_settings import Retry
from webjobs_rules.log_format import STATUS_CHANGED, Level
from webjobs_rules.run_id import RESOLUTION, instant_of, run_id_at
from webjobs_rules.run_report import Progress, Result
from webjobs_rules.status import Reason, Status

from webjobs_runner.domain.attempt import Attempt
from webjobs_runner.domain.resource_usage import ResourceUsage
from webjobs_runner.domain.retry import next_attempt_at
from webjobs_runner.domain.run_events import common_fields

_LONGEST_EVIDENCE = 2000  # characters


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended, before it is an event.

    Attributes:
        event: The kind of final event, which is the final status.
        reason: Why it ended, from the closed list.
        evidence: The facts as a sentence.
        exit_code: The script's; None when it did not exit by itself.
        signal: The signal that ended the script; None when none did.
        usage: CPU time and memory of its processes; None when it did not start, or they are not known.
        result: What the script reports as its result.
        progress: How far the script was at last.
        warnings: What was wrong with what it reports.
    """

    event: type[RunEnded]
    reason: Reason
    evidence: str = ""
    exit_code: int | None = None
    signal: int | None = None
    usage: ResourceUsage | None = None
    result: Result | None = None
    progress: Progress | None = None
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt that has ended, and what is known about it.

    Attributes:
        attempt: That ended.
        outcome: How it ended.
        digest: The version of the package that it ran, or would have run.
        started_at: When its process started; None when it never did.
    """

    attempt: Attempt
    outcome: Outcome
    digest: str = ""
    started_at: datetime | None = None


def exited(facts: ExitFacts) -> Outcome:
    """The script's process ended by itself.

    Source: Kudu, BaseJobRunner.cs: exit code 0 is success, whatever was written to standard error.
    """
    if facts.reason is Reason.RUNNER_LOST:
        event: type[RunEnded] = RunAborted
    else:
        event = RunSuccess if facts.exit_code == 0 else RunFailed
    return Outcome(event, facts.reason, facts.evidence, facts.exit_code, facts.signal)


def not_started(reason: Reason, evidence: str) -> Outcome:
    """The script could not be started: no interpreter, no script, refused by the operating system."""
    return Outcome(RunFailed, reason, evidence)


def ended_by_request(reason: Reason, evidence: str) -> Outcome:
    """Cancelled, replaced, deleted or stopped, or the runner shuts down."""
    return Outcome(RunAborted, reason, evidence)


def over_limit(reason: Reason, evidence: str) -> Outcome:
    """The script was idle for too long, or ran for too long."""
    return Outcome(RunFailed, reason, evidence)


def never_begun(reason: Reason, evidence: str) -> Outcome:
    """Ended by request before a runner began it."""
    return ended_by_request(reason, f"{evidence} It had not begun.")


def deleted_before_begun() -> Outcome:
    """The job went away while the run was in the queue."""
    return ended_by_request(Reason.DELETED, "The job was deleted before the run began.")


def runner_failed(error: str, *, has_started: bool) -> Outcome:
    """The runner itself raised: before the script started it is retried like any other start error."""
    reason = Reason.RUNNER_LOST if has_started else Reason.START_ERROR
    return Outcome(RunAborted, reason, f"The runner failed: {error}")


def given_back_too_often(times: int, error: str) -> Outcome:
    """The runner failed to handle the run's command again and again."""
    evidence = (
        f"The runner failed {times} times to handle the command of this run, the last time with: {error}"
    )
    return Outcome(RunAborted, Reason.START_ERROR, evidence)


def runner_lost(lost: str, evidence: str, request: CancelRequest | None = None) -> Outcome:
    """The runner died with the run; a cancel request that was there before decides the reason.

    Args:
        lost: The instance id of the runner.
        evidence: What is known about its death.
        request: The request to end the run; None when there was none.
    """
    if request is not None:
        return ended_by_request(request.reason, f"{request.evidence} Its runner {lost} was lost.")
    return Outcome(RunAborted, Reason.RUNNER_LOST, evidence)


def lease_overdue(evidence: str) -> Outcome:
    """The runner could not renew its lease, and the job has a concurrency limit to keep."""
    return Outcome(RunAborted, Reason.RUNNER_LOST, evidence)


def with_grace(outcome: Outcome, how: str) -> Outcome:
    """The same outcome, with a sentence about how the script took its grace."""
    return replace(outcome, evidence=f"{outcome.evidence} {how}")


def with_usage(outcome: Outcome, usage: ResourceUsage | None) -> Outcome:
    """The same outcome, with what the processes of the script have used."""
    return replace(outcome, usage=usage)


def with_report(
    outcome: Outcome, result: Result | None, progress: Progress | None, warnings: Sequence[str]
) -> Outcome:
    """The same outcome, with what the script reports in its files."""
    return replace(outcome, result=result, progress=progress, warnings=warnings)


def final_event(
    ended: Ended, *, instance_id: str, retry: Retry | None, now: datetime, has_error_log: bool = False
) -> RunEnded:
    """Returns the final event of an attempt, with the next attempt in it if the settings want one.

    Its end is never before its start, even when the clock was set back.

    Args:
        ended: The attempt and its outcome.
        instance_id: Of the runner that writes the event.
        retry: What the job's settings say about retries; None: nothing, or the job is gone.
        now: The current instant.
        has_error_log: Whether the script wrote to its standard error.
    """
    attempt, outcome, usage = ended.attempt, ended.outcome, ended.outcome.usage
    requested_at = attempt.command.requested_at
    at = max(now, ended.started_at or requested_at, requested_at)
    next_at = None
    if outcome.event.status is not Status.SUCCESS:
        next_at = next_attempt_at(retry, reason=outcome.reason, attempt=attempt.number, ended_at=at)
    after_this = instant_of(attempt.run_id) + RESOLUTION  # however the clock was set since
    return outcome.event(
        at=at,
        started_at=ended.started_at,
        reason=outcome.reason,
        exit_code=outcome.exit_code,
        signal=outcome.signal,
        evidence=_printable(outcome.evidence),
        has_error_log=has_error_log,
        next_run_id=None if next_at is None else run_id_at(max(at, after_this)),
        next_attempt_at=next_at,
        cpu_seconds=None if usage is None else usage.cpu_seconds,
        peak_memory_bytes=None if usage is None else usage.peak_memory_bytes,
        result=outcome.result.value if outcome.result else None,
        result_bytes=outcome.result.size if outcome.result else None,
        progress=outcome.progress.share if outcome.progress else None,
        progress_text=outcome.progress.text if outcome.progress else "",
        warnings=list(outcome.warnings),
        **common_fields(attempt, instance_id, ended.digest),
    )


def final_log_lines(event: RunEnded) -> list[tuple[str, Level]]:
    """Returns what the log of a run says at its end: why it failed, its status, the next attempt."""
    lines: list[tuple[str, Level]] = []
    if event.reason is Reason.EXIT_CODE:
        if event.exit_code:
            lines.append((exit_code_line(event.exit_code, event.evidence), "SYS ERROR"))
    elif event.evidence:
        lines.append((event.evidence, "SYS ERROR"))
    lines.append((f"{STATUS_CHANGED}{event.status}", "SYS INFO"))
    if event.next_run_id is not None:
        when = f"not before {event.next_attempt_at:%Y-%m-%dT%H:%M:%SZ}"
        lines.append((f"Attempt {event.attempt + 1} is the run {event.next_run_id}, {when}", "SYS INFO"))
    return lines


def _printable(evidence: str) -> str:
    """Cut to length; what UTF-8 cannot hold (half of a surrogate pair in an error text) is replaced."""
    return evidence[:_LONGEST_EVIDENCE].encode("utf-8", "replace").decode()
