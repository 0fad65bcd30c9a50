"""Taking messages that must be settled: as many at a time as the taker has room for."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import nats.errors
from nats.aio.msg import Msg
from nats.js import api

from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream.connection import Connection, describe
from webjobs_events.jetstream.message import instant_of_ns
from webjobs_events.jetstream.pipeline import PublishPipeline
from webjobs_events.jetstream.pull import Pull, PullStatus
from webjobs_events.jetstream.reader import delivery_of
from webjobs_events.log import logger

ACK_WAIT = 10.0  # seconds after which an unfinished message is handed out again
KEEP_SECONDS = 3.0  # between signs to the server that we work on a message
_RETRY_DELAY = 0.25  # seconds between tries to take messages


class TakenMessage(Protocol):
    """A command in progress, whether delivered by the queue or found in it."""

    @property
    def subject(self) -> str:
        """Where it was published."""

    @property
    def data(self) -> bytes:
        """Its body."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Its headers."""

    @property
    def sequence(self) -> int:
        """In the stream of commands."""

    async def done(self) -> bool:
        """Remove it from the queue; answers whether the server confirmed it."""

    async def keep(self) -> None:
        """Send an in-progress acknowledgement."""

    async def give_back(self, delay_seconds: float) -> None:
        """Let it be handed out again after a while."""

    async def refuse(self) -> None:
        """Remove it from the queue as unreadable."""


class QueuedMessage:
    """A message handed to us; it stays ours as long as `keep` is called within `ACK_WAIT`."""

    __slots__ = ("_message", "_publisher", "delivered")

    def __init__(self, message: Msg, publisher: PublishPipeline) -> None:
        self._message = message
        self._publisher = publisher
        self.delivered = delivery_of(message.reply).delivered
        """How many times it was handed out, this time included, as far as the server knows: after a crash of
        the server it may begin at 1 again."""

    @property
    def subject(self) -> str:
        """Where it was published."""
        return self._message.subject

    @property
    def data(self) -> bytes:
        """Its body."""
        return self._message.data

    @property
    def headers(self) -> dict[str, str]:
        """Its headers."""
        return self._message.headers or {}

    @property
    def sequence(self) -> int:
        """In its stream."""
        return delivery_of(self._message.reply).sequence

    @property
    def stored_at(self) -> datetime:
        """When the stream took it, UTC."""
        return instant_of_ns(delivery_of(self._message.reply).stored_at_ns)

    async def done(self, timeout: float | None = None) -> bool:
        """Remove it from the queue; answers whether the server confirmed it."""
        try:
            patience = self._publisher.answer_timeout if timeout is None else timeout
            await self._publisher.confirm(self._message.reply, b"+ACK", patience)
        except BusUnavailable as error:
            logger.debug("acknowledgement unconfirmed", subject=self.subject, error=error.reason)
            return False
        return True

    async def keep(self) -> None:
        """Send an in-progress acknowledgement."""
        await self._quietly(self._message.in_progress)

    async def give_back(self, delay_seconds: float) -> None:
        """Let it be handed out again after a while."""
        await self._quietly(lambda: self._message.nak(delay=delay_seconds))

    async def refuse(self) -> None:
        """Remove it from the queue as unreadable."""
        await self._quietly(self._message.term)

    async def _quietly(self, action: Callable[[], object]) -> None:
        try:
            await action()  # type: ignore[misc]
        except (nats.errors.Error, TimeoutError, OSError) as error:
            logger.debug("queue message not settled", subject=self.subject, error=describe(error))


@dataclass(frozen=True, slots=True)
class ConsumerTerms:
    """How a durable consumer hands out messages; those of one that exists cannot be changed.

    Attributes:
        ack_wait: Seconds after which an unfinished message is handed out again; None: `ACK_WAIT`.
        at_a_time: Messages that may be unfinished at a time, over all takers; -1: any number. With 1 they
            are finished in the order of the stream.
        start_sequence: First message of the stream to hand out; 0: the first it has.
        since: When that sequence was read. Of a stream that was made later all messages are handed out.
    """

    ack_wait: float | None = None
    at_a_time: int = -1
    start_sequence: int = 0
    since: datetime | None = None


class WorkQueue:
    """One durable consumer shared by all takers, taken from with standing pulls.

    Args:
        durable: The consumer's name, the same for every taker.
        filters: Subjects it hands out; in a work queue no other consumer of the stream may share them.
        terms: How it hands them out.
        room: How many more messages the taker can hold now, asked after every change.
        on_message: Called with each message from the event loop; must not block.
    """

    def __init__(
        self,
        connection: Connection,
        publisher: PublishPipeline,
        stream: str,
        *,
        durable: str,
        filters: Sequence[str],
        room: Callable[[], int],
        on_message: Callable[[QueuedMessage], None],
        terms: ConsumerTerms = ConsumerTerms(),
    ) -> None:
        self._terms = terms
        self._connection = connection
        self._publisher = publisher
        self._stream = stream
        self._durable = durable
        self._filters = list(filters)
        self._room = room
        self._on_message = on_message
        self._outage = connection.outage_of(f"work queue {durable}")
        self._wake = asyncio.Event()
        self._is_there = False
        self._lost = False
        self._stopped = False
        self._late: list[QueuedMessage] = []

    def room_changed(self) -> None:
        """Say that there may be room for more."""
        self._wake.set()

    async def run(self) -> None:
        """Take messages until cancelled; what is still on its way then is handed back."""
        loop = asyncio.get_running_loop()
        unhook = self._connection.on_reconnect(self._lose)
        try:
            while True:
                began_at = loop.time()
                await self._take_until_lost()
                await asyncio.sleep(max(0.0, began_at + _RETRY_DELAY - loop.time()))
        finally:
            unhook()

    async def _take_until_lost(self) -> None:
        if not self._is_there:
            await self._outage.retry(self._ensure_consumer)
        # A new inbox each time: requests of before a break are still open when the server outlived it, and
        # without a subscriber they bring nothing that there is no room for.
        pull = Pull(
            self._connection,
            self._stream,
            self._durable,
            on_message=self._receive,
            on_status=self._on_pull_status,
        )
        self._lost = self._stopped = False
        try:
            await pull.start()
            while not self._lost:
                self._wake.clear()
                await pull.request(self._room() - pull.outstanding)
                await self._wake.wait()
        except BaseException:
            self._stopped = True
            raise
        finally:
            # One that gave a sign of life is asked again at once: to look for it takes the leader of the
            # cluster, which may have ended while the consumer has a leader.
            self._is_there = pull.is_confirmed
            await pull.finish()
            late, self._late = self._late, []
            for message in late:
                await message.give_back(0)

    def _receive(self, message: Msg) -> None:
        queued = QueuedMessage(message, self._publisher)
        if self._stopped:
            self._late.append(queued)
        else:
            self._on_message(queued)
            self._wake.set()

    def _on_pull_status(self, status: PullStatus) -> None:
        self._lost = self._lost or status is PullStatus.LOST
        self._wake.set()

    def _lose(self) -> None:
        self._on_pull_status(PullStatus.LOST)

    async def _ensure_consumer(self) -> None:
        config = api.ConsumerConfig(
            durable_name=self._durable,
            filter_subjects=self._filters,
            ack_policy=api.AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT if self._terms.ack_wait is None else self._terms.ack_wait,
            max_ack_pending=self._terms.at_a_time,
            max_waiting=4096,
        )
        async with self._connection.asking(f"taking messages as {self._durable}"):
            async with asyncio.timeout(self._connection.answer_timeout):
                if start := await self._start_sequence():
                    config.deliver_policy = api.DeliverPolicy.BY_START_SEQUENCE
                    config.opt_start_seq = start
                await self._connection.js.add_consumer(self._stream, config)

    async def _start_sequence(self) -> int:
        """The first sequence to hand out; 0 for all, also when the sequence is one of an earlier stream."""
        if not self._terms.start_sequence or self._terms.since is None:
            return self._terms.start_sequence
        created = (await self._connection.js.stream_info(self._stream)).created
        return 0 if created is not None and created > self._terms.since else self._terms.start_sequence
