"""How a run ended: its outcome as an event, and on disk."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.envelope import Cause
from webjobs_events.events import AnyRunEvent, RunAborted, RunEnded, RunFailed, RunInitializing, RunSuccess
from webjobs_events.status import Reason

from webjobs_runner.processes.exit_facts import facts_of_exit
from webjobs_runner.processes.process import ProcessExit

STATUS_FILE = "status"
_LONGEST_EVIDENCE = 2000  # characters
_decoder = msgspec.json.Decoder(AnyRunEvent)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended, before it is an event."""

    event: type[RunEnded]
    reason: Reason
    evidence: str = ""
    exit_code: int | None = None
    signal: int | None = None


def outcome_of_exit(ended: ProcessExit) -> Outcome:
    """What the end of a process means for its run, when nobody asked for it.

    Source: Kudu, BaseJobRunner.cs: exit code 0 is success, whatever was written to standard error.
    """
    facts = facts_of_exit(ended)
    if facts.reason is Reason.RUNNER_LOST:
        event: type[RunEnded] = RunAborted
    else:
        event = RunSuccess if facts.exit_code == 0 else RunFailed
    return Outcome(event, facts.reason, facts.evidence, facts.exit_code, facts.signal)


def ended_event(
    command: RunTriggeredJob,
    outcome: Outcome,
    *,
    instance_id: str,
    digest: str,
    started_at: datetime | None,
    has_error_log: bool,
) -> RunEnded:
    """The terminal event of a run; its end is never before its start, even when the clock was set back."""
    now = datetime.now(UTC)
    return outcome.event(
        at=max(now, started_at or command.requested_at, command.requested_at),
        instance=instance_id,
        job_name=command.job_name,
        run_id=command.run_id,
        attempt=command.attempt,
        trigger=command.requested_by,
        arguments=command.arguments,
        digest=digest,
        requested_at=command.requested_at,
        started_at=started_at,
        reason=outcome.reason,
        exit_code=outcome.exit_code,
        signal=outcome.signal,
        evidence=outcome.evidence[:_LONGEST_EVIDENCE],
        has_error_log=has_error_log,
    )


def initializing_event(
    command: RunTriggeredJob, *, instance_id: str, digest: str, at: datetime
) -> RunInitializing:
    """The first event of a run."""
    return RunInitializing(
        at=at,
        instance=instance_id,
        job_name=command.job_name,
        run_id=command.run_id,
        attempt=command.attempt,
        trigger=command.requested_by,
        arguments=command.arguments,
        digest=digest,
        requested_at=command.requested_at,
    )


def cause_of(command: RunTriggeredJob) -> Cause:
    """Events of a run are caused by its command."""
    return Cause(correlation_id=command.command_id, causation_id=command.command_id)


def write_status(folder: Path, event: RunEnded) -> None:
    """Leave the outcome in the run's folder: after a kill the next boot reports it instead of guessing.

    Raises:
        OSError: The disk does not take it.
    """
    content, path = msgspec.json.encode(event), f"{folder}/{STATUS_FILE}"
    try:
        file = open(path, "wb", buffering=0)
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        file = open(path, "wb", buffering=0)
    with file:
        file.write(content)


def read_status(folder: Path) -> RunEnded | None:
    """The outcome in a run's folder; None when there is none that is whole."""
    try:
        event = _decoder.decode((folder / STATUS_FILE).read_bytes())
    except (OSError, msgspec.MsgspecError):
        return None
    return event if isinstance(event, RunEnded) else None
