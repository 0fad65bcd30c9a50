"""Reading a stream in order and without gaps, over any outage, from any sequence on."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime
from typing import NamedTuple

import nats.errors
from nats.aio.msg import Msg
from nats.js import api

from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream.connection import Connection, describe
from webjobs_events.jetstream.lookup import first_from
from webjobs_events.jetstream.message import StreamMessage
from webjobs_events.jetstream.pull import Pull, PullStatus
from webjobs_events.log import logger

_RETRY_DELAY = 0.25  # seconds between tries to create a lost consumer again
_LARGEST_MESSAGE = 64 * 1024 * 1024  # bytes; the most that NATS can be set to take
_MOMENT = 0.02  # seconds
_CATCH_UP_SECONDS = 10.0  # that a new leader of a stream has, before messages count as lost
_LAG = 0.1  # seconds until the end is looked for again, while messages of the leader have not come yet
_INACTIVE = 30.0  # seconds after which the server drops the consumer of a reader that went away


class StreamReader:
    """Messages of a stream in order, each once, from `start_sequence` on.

    Made by `Bus.read_stream`. The consumer behind it is ephemeral: when it is lost, when the
    connection breaks, or when a message is missing, it is created again after the last message read.
    `async with` closes it; so does the end of `batches`.

    Args:
        filters: Subjects to read; empty: all.
        start_sequence: First sequence to read; 1 reads from the first message.
        latest_only: Begin with the latest message of each subject, then go on live.
        window: Messages asked for ahead of the reader.
        window_bytes: Bytes asked for ahead of the reader, who may be slow: what is held for it stays below
            that, unless one message alone is larger. 0: no limit.
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
        window_bytes: int = 0,
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._filters = list(filters)
        self._next_sequence = start_sequence
        self._latest_only = latest_only
        self._window = window
        self._window_bytes = window_bytes
        self._got_since_request = 0
        self._buffer: deque[StreamMessage] = deque()
        self._arrived = asyncio.Event()
        self._broken = True
        self._stream_created_at: datetime | None = None
        self._behind_since: float | None = None
        self._consumer = ""
        self._consumer_sequence = 0
        self._pull: Pull | None = None
        self._pending_at_start = 0
        self._made_at = float("-inf")
        self._closed = False
        self._unhook = connection.on_reconnect(self._break)
        self.caught_up = asyncio.Event()
        """Set once everything stored at one moment has been taken from `batches`."""
        self.on_replaced: Callable[[], None] = lambda: None
        """Called when the stream turns out to be another one of its name, or to have lost messages that were
        read: after the last message of before was taken, before the first one that is read again."""

    async def __aenter__(self) -> "StreamReader":
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    @property
    def pending_at_start(self) -> int:
        """How many messages waited when the consumer was made."""
        return self._pending_at_start

    async def batches(
        self, *, max_messages: int = 500, max_wait: float = 0.0
    ) -> AsyncGenerator[list[StreamMessage], None]:
        """Lists of 1 to `max_messages` messages, until the reader is closed.

        Args:
            max_messages: Upper bound of a list.
            max_wait: Seconds to wait for more once there is one; 0 gives what is there.
        """
        try:
            while not self._closed:
                if self._buffer:
                    if max_wait and len(self._buffer) < max_messages:
                        await self._gather(max_messages, max_wait)
                    yield self._take(max_messages)
                elif self._broken:
                    await self._remake()
                else:
                    await self._see_whether_caught_up()
                    await self._wait_for_arrival()
                await self._top_up()
        finally:
            await self.close()

    async def open(self) -> None:
        """Make the consumer now, so that nothing stored from now on is missed."""
        if self._broken:
            await self._remake()

    async def close(self) -> None:
        """Stop reading; harmless when repeated."""
        self._closed = True
        self._arrived.set()
        self._unhook()
        await self._drop_consumer()

    def _take(self, count: int) -> list[StreamMessage]:
        if len(self._buffer) <= count:
            batch = list(self._buffer)
            self._buffer.clear()
        else:
            batch = [self._buffer.popleft() for _ in range(count)]
        return batch

    async def _wait_for_arrival(self) -> None:
        self._arrived.clear()
        await self._top_up()  # a request may have ended meanwhile
        if not self._buffer and not self._broken and not self._closed:
            # What the leader still has may be removed before it comes: then the end is looked for again.
            is_lagging = self._connection.is_clustered and not self.caught_up.is_set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAG if is_lagging else None):
                    await self._arrived.wait()

    async def _gather(self, count: int, max_wait: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + max_wait
        while len(self._buffer) < count and not self._broken and not self._closed:
            self._arrived.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._arrived.wait()
            except TimeoutError:
                return

    def _break(self) -> None:
        self._broken = True
        self._arrived.set()

    def _on_pull_status(self, status: PullStatus) -> None:
        if status is PullStatus.LOST:
            self._broken = True
        elif status is PullStatus.FULL and self._window_bytes and not self._got_since_request:
            self._window_bytes = min(2 * self._window_bytes, _LARGEST_MESSAGE)  # the next message is larger
        self._arrived.set()  # the one who waits looks again, and asks for more

    async def _top_up(self) -> None:
        if self._pull is None or self._broken or self._closed:
            return
        if self._window_bytes:
            if not self._buffer and not self._pull.outstanding:
                await self._request(self._pull)
            return
        wanted = self._window - len(self._buffer) - self._pull.outstanding
        if wanted >= max(1, self._window // 2):
            await self._pull.request(wanted)

    async def _request(self, pull: Pull) -> None:
        self._got_since_request = 0
        await pull.request(self._window, self._window_bytes)

    def _receive(self, message: Msg) -> None:
        delivery = delivery_of(message.reply)
        if self._broken:
            return
        if delivery.consumer_sequence != self._consumer_sequence + 1:
            self._break()  # a message was lost on the way: read on from the last one we have
            return
        self._consumer_sequence = delivery.consumer_sequence
        self._next_sequence = delivery.sequence + 1
        self._got_since_request += 1
        self._buffer.append(
            StreamMessage(
                message.subject,
                message.headers or {},
                message.data,
                delivery.sequence,
                delivery.stored_at_ns,
            )
        )
        self._arrived.set()

    async def _remake(self) -> None:
        loop = asyncio.get_running_loop()
        await self._drop_consumer()
        while self._broken and not self._closed:
            if not self._connection.is_connected:
                self._arrived.clear()
                await self._arrived.wait()  # for `_break`, at the reconnection
            await asyncio.sleep(max(0.0, self._made_at + _RETRY_DELAY - loop.time()))
            self._made_at = loop.time()
            try:
                await self._make_consumer()
            except BusUnavailable as error:
                logger.debug("stream reader waits", stream=self._stream, error=str(error))

    async def _make_consumer(self) -> None:
        patience = self._connection.answer_timeout
        async with self._connection.asking(f"reading {self._stream}"):
            async with asyncio.timeout(patience):
                self._read_state(await self._connection.js.stream_info(self._stream))
            async with asyncio.timeout(patience):
                info = await self._connection.js.add_consumer(self._stream, self._consumer_config())
        self._consumer = info.name
        self._consumer_sequence = 0
        self._pending_at_start = info.num_pending or 0
        if not self._pending_at_start and not self._buffer and not self._connection.is_clustered:
            self.caught_up.set()
        self._pull = Pull(
            self._connection,
            self._stream,
            info.name,
            on_message=self._receive,
            on_status=self._on_pull_status,
        )
        self._broken = False
        await self._pull.start()
        await self._request(self._pull)

    async def _see_whether_caught_up(self) -> None:
        if self.caught_up.is_set() or (self._window_bytes and await self._more_comes()):
            return
        with contextlib.suppress(BusUnavailable):
            async with self._connection.asking(f"looking for the end of {self._stream}"):
                if await self._is_at_the_end():
                    self.caught_up.set()

    async def _is_at_the_end(self) -> bool:
        if self._connection.is_clustered:
            # The consumer may be on a server that lags behind the leader of the stream.
            filters = self._filters or [">"]
            found = [
                await first_from(self._connection, self._stream, each, self._next_sequence)
                for each in filters
            ]
            return not any(found)
        # Asked of a consumer that begins here: what our own has pending drifts while keys are overwritten.
        probe = await self._connection.js.add_consumer(self._stream, self._consumer_config())
        await self._delete_consumer(probe.name)
        return not probe.num_pending

    async def _more_comes(self) -> bool:
        """Whether a request that ends after so many bytes has ended, or a message comes within a moment."""
        self._arrived.clear()
        if self._pull is None or not self._pull.outstanding or self._buffer:
            return True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_MOMENT):
                await self._arrived.wait()
        return self._pull is None or not self._pull.outstanding or bool(self._buffer)

    def _read_state(self, info: api.StreamInfo) -> None:
        """Start over in a stream that lost what was read: it assigns its sequences again."""
        expected, last = self._next_sequence, info.state.last_seq
        known, self._stream_created_at = self._stream_created_at, info.created
        is_another = known is not None and known != info.created
        if known is None or not (is_another or last < expected - 1):
            self._behind_since = None
            return
        if not is_another and self._connection.is_clustered and self._may_catch_up():
            raise BusUnavailable(f"reading {self._stream}", "its leader has not caught up yet")
        self._next_sequence = 1 if is_another or self._latest_only else last + 1
        self.caught_up.clear()
        logger.error(
            "stream lost messages that were read",
            stream=self._stream,
            expected_sequence=expected,
            read_on_from=self._next_sequence,
        )
        self.on_replaced()

    def _may_catch_up(self) -> bool:
        """Whether the stream has lost messages only since a moment: a new leader may not have them yet."""
        now = asyncio.get_running_loop().time()
        if self._behind_since is None:
            self._behind_since = now
        return now < self._behind_since + _CATCH_UP_SECONDS

    def _consumer_config(self) -> api.ConsumerConfig:
        started = self._next_sequence > 1 or not self._latest_only
        return api.ConsumerConfig(
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

    async def _drop_consumer(self) -> None:
        pull, self._pull = self._pull, None
        if pull is not None:
            await pull.stop()
            await self._delete_consumer(self._consumer)

    async def _delete_consumer(self, name: str) -> None:
        client = self._connection.client
        if client.is_connected:  # unanswered: if it is lost, the server drops an idle consumer anyway
            try:
                await client.publish(f"$JS.API.CONSUMER.DELETE.{self._stream}.{name}")
            except (nats.errors.Error, OSError) as error:
                logger.debug("consumer not deleted", stream=self._stream, error=describe(error))


class Delivery(NamedTuple):
    """What the reply subject of a delivered message contains."""

    delivered: int
    """How many times it was handed out, this time included."""
    sequence: int
    """In the stream."""
    consumer_sequence: int
    """In what this consumer delivered."""
    stored_at_ns: int
    """Nanoseconds since 1970."""


def delivery_of(reply: str) -> Delivery:
    """Parses `$JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.<consumer sequence>.<time>.<pending>`.

    The longer form has domain and account after `ACK`, and a token at the end.
    """
    tokens = reply.split(".")
    at = 4 if len(tokens) == 9 else 6
    return Delivery(*map(int, tokens[at : at + 4]))
