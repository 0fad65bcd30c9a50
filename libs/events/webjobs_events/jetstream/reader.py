"""Reading a stream in order and without gaps, over any outage, from any sequence on."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import nats.errors
from nats.aio.msg import Msg
from nats.js import api

from webjobs_events.jetstream.connection import Connection
from webjobs_events.jetstream.publish import describe
from webjobs_events.jetstream.pull import Pull
from webjobs_events.log import logger

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RETRY_DELAY = 0.25  # seconds before a lost consumer is made anew
_INACTIVE = 30.0  # seconds after which the server drops the consumer of a reader that went away


class StreamMessage(msgspec.Struct, frozen=True, gc=False):
    """A stored message."""

    subject: str
    headers: Mapping[str, str]
    data: bytes
    sequence: int
    stored_at_ns: int

    @property
    def stored_at(self) -> datetime:
        """When the stream took it, UTC."""
        return _EPOCH + timedelta(microseconds=self.stored_at_ns // 1000)


class StreamReader:
    """Messages of a stream in order, each once, from `start_sequence` on.

    Made by `Bus.read_stream`. The consumer behind it is ephemeral: when it is lost, when the
    connection breaks, or when a message is missing, it is made anew after the last message read.

    Args:
        filters: Subjects to read; empty: all.
        start_sequence: First sequence to read; 1 reads from the first message.
        latest_only: Begin with the latest message of each subject, then go on live.
        window: Messages asked for ahead of the reader.
    """

    def __init__(
        self,
        connection: Connection,
        stream: str,
        filters: Sequence[str],
        *,
        start_sequence: int = 1,
        latest_only: bool = False,
        window: int = 1000,
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._filters = list(filters)
        self._next_sequence = start_sequence
        self._latest_only = latest_only
        self._window = window
        self._buffer: deque[StreamMessage] = deque()
        self._arrived = asyncio.Event()
        self._broken = True
        self._consumer_sequence = 0
        self._pull: Pull | None = None
        self._pending_at_start = 0
        self._closed = False
        self._unhook = connection.on_reconnect(self._break)

    @property
    def pending_at_start(self) -> int:
        """How many messages waited when the consumer was made: a snapshot is complete after as many."""
        return self._pending_at_start

    async def batches(
        self, *, max_messages: int = 500, max_wait: float = 0.0
    ) -> AsyncIterator[list[StreamMessage]]:
        """Lists of 1 to `max_messages` messages, for ever.

        Args:
            max_messages: Upper bound of a list.
            max_wait: Seconds to wait for more once there is one; 0 gives what is there.
        """
        try:
            while not self._closed:
                if self._broken:
                    await self._remake()
                if not self._buffer:
                    await self._wait_for_arrival()
                    continue
                if max_wait and len(self._buffer) < max_messages:
                    await self._gather(max_messages, max_wait)
                yield self._take(max_messages)
                await self._top_up()
        finally:
            await self.close()

    async def open(self) -> None:
        """Make the consumer now, so that `pending_at_start` is known before the first message."""
        if self._broken:
            await self._remake()

    async def close(self) -> None:
        """Stop reading."""
        self._closed = True
        self._unhook()
        pull, self._pull = self._pull, None
        if pull is not None:
            await pull.stop()

    def _take(self, count: int) -> list[StreamMessage]:
        if len(self._buffer) <= count:
            batch = list(self._buffer)
            self._buffer.clear()
        else:
            batch = [self._buffer.popleft() for _ in range(count)]
        return batch

    async def _wait_for_arrival(self) -> None:
        self._arrived.clear()
        if not self._buffer and not self._broken:
            await self._arrived.wait()

    async def _gather(self, count: int, max_wait: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + max_wait
        while len(self._buffer) < count and not self._broken and (left := deadline - loop.time()) > 0:
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), left)
            except TimeoutError:
                return

    def _break(self) -> None:
        self._broken = True
        self._arrived.set()

    def _short(self, lost: bool) -> None:
        if lost:
            self._break()
        else:
            self._arrived.set()
            if self._pull is not None:
                # The request expired: ask again, whether or not anybody waits for a message just now.
                asyncio.ensure_future(self._top_up())  # noqa: RUF006  # short, and harmless when lost

    async def _top_up(self) -> None:
        if self._pull is None or self._broken or self._closed:
            return
        wanted = self._window - len(self._buffer) - self._pull.outstanding
        if wanted >= max(1, self._window // 2):
            try:
                await self._pull.request(wanted)
            except nats.errors.Error as error:
                logger.debug("pull request not sent", stream=self._stream, error=describe(error))

    def _receive(self, message: Msg) -> None:
        sequence, consumer_sequence, stored_at_ns = ack_fields(message.reply)
        if self._broken or sequence < self._next_sequence:
            return
        if consumer_sequence != self._consumer_sequence + 1:
            self._break()  # a message was lost on the way: read on from the last one we have
            return
        self._consumer_sequence = consumer_sequence
        self._next_sequence = sequence + 1
        self._buffer.append(
            StreamMessage(message.subject, message.headers or {}, message.data, sequence, stored_at_ns)
        )
        self._arrived.set()

    async def _remake(self) -> None:
        while not self._closed:
            if self._pull is not None:
                await self._pull.stop()
            try:
                await self._make_consumer()
                return
            except (nats.errors.Error, TimeoutError, OSError) as error:
                logger.debug("stream reader waits", stream=self._stream, error=describe(error))
                await asyncio.sleep(_RETRY_DELAY)

    async def _make_consumer(self) -> None:
        started = self._next_sequence > 1 or not self._latest_only
        config = api.ConsumerConfig(
            deliver_policy=(
                api.DeliverPolicy.BY_START_SEQUENCE if started else api.DeliverPolicy.LAST_PER_SUBJECT
            ),
            opt_start_seq=self._next_sequence if started else None,
            filter_subjects=self._filters or ([">"] if not started else None),
            ack_policy=api.AckPolicy.NONE,
            mem_storage=True,
            inactive_threshold=_INACTIVE,
            max_deliver=1,
        )
        info = await self._connection.js.add_consumer(self._stream, config)
        self._consumer_sequence = 0
        self._pending_at_start = info.num_pending or 0
        self._pull = Pull(
            self._connection, self._stream, info.name, on_message=self._receive, on_short=self._short
        )
        self._broken = False
        await self._pull.start()
        await self._pull.request(self._window)


def ack_fields(reply: str) -> tuple[int, int, int]:
    """Stream sequence, consumer sequence and time (ns) from a delivered message's reply subject.

    `$JS.ACK.<stream>.<consumer>.<delivered>.<sseq>.<cseq>.<time>.<pending>`, or the longer form with
    domain and account after `ACK`.
    """
    tokens = reply.split(".")
    at = 5 if len(tokens) == 9 else 7
    return int(tokens[at]), int(tokens[at + 1]), int(tokens[at + 2])
