"""Reading streams: as they grow, as they are by now, a handful, or the last message; and cutting them."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence

from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream.batch import last_message_before, messages_from
from webjobs_events.jetstream.connection import Connection
from webjobs_events.jetstream.lookup import last_on
from webjobs_events.jetstream.message import StreamMessage
from webjobs_events.jetstream.reader import StreamReader

_ANSWER_TIMEOUT = 5.0  # seconds


class Streams:
    """The streams of one connection, by name."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def read_stream(
        self,
        stream: str,
        filters: Sequence[str] = (),
        *,
        start_sequence: int = 1,
        latest_only: bool = False,
        window: int = 1000,
        window_bytes: int = 0,
    ) -> StreamReader:
        """A gap-free reader; see `StreamReader`."""
        return StreamReader(
            self.connection,
            stream,
            filters,
            start_sequence=start_sequence,
            latest_only=latest_only,
            window=window,
            window_bytes=window_bytes,
        )

    async def stored(
        self,
        stream: str,
        filters: Sequence[str],
        *,
        start_sequence: int = 1,
        latest_only: bool = False,
        window_bytes: int = 0,
    ) -> AsyncGenerator[list[StreamMessage], None]:
        """What a stream holds by now, in order; ends there.

        Args:
            stream: To be read.
            filters: Subjects to read; empty: all.
            start_sequence: First sequence to read.
            latest_only: The latest message of each subject only.
            window_bytes: As of `StreamReader`.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        reader = StreamReader(
            self.connection,
            stream,
            filters,
            start_sequence=start_sequence,
            latest_only=latest_only,
            window_bytes=window_bytes,
        )
        async with reader, contextlib.aclosing(reader.batches()) as batches:
            ended = asyncio.ensure_future(reader.caught_up.wait())
            arrival: asyncio.Future[list[StreamMessage]] = ended.get_loop().create_future()
            try:
                while True:
                    arrival = asyncio.ensure_future(anext(batches))
                    await asyncio.wait(
                        {arrival, ended}, timeout=_ANSWER_TIMEOUT, return_when=asyncio.FIRST_COMPLETED
                    )
                    if arrival.done():
                        yield arrival.result()
                    elif ended.done():
                        return
                    else:
                        raise BusUnavailable(f"reading {stream}", "no answer in time")
            finally:
                ended.cancel()
                arrival.cancel()
                await asyncio.gather(ended, arrival, return_exceptions=True)

    async def messages_from(
        self,
        stream: str,
        pattern: str,
        *,
        start_sequence: int = 1,
        count: int = 256,
        is_append_only: bool = False,
    ) -> tuple[list[StreamMessage], int]:
        """A handful of stored messages; see `webjobs_events.jetstream.batch`.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        return await messages_from(
            self.connection, stream, pattern, start_sequence, count, is_append_only=is_append_only
        )

    async def pages_from(
        self,
        stream: str,
        pattern: str,
        *,
        start_sequence: int = 1,
        count: int = 256,
        is_append_only: bool = False,
    ) -> AsyncGenerator[list[StreamMessage], None]:
        """All that is stored by now from a sequence on, a handful of messages at a time, oldest first.

        To be closed, as with `aclosing`. The arguments are those of `messages_from`.

        Raises:
            BusUnavailable: NATS does not answer, or not with what it says there is.
        """
        left = 1
        while left:
            messages, left = await self.messages_from(
                stream, pattern, start_sequence=start_sequence, count=count, is_append_only=is_append_only
            )
            if messages:
                start_sequence = messages[-1].sequence + 1
                yield messages
            elif left:
                raise BusUnavailable(f"reading {pattern}", f"none of {left} messages came")

    async def last_sequence(self, stream: str) -> int:
        """Sequence of the stream's last message, 0 when it never had one.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        async with self.connection.asking(f"looking at {stream}"):
            return (await self.connection.js.stream_info(stream)).state.last_seq

    async def last_message(self, stream: str, subject: str) -> StreamMessage | None:
        """The latest message on a subject; None when there is none.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        async with self.connection.asking(f"reading {subject}"):
            return await last_on(self.connection, stream, subject)

    async def last_message_before(self, stream: str, subject: str, sequence: int) -> StreamMessage | None:
        """The latest message on a subject below a sequence; see `webjobs_events.jetstream.batch`.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        return await last_message_before(self.connection, stream, subject, sequence)

    async def purge_subject(self, stream: str, subject: str, *, until: int | None = None) -> None:
        """Remove every message on a subject or filter, or only those up to a sequence.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        async with self.connection.asking(f"purging {subject}"):
            first_kept = None if until is None else until + 1
            await self.connection.js.purge_stream(stream, seq=first_kept, subject=subject)
