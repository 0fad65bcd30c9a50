"""The connection to NATS: made once, mended for ever, and telling when it was mended."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import nats
from nats.aio.client import Client
from nats.js import JetStreamContext

from webjobs_events.jetstream.publish import describe
from webjobs_events.log import logger

_RECONNECT_WAIT = 0.2  # seconds between tries
_BUFFER_BYTES = 8 * 1024 * 1024  # of messages written while the connection is mended


class Connection:
    """A client, its JetStream context, and who wants to know of reconnections."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.js: JetStreamContext = client.jetstream(timeout=5.0)
        self._on_reconnect: list[Callable[[], None]] = []
        self._on_disconnect: list[Callable[[], None]] = []

    @property
    def is_connected(self) -> bool:
        """Whether NATS is there right now."""
        return self.client.is_connected

    def on_reconnect(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after each reconnection; answers a function that ends this."""
        self._on_reconnect.append(callback)
        return lambda: self._on_reconnect.remove(callback) if callback in self._on_reconnect else None

    def on_disconnect(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back when the connection is lost; answers a function that ends this."""
        self._on_disconnect.append(callback)
        return lambda: self._on_disconnect.remove(callback) if callback in self._on_disconnect else None

    def _tell(self, callbacks: list[Callable[[], None]]) -> None:
        for callback in list(callbacks):
            callback()


@asynccontextmanager
async def open_connection(url: str, name: str) -> AsyncIterator[Connection]:
    """Connect, trying until a server answers; close in order at the end.

    Args:
        url: `nats://[user:password@]host:port`, several separated by commas.
        name: Shown in the server's list of connections.
    """
    holder: list[Connection] = []
    last_complaint = ""
    closing = False

    async def complain(error: Exception) -> None:
        nonlocal last_complaint
        if describe(error) != last_complaint:
            last_complaint = describe(error)
            logger.warning("nats connection trouble", error=last_complaint)

    async def lost() -> None:
        if holder and not closing:
            logger.warning("nats connection lost")
            holder[0]._tell(holder[0]._on_disconnect)

    async def mended() -> None:
        nonlocal last_complaint
        last_complaint = ""
        logger.info("nats connection is back")
        holder[0]._tell(holder[0]._on_reconnect)

    client = await nats.connect(
        url.split(","),
        name=name,
        max_reconnect_attempts=-1,
        reconnect_time_wait=_RECONNECT_WAIT,
        connect_timeout=2,
        ping_interval=5,
        max_outstanding_pings=2,
        pending_size=_BUFFER_BYTES,
        error_cb=complain,
        disconnected_cb=lost,
        reconnected_cb=mended,
    )
    holder.append(Connection(client))
    try:
        yield holder[0]
    finally:
        closing = True
        if client.is_connected:
            try:
                await asyncio.wait_for(client.flush(2), timeout=3)
            except Exception as error:
                logger.warning("nats connection closed unflushed", error=describe(error))
        await client.close()
