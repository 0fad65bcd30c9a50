"""A standing pull on a JetStream consumer: messages arrive the moment they are stored."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from enum import Enum, auto

import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream.connection import Connection, describe
from webjobs_events.log import logger

_EXPIRES = 30.0  # seconds a request stays open at the server, about
_HEARTBEAT = 5.0  # seconds between the server's signs of life on an open request
_HEARTBEAT_IN_CLUSTER = 1.0  # there a request may die with a server that is not the one we are connected to
_CONFLICT = "409"  # status of a request that ended before a message too large for what was left of it
_FINISH_TIMEOUT = 2.0  # seconds


class PullStatus(Enum):
    """What the server reports between the messages."""

    IDLE = auto()
    """No more messages are stored at the moment; the request stays open."""
    ENDED = auto()
    """A request ended before it was filled: request again."""
    FULL = auto()
    """A request ended because the next message would have exceeded its bytes: request again."""
    LOST = auto()
    """The requests or their consumer are gone: create the consumer again."""


class Pull:
    """Keeps pull requests open on one consumer.

    The owner requests as many messages as it can take (`request`); each message lowers `outstanding`.

    Args:
        on_message: Called with each message, in order, from the event loop; must not block.
        on_news: Called with what else the server says.
        expires: Seconds a request stays open at the server, about: see `lifetime`.
        heartbeat: Seconds between signs of life of an open request, less than half of `expires`; None: 5,
            in a cluster 1.
    """

    def __init__(
        self,
        connection: Connection,
        stream: str,
        consumer: str,
        *,
        on_message: Callable[[Msg], None],
        on_status: Callable[[PullStatus], None],
        expires: float = _EXPIRES,
        heartbeat: float | None = None,
    ) -> None:
        self._connection = connection
        self._client = connection.client
        self._next_subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._on_message = on_message
        self._on_status = on_status
        if heartbeat is None:
            heartbeat = _HEARTBEAT_IN_CLUSTER if connection.is_clustered else _HEARTBEAT
        self._heartbeat = heartbeat
        self._is_confirmed = False
        self._expires = expires
        self._inbox = self._client.new_inbox()
        self._subscription: Subscription | None = None
        self._outstanding = 0
        self._last_message_at = 0.0
        self._watch: asyncio.TimerHandle | None = None

    @property
    def outstanding(self) -> int:
        """Messages requested and not yet delivered."""
        return self._outstanding

    @property
    def is_confirmed(self) -> bool:
        """Whether the consumer has given a sign of life: a message, or that there is none."""
        return self._is_confirmed

    async def start(self) -> None:
        """Subscribe; request nothing yet."""
        self._subscription = await self._client.subscribe(self._inbox, cb=self._receive)

    async def stop(self) -> None:
        """Unsubscribe; outstanding and just arrived messages are given up."""
        subscription = self._let_go()
        if subscription is not None and not self._client.is_closed:
            with contextlib.suppress(nats.errors.Error, OSError):
                await subscription.unsubscribe()

    async def finish(self) -> None:
        """Unsubscribe; messages on their way are still delivered."""
        subscription = self._let_go()
        if subscription is None or self._client.is_closed:
            return
        try:
            async with self._connection.asking("ending a pull"), asyncio.timeout(_FINISH_TIMEOUT):
                await subscription.drain()  # type: ignore[no-untyped-call]
        except BusUnavailable as error:
            logger.debug("pull not ended in order", subject=self._next_subject, error=str(error))
        finally:  # a drain that fails leaves it subscribed
            self._client._remove_sub(subscription._id)
            subscription._stop_processing()

    def _let_go(self) -> Subscription | None:
        if self._watch is not None:
            self._watch.cancel()
        self._outstanding = 0
        subscription, self._subscription = self._subscription, None
        return subscription

    async def request(self, count: int, max_bytes: int = 0) -> None:
        """Request `count` more messages; while NATS is away nothing is sent, for no request would be kept.

        Args:
            count: Messages at most.
            max_bytes: Of all of them together, headers included; the request ends before the message that
                would go beyond. 0: no limit.
        """
        if count <= 0 or self._subscription is None or not self._client.is_connected:
            return
        loop = asyncio.get_running_loop()
        self._outstanding += count
        self._last_message_at = loop.time()
        if self._watch is None:
            self._watch = loop.call_at(_next_look(loop.time(), self._heartbeat), self._check)
        try:
            expires = lifetime(self._last_message_at, self._expires, self._heartbeat)
            limits = {"expires": int(expires * 1e9), "idle_heartbeat": int(self._heartbeat * 1e9)}
            if max_bytes:
                limits["max_bytes"] = max_bytes
            body = json.dumps({"batch": count, **limits}).encode()
            await self._client.publish(self._next_subject, body, reply=self._inbox)
        except (nats.errors.Error, OSError) as error:
            self._outstanding = max(0, self._outstanding - count)
            logger.debug("pull request not sent", subject=self._next_subject, error=describe(error))

    async def _receive(self, message: Msg) -> None:
        self._last_message_at = asyncio.get_running_loop().time()
        if message.subject != self._inbox:  # a stored message keeps its own subject, a status has the inbox's
            if self._outstanding:
                self._outstanding -= 1
            self._is_confirmed = True
            self._on_message(message)
            return
        headers = message.headers or {}
        if headers.get("Status") == "100":
            self._is_confirmed = True
            self._on_status(PullStatus.IDLE)
        elif (unfilled := headers.get("Nats-Pending-Messages")) is not None:
            self._outstanding = max(0, self._outstanding - int(unfilled))
            self._on_status(PullStatus.FULL if headers.get("Status") == _CONFLICT else PullStatus.ENDED)
        else:
            # No consumer, no leader, no server, or a request it refused: none of them says what it owed.
            self._outstanding = 0
            self._on_status(PullStatus.LOST)

    def _check(self) -> None:
        """Requests that were silent for two heartbeats died with their server or their consumer."""
        if self._subscription is None:
            return
        loop = asyncio.get_running_loop()
        self._watch = loop.call_at(_next_look(loop.time(), self._heartbeat), self._check)
        silent = loop.time() - self._last_message_at
        if self._outstanding and silent > 2 * self._heartbeat and self._client.is_connected:
            logger.warning(
                "pull request unanswered", subject=self._next_subject, silent_seconds=round(silent)
            )
            self._outstanding = 0
            self._on_status(PullStatus.LOST)


def _next_look(now: float, heartbeat: float) -> float:
    """When to look next: in the same instants for all pulls, so that a process wakes up once for all."""
    return (now // heartbeat + 1) * heartbeat


def lifetime(now: float, expires: float, heartbeat: float) -> float:
    """Seconds that a request stays open: all end in the same instants, in which the next ones begin.

    So the server sends the signs of life of all requests of a process in the same instants, and the
    process wakes up once for all of them.
    """
    left = expires - now % expires
    return left if left > 2 * heartbeat + expires / 10 else left + expires
