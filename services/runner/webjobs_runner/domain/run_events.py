"""The events of a run as pure values: what they have in common, and the first two of them."""

from datetime import datetime
from typing import Any

from webjobs_events.events import RunInitializing, RunProgressed, RunRunning
from webjobs_rules.run_report import Progress

from webjobs_runner.domain.attempt import Attempt


def initializing_event(attempt: Attempt, *, instance_id: str, digest: str, at: datetime) -> RunInitializing:
    """Returns the first event of an attempt."""
    return RunInitializing(at=at, **common_fields(attempt, instance_id, digest))


def running_event(
    attempt: Attempt, *, instance_id: str, digest: str, at: datetime, script: str
) -> RunRunning:
    """Returns the event of a script that was started."""
    return RunRunning(at=at, script=script, **common_fields(attempt, instance_id, digest))


def progressed_event(
    attempt: Attempt, number: int, progress: Progress, *, instance_id: str, at: datetime
) -> RunProgressed:
    """Returns the event of a script that says how far it is."""
    return RunProgressed(
        at=at,
        instance=instance_id,
        job_name=attempt.command.job_name,
        run_id=attempt.run_id,
        attempt=attempt.number,
        number=number,
        progress=progress.share,
        text=progress.text,
    )


def common_fields(attempt: Attempt, instance_id: str, digest: str) -> dict[str, Any]:
    """Returns the fields that every event of an attempt carries."""
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
