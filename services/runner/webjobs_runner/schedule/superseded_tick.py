"""Whether a due time was told of otherwise before its command came: then nothing is started for it."""

from webjobs_events.commands import RunTriggeredJob
from webjobs_events.envelope import decode_event
from webjobs_events.errors import UndecodableMessage
from webjobs_events.events import ScheduleTicked, TickOutcome
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobType


async def is_superseded(bus: Bus, command: RunTriggeredJob) -> bool:
    """Whether others have told that the due time of this command has no run, or not this one.

    A runner that stood still between looking and asking sends such a command. What is told of its due
    time is the first event about the job's schedule behind the one that it had seen.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    if command.scheduled_for is None:
        return False
    told = bus.subjects.job_event(JobType.TRIGGERED, command.job_name, "ScheduleTicked")
    messages, _ = await bus.messages_from(
        bus.subjects.events_stream, told, start_sequence=command.looked_until + 1, count=1
    )
    if not messages:
        return False  # asked for first, and told of then
    try:
        tick = decode_event(messages[0].subject, messages[0].headers, messages[0].data)
    except UndecodableMessage:
        return False
    if not isinstance(tick, ScheduleTicked):
        return False
    return tick.due != command.scheduled_for or tick.outcome is not TickOutcome.RAN
