"""A standing pull on a JetStream consumer: messages arrive the moment they are stored."""

import asyncio
import json
from collections.abc import Callable

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from webjobs_events.jetstream.connection import Connection
from webjobs_events.log import logger

_EXPIRES = 30.0  # seconds a request stays open at the server
_HEARTBEAT = 5.0  # seconds between the server's signs of life on an open request
_GONE = ("Consumer Deleted", "Consumer not found", "No Responders")


class Pull:
    """Keeps pull requests open on one consumer.

    The owner says how many messages it can take (`request`); each message lowers `outstanding`.
    When requests end with messages still owed (expired, consumer gone, server away) `on_short` is
    called: the owner asks again, or makes its consumer anew when `lost` is true.

    Args:
        on_message: Called with each message, in order, from the event loop; must not block.
        on_short: Called with `lost`.
    """

    def __init__(
        self,
        connection: Connection,
        stream: str,
        consumer: str,
        *,
        on_message: Callable[[Msg], None],
        on_short: Callable[[bool], None],
    ) -> None:
        self._client = connection.client
        self._next_subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._on_message = on_message
        self._on_short = on_short
        self._inbox = self._client.new_inbox()
        self._subscription: Subscription | None = None
        self._owed = 0
        self._heard_at = 0.0
        self._watch: asyncio.TimerHandle | None = None

    @property
    def outstanding(self) -> int:
        """Messages asked for and not yet delivered."""
        return self._owed

    async def start(self) -> None:
        """Listen; ask for nothing yet."""
        self._subscription = await self._client.subscribe(self._inbox, cb=self._receive)

    async def stop(self) -> None:
        """Listen no more; what is still owed is given up."""
        if self._watch is not None:
            self._watch.cancel()
        self._owed = 0
        subscription, self._subscription = self._subscription, None
        if subscription is not None and not self._client.is_closed:
            await subscription.unsubscribe()

    async def request(self, count: int) -> None:
        """Ask for `count` more messages."""
        if count <= 0 or self._subscription is None:
            return
        self._owed += count
        self._heard_at = asyncio.get_running_loop().time()
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(_HEARTBEAT, self._check)
        body = {"batch": count, "expires": int(_EXPIRES * 1e9), "idle_heartbeat": int(_HEARTBEAT * 1e9)}
        await self._client.publish(self._next_subject, json.dumps(body).encode(), reply=self._inbox)

    def forget(self) -> None:
        """Take every open request for dead, as after a reconnection."""
        self._owed = 0

    async def _receive(self, message: Msg) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        if message.subject != self._inbox:  # a stored message keeps its own subject, a status has the inbox's
            self._owed = max(0, self._owed - 1)
            self._on_message(message)
            return
        headers = message.headers or {}
        status, description = headers.get("Status", ""), headers.get("Description", "")
        if status == "100":
            return
        self._owed = max(0, self._owed - int(headers.get("Nats-Pending-Messages", "0") or 0))
        lost = status == "503" or description in _GONE
        if lost:
            self._owed = 0
        self._on_short(lost)

    def _check(self) -> None:
        """Requests that were silent for two heartbeats died with their server or their consumer."""
        if self._subscription is None:
            return
        loop = asyncio.get_running_loop()
        self._watch = loop.call_later(_HEARTBEAT, self._check)
        silent = loop.time() - self._heard_at
        if self._owed and silent > 2 * _HEARTBEAT:
            logger.warning(
                "pull request unanswered", subject=self._next_subject, silent_seconds=round(silent)
            )
            self._owed = 0
            self._on_short(True)
