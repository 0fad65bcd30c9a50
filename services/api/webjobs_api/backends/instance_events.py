"""Reads what a continuous job did on all instances in the last while, from the stream of events."""

from contextlib import aclosing
from datetime import datetime

from webjobs_events.envelope import decode_event
from webjobs_events.errors import UndecodableMessage
from webjobs_events.events import ContinuousEvent, InstanceLost
from webjobs_events.jetstream import Bus, first_since
from webjobs_rules.job import JobName, JobType

from webjobs_api.backends.latest_events import start_of_latest

InstanceChange = ContinuousEvent | InstanceLost


async def changes_since(bus: Bus, job_name: JobName, begin: datetime, most: int) -> list[InstanceChange]:
    """The events of a job on its instances since an instant, and of lost runners; oldest first.

    Args:
        bus: Where the stream of events is.
        job_name: A continuous job.
        begin: The instant.
        most: How many events are returned: the latest ones.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    stream, found = bus.subjects.events_stream, list[InstanceChange]()
    own = bus.subjects.job_event(JobType.CONTINUOUS, job_name, "*")
    first = await first_since(bus, stream, own, begin)
    filters = [own, bus.subjects.instance_event("*", "InstanceLost")]
    start = await start_of_latest(bus, filters, first, most) if first is not None else None
    if start is None:
        return found
    async with aclosing(bus.stored(stream, filters, start_sequence=start)) as batches:
        async for batch in batches:
            for message in batch:
                try:
                    event = decode_event(message.subject, message.headers, message.data)
                except UndecodableMessage:
                    continue  # of a later release; who writes history reports it
                if isinstance(event, InstanceChange):
                    found.append(event)
    return found[-most:]
