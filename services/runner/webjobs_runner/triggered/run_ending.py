"""How a run ended: its outcome as an event, and on disk."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace
from webjobs_events.events import (
    AnyRunEvent,
    RunAborted,
    RunEnded,
    RunFailed,
    RunInitializing,
    RunRunning,
    RunSuccess,
)
from webjobs_events.job import JobDefinition
from webjobs_events.run_id import RESOLUTION, instant_of, run_id_at
from webjobs_events.status import Reason, Status

from webjobs_runner.domain.retry import next_attempt_at
from webjobs_runner.jobs.definitions import settings_of
from webjobs_runner.processes.exit_facts import facts_of_exit
from webjobs_runner.processes.process import ProcessExit
from webjobs_runner.triggered.attempt import Attempt

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


def initializing_event(attempt: Attempt, *, instance_id: str, digest: str, at: datetime) -> RunInitializing:
    """The first event of a run."""
    return RunInitializing(at=at, **_facts(attempt, instance_id, digest))


def running_event(
    attempt: Attempt, *, instance_id: str, digest: str, at: datetime, script: str
) -> RunRunning:
    """That the script was started."""
    return RunRunning(at=at, script=script, **_facts(attempt, instance_id, digest))


def ended_event(
    attempt: Attempt,
    outcome: Outcome,
    *,
    instance_id: str,
    digest: str,
    started_at: datetime | None,
    has_error_log: bool,
) -> RunEnded:
    """The terminal event of a run; its end is never before its start, even when the clock was set back."""
    now, requested_at = datetime.now(UTC), attempt.command.requested_at
    return outcome.event(
        at=max(now, started_at or requested_at, requested_at),
        started_at=started_at,
        reason=outcome.reason,
        exit_code=outcome.exit_code,
        signal=outcome.signal,
        evidence=outcome.evidence[:_LONGEST_EVIDENCE],
        has_error_log=has_error_log,
        **_facts(attempt, instance_id, digest),
    )


def with_next_attempt(event: RunEnded, definition: JobDefinition | None) -> RunEnded:
    """The terminal event with the next attempt in it, if the job's settings want one."""
    if definition is None or event.status is Status.SUCCESS:
        return event
    retry = settings_of(definition).retry
    at = next_attempt_at(retry, reason=event.reason, attempt=event.attempt, ended_at=event.at)
    if at is None:
        return event
    after_this = instant_of(event.run_id) + RESOLUTION  # however the clock was set since
    return replace(event, next_run_id=run_id_at(max(event.at, after_this)), next_attempt_at=at)


def _facts(attempt: Attempt, instance_id: str, digest: str) -> dict[str, Any]:
    """What every event of a run tells."""
    command = attempt.command
    return {
        "instance": instance_id,
        "job_name": command.job_name,
        "run_id": attempt.run_id,
        "attempt": attempt.number,
        "trigger": command.requested_by,
        "arguments": command.arguments,
        "digest": digest,
        "requested_at": command.requested_at,
        "scheduled_for": command.scheduled_for,
        "retry_of": attempt.retry_of,
        "rerun_of": command.rerun_of,
    }


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
