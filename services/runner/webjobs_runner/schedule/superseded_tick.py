"""Whether another outcome was recorded for a due time before its command came: so nothing starts."""

from contextlib import suppress

from webjobs_events.commands import RunTriggeredJob
from webjobs_events.envelope import decode_event
from webjobs_events.errors import UndecodableMessage
from webjobs_events.events import ScheduleTicked, TickOutcome
from webjobs_events.jetstream import Bus
from webjobs_events.job import JobType

_AT_A_TIME = 4  # the first one counts, unless it is unreadable


async def is_superseded(bus: Bus, command: RunTriggeredJob) -> bool:
    """Whether another outcome was already recorded for the due time of this command.

    A runner that stood still between reading and publishing sends such a command. The outcome of its due
    time is the first event about the job's schedule behind the one that it had read.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    if command.scheduled_for is None:
        return False
    ticks = bus.subjects.job_event(JobType.TRIGGERED, command.job_name, "ScheduleTicked")
    position, left = command.looked_until, 1
    while left:
        messages, left = await bus.messages_from(
            bus.subjects.events_stream, ticks, start_sequence=position + 1, count=_AT_A_TIME
        )
        for message in messages:
            position = message.sequence
            with suppress(UndecodableMessage):
                tick = decode_event(message.subject, message.headers, message.data)
                if isinstance(tick, ScheduleTicked):
                    return tick.due != command.scheduled_for or tick.outcome is not TickOutcome.RAN
    return False  # requested first, and recorded then
