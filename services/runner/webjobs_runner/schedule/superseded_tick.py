"""Whether another outcome was recorded for a due time before its command came: so nothing starts."""

from contextlib import aclosing

from webjobs_events.commands import RunTriggeredJob
from webjobs_events.events import TickOutcome
from webjobs_events.jetstream import Bus

from webjobs_runner.schedule.ticks import tick_in, ticks_subject

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
    ticks = ticks_subject(bus.subjects, command.job_name)
    async with aclosing(
        bus.pages_from(
            bus.subjects.events_stream, ticks, start_sequence=command.looked_until + 1, count=_AT_A_TIME
        )
    ) as pages:
        async for page in pages:
            for message in page:
                tick = tick_in(message)
                if tick is not None:
                    return tick.due != command.scheduled_for or tick.outcome is not TickOutcome.RAN
    return False  # requested first, and recorded then
