"""The last event of a run, of which the stream gets exactly one, whoever writes it and however late.

The stream itself is the judge: a terminal event is published on condition that the last event of its job
is the one its author has seen. What a runner wrote before it was cut off, and what others wrote about it
meanwhile, can so never both be stored.
"""

import asyncio
import contextlib
from dataclasses import dataclass

from webjobs_events.commands import RunTriggeredJob
from webjobs_events.envelope import Cause
from webjobs_events.errors import BusUnavailable, RevisionConflict
from webjobs_events.events import RunEnded
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobName, JobType
from webjobs_events.run_id import RunId
from webjobs_events.status import TERMINAL_STATUSES, Status
from webjobs_events.subjects import token_of

_RETRY_DELAY = 0.25  # seconds


@dataclass(frozen=True, slots=True)
class RunOnStream:
    """What the stream of events says of a run.

    Attributes:
        position: Sequence of the last event of its job, 0 when there is none.
        has_begun: Whether its first event is there.
        end: Id of its terminal event; None when it has none.
    """

    position: int
    has_begun: bool
    end: str | None


async def look_at_run(bus: Bus, job_name: JobName, run_id: RunId) -> RunOnStream:
    """What the stream says of a run whose command is still in the queue.

    Only the latest event of each name is looked at: a job has one run at a time, and a run whose command
    is not done keeps the next one from beginning, so no later run can hide it.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    position, has_begun, end = 0, False, None
    about = f"triggered/{token_of(job_name)}/{run_id}"
    stream = bus.subjects.events_stream
    filters = [bus.subjects.job_event(JobType.TRIGGERED, job_name, "*")]
    async with contextlib.aclosing(bus.stored(stream, filters, latest_only=True)) as batches:
        async for batch in batches:
            for message in batch:
                position = max(position, message.sequence)
                if message.headers.get("ce-subject") != about:
                    continue
                name = message.subject.rpartition(".")[2]
                if name in TERMINAL_STATUSES:
                    end = message.headers.get("ce-id", "")
                has_begun = has_begun or name == Status.INITIALIZING
    return RunOnStream(position, has_begun, end)


async def write_end(bus: Bus, event: RunEnded, cause: Cause, after: int | None = None) -> bool:
    """Write the terminal event of a run unless it has one, waiting while NATS is away.

    Args:
        bus: To NATS.
        event: The terminal event.
        cause: Of the event.
        after: Sequence of an event of this run, when it is certain that the run had not ended by then.

    Returns:
        Whether the run has ended by this event; else somebody ended it before.
    """
    pattern = bus.subjects.job_event(JobType.TRIGGERED, event.job_name, "*")
    while True:
        try:
            if after is None:
                found = await look_at_run(bus, event.job_name, event.run_id)
                if found.end is not None:
                    return found.end == event.event_id
                after = found.position
            await bus.publish_event(event, cause, after=(pattern, after))
            return True
        except RevisionConflict:
            after = None
        except BusUnavailable:
            after = None  # it may be stored for all we know
            await asyncio.sleep(_RETRY_DELAY)


async def is_pending(bus: Bus, command: RunTriggeredJob) -> bool:
    """Whether a command is still in the queue.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    return await _pending_sequence(bus, command) is not None


async def settle_command(bus: Bus, command: RunTriggeredJob) -> None:
    """Take the command of an ended run out of the queue, which frees its job.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    sequence = await _pending_sequence(bus, command)
    if sequence is not None:
        await bus.withdraw_command(sequence)


async def _pending_sequence(bus: Bus, command: RunTriggeredJob) -> int | None:
    pending = await bus.last_message(bus.subjects.commands_stream, command.subject(bus.subjects))
    if pending is None or pending.headers.get("Nats-Msg-Id") != command.command_id:
        return None
    return pending.sequence
