"""What a stream is beyond its messages: which one of its name, what it still holds, and cutting its past."""

from dataclasses import dataclass
from datetime import UTC, datetime

from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream.bus import Bus
from webjobs_events.jetstream.lookup import at_sequence, first_since_time
from webjobs_events.jetstream.streams import expired_messages, missing_messages


@dataclass(frozen=True, slots=True)
class StreamState:
    """A stream as it is now.

    Attributes:
        created_at: When it was made; another one of the same name was made at another time.
        first: Sequence of its first message; one more than `last` when it is empty.
        last: Sequence of the last message it ever took; 0 when there was none.
        messages: How many it holds.
        bytes: What they take.
        missing: Messages it should have and does not; see `streams.missing_messages`.
        expired: Messages that its limits have removed.
    """

    created_at: datetime
    first: int
    last: int
    messages: int = 0
    bytes: int = 0
    missing: int = 0
    expired: int = 0


async def stream_state(bus: Bus, stream: str) -> StreamState:
    """The state of a stream.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    async with bus.connection.asking(f"looking at {stream}"):
        info = await bus.connection.js.stream_info(stream)
    if info.created is None:
        raise BusUnavailable(f"looking at {stream}", "the server does not say when it was made")
    empty = info.state.messages == 0
    return StreamState(
        created_at=info.created,
        first=info.state.last_seq + 1 if empty else info.state.first_seq,
        last=info.state.last_seq,
        messages=info.state.messages,
        bytes=info.state.bytes,
        missing=missing_messages(info),
        expired=expired_messages(info),
    )


async def stored_at_ns(bus: Bus, stream: str, sequence: int) -> int | None:
    """When a stream took the message at a sequence, in nanoseconds since 1970; None when it has none there.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    async with bus.connection.asking(f"reading message {sequence} of {stream}"):
        message = await at_sequence(bus.connection, stream, sequence)
    return None if message is None else message.stored_at_ns


async def purge_until(bus: Bus, stream: str, subject: str, instant_ns: int) -> None:
    """Remove the messages on a subject or filter that the stream took before an instant, and no later ones.

    Args:
        bus: Where the stream is.
        stream: The stream.
        subject: Subject or filter.
        instant_ns: In nanoseconds since 1970, by the clock of the stream's server.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    # Asked before the search: a message that comes after it is later than the instant, and stays.
    beyond = await bus.last_sequence(stream) + 1
    async with bus.connection.asking(f"purging {subject}"):
        first_kept = await _first_since(bus, stream, subject, instant_ns)
        await bus.connection.js.purge_stream(stream, seq=first_kept or beyond, subject=subject)


async def first_after(bus: Bus, stream: str, instant_ns: int) -> int | None:
    """Sequence of the first message that a stream took after an instant; None when there is none.

    Args:
        bus: Where the stream is.
        stream: The stream.
        instant_ns: In nanoseconds since 1970, by the clock of the stream's server.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    async with bus.connection.asking(f"looking into {stream}"):
        return await _first_since(bus, stream, ">", instant_ns + 1)


async def first_since(bus: Bus, stream: str, subject: str, instant: datetime) -> int | None:
    """Sequence of the first message that a stream took at or after an instant; None when there is none.

    Args:
        bus: Where the stream is.
        stream: The stream.
        subject: Subject or filter of the messages.
        instant: By the clock of the stream's server.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    async with bus.connection.asking(f"looking for {subject}"):
        return await _first_since(bus, stream, subject, int(instant.timestamp() * 1_000_000) * 1000)


async def _first_since(bus: Bus, stream: str, subject: str, instant_ns: int) -> int | None:
    """Sequence of the first message on a subject that the stream took at or after an instant."""
    seconds, nanoseconds = divmod(instant_ns, 1_000_000_000)
    start = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"
    message = await first_since_time(bus.connection, stream, subject, start)
    return None if message is None else message.sequence
