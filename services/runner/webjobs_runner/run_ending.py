"""The last steps of a run: its outcome on disk, its log shipped, its event stored, its command settled."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from webjobs_events.commands import RunTriggeredJob
from webjobs_events.envelope import Cause
from webjobs_events.events import AnyRunEvent, RunAborted, RunEnded, RunFailed, RunInitializing, RunSuccess
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobType
from webjobs_events.status import TERMINAL_STATUSES, Reason

from webjobs_runner.exit_facts import facts_of_exit
from webjobs_runner.instance import Instance
from webjobs_runner.outbox import Outbox
from webjobs_runner.process import ProcessExit

STATUS_FILE = "status"
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
        evidence=outcome.evidence[:2000],
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
    """Leave the outcome in the run's folder: after a kill the next boot reports it instead of guessing."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / STATUS_FILE).write_bytes(msgspec.json.encode(event))


def read_status(folder: Path) -> RunEnded | None:
    """The outcome in a run's folder; None when there is none that is whole."""
    try:
        event = _decoder.decode((folder / STATUS_FILE).read_bytes())
    except (FileNotFoundError, NotADirectoryError, msgspec.MsgspecError):
        return None
    return event if isinstance(event, RunEnded) else None


async def is_stored(bus: Bus, command: RunTriggeredJob, *names: str) -> bool:
    """Whether the stream of events has one of these events of the run as the latest of its job.

    A job has one run at a time, so no later run can hide it.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    for name in names:
        subject = bus.subjects.job_event(JobType.TRIGGERED, command.job_name, name)
        newest = await bus.last_message(bus.subjects.events_stream, subject)
        if newest and newest.headers.get("ce-subject", "").endswith(f"/{command.run_id}"):
            return True
    return False


async def has_ended(bus: Bus, command: RunTriggeredJob) -> bool:
    """Whether the stream of events has a terminal event of the run.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    return await is_stored(bus, command, *(status.value for status in TERMINAL_STATUSES))


async def report_lost(
    bus: Bus, outbox: Outbox, instance: Instance, command: RunTriggeredJob, lost: str, digest: str
) -> None:
    """Write the end of a run whose runner is gone, after whatever it wrote itself.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    if not await is_stored(bus, command, RunInitializing.__struct_config__.tag):  # type: ignore[arg-type]
        first = initializing_event(command, instance_id=lost, digest=digest, at=command.requested_at)
        outbox.add(first, cause_of(command))
    outcome = Outcome(RunAborted, Reason.RUNNER_LOST, f"Runner {lost} was lost while it had the run.")
    event = ended_event(
        command, outcome, instance_id=instance.id, digest=digest, started_at=None, has_error_log=False
    )
    await outbox.add_and_wait(event, cause_of(command))


async def settle_command(bus: Bus, command: RunTriggeredJob) -> None:
    """Take the command of an ended run out of the queue, which frees its job.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    subject = bus.subjects.command(JobType.TRIGGERED, command.job_name, command.verb)
    pending = await bus.last_message(bus.subjects.commands_stream, subject)
    if pending is not None and command.command_id == pending.headers.get("Nats-Msg-Id"):
        await bus.withdraw_command(pending.sequence)
