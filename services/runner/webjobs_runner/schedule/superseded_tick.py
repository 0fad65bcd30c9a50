"""Whether a due time was told of otherwise before its command came: then nothing is started for it."""

from contextlib import suppress

from webjobs_events.commands import RunTriggeredJob
from webjobs_events.envelope import decode_event
from webjobs_events.errors import UndecodableMessage
from webjobs_events.events import ScheduleTicked, TickOutcome
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobType

_AT_A_TIME = 4  # the first is the one, unless nobody can read it


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
    position, left = command.looked_until, 1
    while left:
        messages, left = await bus.messages_from(
            bus.subjects.events_stream, told, start_sequence=position + 1, count=_AT_A_TIME
        )
        for message in messages:
            position = message.sequence
            with suppress(UndecodableMessage):
                tick = decode_event(message.subject, message.headers, message.data)
                if isinstance(tick, ScheduleTicked):
                    return tick.due != command.scheduled_for or tick.outcome is not TickOutcome.RAN
    return False  # asked for first, and told of then
