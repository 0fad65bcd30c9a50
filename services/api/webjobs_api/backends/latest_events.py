"""Reads the latest events of a kind, and finds where they begin, without reading the others."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus, StreamMessage

from webjobs_api.backends.event_filter import EventFilter

_OPEN_TIMEOUT = 3.0  # seconds
_SLACK = 4  # times as many as wanted may be read: finding the place exactly takes more questions than that


async def start_of_latest(bus: Bus, filters: Sequence[str], first: int, count: int) -> int | None:
    """Returns a sequence from which on there are at least `count` events, or all, and not many more.

    Args:
        bus: Where the stream of events is.
        filters: Subjects of the events.
        first: Sequence before which no event is wanted.
        count: How many are wanted.

    Returns:
        None when there is no event, or none is wanted.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    if count == 0 or (left := await _left(bus, filters, first)) == 0:
        return None
    beyond = await bus.last_sequence(bus.subjects.events_stream) + 1
    while left > count * _SLACK and beyond - first > 1:
        middle = (first + beyond) // 2
        there = await _left(bus, filters, middle)
        if there >= count:
            first, left = middle, there
        else:
            beyond = middle
    return first


async def _left(bus: Bus, filters: Sequence[str], start_sequence: int) -> int:
    """How many events there are from this sequence on."""
    stream = bus.subjects.events_stream
    async with bus.read_stream(stream, filters, start_sequence=start_sequence, window=1) as reader:
        try:
            async with asyncio.timeout(_OPEN_TIMEOUT):
                await reader.open()
        except TimeoutError as error:
            raise BusUnavailable(f"reading {', '.join(filters)}", "no answer in time") from error
        return reader.pending_at_start


async def latest_events(bus: Bus, wanted: EventFilter, count: int) -> list[StreamMessage]:
    """The latest `count` events that pass a filter, oldest first.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    filters = wanted.subjects(bus.subjects)
    start = await start_of_latest(bus, filters, 1, count)
    if start is None:
        return []
    found: list[StreamMessage] = []
    stored = bus.stored(bus.subjects.events_stream, filters, start_sequence=start)
    async with aclosing(stored) as batches:
        async for batch in batches:
            found += [message for message in batch if wanted.passes(message.subject)]
    return found[-count:]
