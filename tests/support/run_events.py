"""Events of attempts as a runner would write them."""

from typing import Any

from support.memory_bucket import MemoryBus
from webjobs_events.envelope import encode_event
from webjobs_events.events import Event, RunFailed, RunInitializing, RunRunning, RunSuccess
from webjobs_rules.run_id import RunId
from webjobs_rules.status import Reason
from webjobs_runner.domain.attempt import Attempt


def taken(attempt: Attempt) -> RunInitializing:
    return RunInitializing(**_fields_of(attempt))


def running(attempt: Attempt) -> RunRunning:
    return RunRunning(**_fields_of(attempt), script="run.sh")


def succeeded(attempt: Attempt) -> RunSuccess:
    return RunSuccess(**_fields_of(attempt), started_at=None, reason=Reason.EXIT_CODE, exit_code=0)


def failed(attempt: Attempt, next_run_id: RunId | None = None) -> RunFailed:
    return RunFailed(
        **_fields_of(attempt), started_at=None, reason=Reason.EXIT_CODE, exit_code=1, next_run_id=next_run_id
    )


def store(bus: MemoryBus, event: Event, *, release: int = 1) -> int:
    """Put an event on the stream, as this release writes it or a later one; returns its sequence."""
    headers, data = encode_event(event)
    headers["ce-type"] = headers["ce-type"].replace(".v1", f".v{release}")
    return bus.store(event.subject(bus.subjects), data, headers)


def _fields_of(attempt: Attempt) -> dict[str, Any]:
    return {
        "at": attempt.command.requested_at,
        "instance": "aaaaaa",
        "job_name": attempt.job_name,
        "run_id": attempt.run_id,
        "attempt": attempt.number,
        "trigger": "test",
        "digest": f"version of {attempt.run_id}",
        "requested_at": attempt.command.requested_at,
    }
