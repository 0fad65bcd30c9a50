"""Taking commands from the work queue: as many at a time as the taker has room for."""

import asyncio
from collections.abc import Callable, Sequence

import nats.errors
from nats.aio.msg import Msg
from nats.js import api

from webjobs_events.jetstream.connection import Connection
from webjobs_events.jetstream.publish import describe
from webjobs_events.jetstream.pull import Pull
from webjobs_events.jetstream.reader import ack_fields
from webjobs_events.log import logger

ACK_WAIT = 30.0  # seconds after which an unfinished message is handed out again
_RETRY_DELAY = 0.25  # seconds


class QueuedMessage:
    """A message handed to us; it stays ours as long as `keep` is called within `ACK_WAIT`."""

    __slots__ = ("_message", "delivered")

    def __init__(self, message: Msg) -> None:
        self._message = message
        tokens = message.reply.split(".")
        self.delivered = int(tokens[4 if len(tokens) == 9 else 6])
        """How many times it was handed out, this time included."""

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
        """In the stream of commands."""
        return ack_fields(self._message.reply)[0]

    async def done(self, timeout: float = 5.0) -> bool:
        """Remove it from the queue; answers whether the server confirmed it."""
        try:
            await self._message.ack_sync(timeout=timeout)
        except (nats.errors.Error, TimeoutError, OSError) as error:
            logger.warning("acknowledgement unconfirmed", subject=self.subject, error=describe(error))
            return False
        return True

    async def keep(self) -> None:
        """Tell the server that we still work on it."""
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


class WorkQueue:
    """One durable consumer shared by all runners, taken from with standing pulls.

    Args:
        durable: The consumer's name, the same on every runner.
        filters: Subjects of the commands it hands out; no other consumer of the stream may share them.
        room: How many more messages the taker can hold now, asked after every change.
        on_message: Called with each message from the event loop; must not block.
    """

    def __init__(
        self,
        connection: Connection,
        stream: str,
        *,
        durable: str,
        filters: Sequence[str],
        room: Callable[[], int],
        on_message: Callable[[QueuedMessage], None],
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._durable = durable
        self._filters = list(filters)
        self._room = room
        self._on_message = on_message
        self._wake = asyncio.Event()
        self._lost = False

    def room_changed(self) -> None:
        """Say that there may be room for more."""
        self._wake.set()

    async def run(self) -> None:
        """Take messages until cancelled."""
        pull = Pull(
            self._connection,
            self._stream,
            self._durable,
            on_message=lambda message: self._on_message(QueuedMessage(message)),
            on_short=self._short,
        )

        def mended() -> None:
            pull.forget()
            self._short(True)

        unhook = self._connection.on_reconnect(mended)
        try:
            await self._ensure_consumer()
            await pull.start()
            while True:
                self._wake.clear()
                await self._ask(pull)
                await self._wake.wait()
        finally:
            unhook()
            await pull.stop()

    def _short(self, lost: bool) -> None:
        self._lost = self._lost or lost
        self._wake.set()

    async def _ask(self, pull: Pull) -> None:
        if self._lost:
            self._lost = False
            await self._ensure_consumer()
        wanted = self._room() - pull.outstanding
        if wanted > 0:
            try:
                await pull.request(wanted)
            except nats.errors.Error as error:
                logger.debug("pull request not sent", consumer=self._durable, error=describe(error))

    async def _ensure_consumer(self) -> None:
        config = api.ConsumerConfig(
            durable_name=self._durable,
            filter_subjects=self._filters,
            ack_policy=api.AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT,
            max_ack_pending=-1,
            max_waiting=4096,
        )
        while True:
            try:
                await self._connection.js.add_consumer(self._stream, config)
                return
            except (nats.errors.Error, TimeoutError, OSError) as error:
                logger.debug("work queue waits", consumer=self._durable, error=describe(error))
                await asyncio.sleep(_RETRY_DELAY)
