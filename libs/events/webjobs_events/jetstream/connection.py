"""The connection to NATS: opened once, reconnected for ever, with callbacks for breaks and reconnections."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import nats.errors
from nats.aio.client import DEFAULT_INBOX_PREFIX, Client
from nats.js import JetStreamContext
from nats.js import errors as js_errors

from webjobs_events.errors import BusUnavailable, StorageFull
from webjobs_events.jetstream.servers import parse_servers
from webjobs_events.jetstream.space import lacks_space
from webjobs_events.log import logger
from webjobs_events.outage import OUTAGE_PATIENCE, REMIND_SECONDS, Outage

_RECONNECT_WAIT = 0.2  # seconds between tries
_PING_SECONDS = 5.0  # between pings; the third that is not answered ends the connection
_PING_SECONDS_IN_CLUSTER = 2.0  # there is another server to go on to
_LEADER_ANSWER_SECONDS = 1.5  # a stream without a leader does not answer; a new one takes 4 s or more
_ANSWER_SECONDS = 5.0
_USERS_WITH_AN_INBOX = frozenset({"api", "runner", "history", "operator"})
_BUFFER_BYTES = 8 * 1024 * 1024  # of messages written while the client reconnects
STREAM_NOT_FOUND = 10059  # JSStreamNotFoundErr
_MOST_COMPLAINTS = 100  # texts remembered, so that each is logged once a minute


class Connection:
    """A client, its JetStream context, and callbacks for its breaks."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.js: JetStreamContext = client.jetstream(timeout=_ANSWER_SECONDS)
        self._on_reconnect: list[Callable[[], None]] = []
        self._on_disconnect: list[Callable[[], None]] = []
        self._on_give_up: list[Callable[[str], None]] = []
        self._asking: set[asyncio.Timeout] = set()
        self._storing: set[asyncio.Timeout] = set()
        self._given_up: dict[asyncio.Timeout, str] = {}
        self.outage = Outage(logger, "nats")
        """Of the connection; other loops stay silent while it is on."""
        self.stream_missed = asyncio.Event()
        """Set whenever NATS answers that a stream does not exist."""

    @property
    def is_connected(self) -> bool:
        """Whether NATS is there right now."""
        return self.client.is_connected

    @property
    def is_clustered(self) -> bool:
        """Whether the server is one of a cluster."""
        return bool(self.client._server_info.get("cluster"))

    @property
    def answer_timeout(self) -> float:
        """Seconds to wait for the answer to a question that is asked again when there is none."""
        return _LEADER_ANSWER_SECONDS if self.is_clustered else _ANSWER_SECONDS

    def on_reconnect(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after each reconnection; returns a function that ends this."""
        self._on_reconnect.append(callback)
        return lambda: self._on_reconnect.remove(callback) if callback in self._on_reconnect else None

    def on_disconnect(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back when the connection is lost; returns a function that ends this."""
        self._on_disconnect.append(callback)
        return lambda: self._on_disconnect.remove(callback) if callback in self._on_disconnect else None

    def on_give_up(self, callback: Callable[[str], None]) -> Callable[[], None]:
        """Call back with the reason when writes are given up; returns a function that ends this."""
        self._on_give_up.append(callback)
        return lambda: self._on_give_up.remove(callback) if callback in self._on_give_up else None

    def give_up_writes(self, reason: str) -> None:
        """Fail every write that waits for its acknowledgement: JetStream does not answer on a full disk."""
        storing, self._storing = self._storing, set()
        for limit in storing:
            self._given_up[limit] = reason
            limit.reschedule(0)
        for callback in list(self._on_give_up):
            callback(reason)

    def outage_of(self, what: str) -> Outage:
        """An outage of what a loop does over this connection, logged only while the connection is there."""
        return Outage(logger, what, patience=OUTAGE_PATIENCE, explained_by=lambda: not self.is_connected)

    @asynccontextmanager
    async def asking(self, doing: str, *, stores: bool = False) -> AsyncIterator[None]:
        """Around a question: it fails at once while NATS is away, and the moment the connection breaks.

        Args:
            doing: What fails then, such as `reading a key`.
            stores: It is a write, which `give_up_writes` fails.

        Raises:
            StorageFull: JetStream has no space, or the disk to which the answer is written is full.
            BusUnavailable: NATS did not answer, or answered with an error that the body did not handle.
        """
        if not self.is_connected:
            raise BusUnavailable(doing, "the connection is down")
        limit = asyncio.timeout(None)
        cancelled_before = _cancellations()
        try:
            async with limit:
                self._asking.add(limit)
                if stores:
                    self._storing.add(limit)
                yield
        except (nats.errors.Error, TimeoutError, OSError) as error:
            if _cancellations() > cancelled_before:
                raise asyncio.CancelledError from error
            if limit.expired():
                if limit in self._given_up:
                    raise StorageFull(doing, self._given_up[limit]) from error
                raise BusUnavailable(doing, "the connection broke") from error
            if lacks_space(error):
                raise StorageFull(doing, describe(error)) from error
            if is_stream_missing(error):
                self.stream_missed.set()
                raise BusUnavailable(doing, "its stream or bucket does not exist") from error
            raise BusUnavailable(doing, describe(error)) from error
        finally:
            self._asking.discard(limit)
            self._storing.discard(limit)
            self._given_up.pop(limit, None)
        # asyncio.wait_for of Python 3.11, by which the client waits, swallows a cancellation that comes in
        # the same moment as the answer: who cancelled would wait for ever.
        if _cancellations() > cancelled_before:
            raise asyncio.CancelledError

    def _broke(self) -> None:
        # What was written but not yet sent would go out after the reconnection, before that which its author
        # sends again from the first unacknowledged message on: the stream would not be in order.
        _forget_unsent(self.client)
        asking, self._asking = self._asking, set()
        for limit in asking:
            limit.reschedule(0)
        for callback in list(self._on_disconnect):
            callback()

    def _reconnected(self) -> None:
        for callback in list(self._on_reconnect):
            callback()


def _cancellations() -> int:
    """How often the task at work has been cancelled, and is still to end by it."""
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0


@asynccontextmanager
async def open_connection(url: str, name: str) -> AsyncIterator[Connection]:
    """Connect, trying until a server answers; close in order at the end.

    When the server ends, the client goes on to another one: of those in `url`, and of those that the cluster
    names.

    Args:
        url: `nats://[user:password@]host:port`, several servers of one cluster separated by commas.
        name: Shown in the server's list of connections.
    """
    client = Client()
    connection = Connection(client)
    complaints = _Complaints()

    async def complain(error: Exception) -> None:
        if client.is_connected and not _breaks(error):
            complaints.log(describe(error))
            return
        if not client.is_connected:
            _close_half_made(client)
        connection.outage.failed(describe(error))

    async def lost() -> None:
        if not client.is_closed:
            connection.outage.failed("the connection is lost")
        connection._broke()

    async def reconnected() -> None:
        connection.outage.ended()
        connection._reconnected()

    servers = parse_servers(url)
    try:
        await client.connect(
            servers.addresses,
            user=servers.user,
            password=servers.password,
            token=servers.token,
            name=name,
            max_reconnect_attempts=-1,
            reconnect_time_wait=_RECONNECT_WAIT,  # type: ignore[arg-type]  # any number will do
            connect_timeout=2,
            ping_interval=_PING_SECONDS,  # type: ignore[arg-type]  # any number will do
            max_outstanding_pings=2,
            pending_size=_BUFFER_BYTES,
            inbox_prefix=inbox_prefix(servers.user),
            error_cb=complain,
            disconnected_cb=lost,
            reconnected_cb=reconnected,
        )
    except asyncio.CancelledError:
        await client.close()  # it may hold a half-made connection
        raise
    connection.outage.ended()
    if connection.is_clustered:
        client.options["ping_interval"] = _PING_SECONDS_IN_CLUSTER
    try:
        yield connection
    finally:
        await _close(client)


def _breaks(error: Exception) -> bool:
    """Whether the connection ends with this error, which the client reports a moment before it says so."""
    if isinstance(error, TimeoutError):  # an OSError, and only an answer that did not come
        return False
    return isinstance(error, nats.errors.UnexpectedEOF | OSError)


class _Complaints:
    """Errors that the server reports on a connection that stays: each text is logged once a minute."""

    def __init__(self) -> None:
        self._logged_at: dict[str, float] = {}

    def log(self, text: str) -> None:
        now = time.monotonic()
        if now - self._logged_at.get(text, float("-inf")) < REMIND_SECONDS:
            return
        if len(self._logged_at) >= _MOST_COMPLAINTS:
            self._logged_at.clear()
        self._logged_at[text] = now
        logger.warning("nats reports an error", error=text)


def inbox_prefix(user: str | None) -> str:
    """First word of the subjects on which a client of this user takes replies.

    Any client may read `_INBOX.>`, a program that only follows events included. The users of
    deploy/nats/nats-server.conf have inboxes that no other user may read.
    """
    return f"_INBOX_{user}" if user in _USERS_WITH_AN_INBOX else DEFAULT_INBOX_PREFIX.decode()


async def _close(client: Client) -> None:
    try:
        if client.is_connected:
            await asyncio.wait_for(client.flush(2), timeout=3)
    except (nats.errors.Error, TimeoutError, OSError) as error:
        logger.warning("nats connection closed unflushed", error=describe(error))
    finally:
        if not client.is_connected:
            _forget_unsent(client)  # close() would write it to the broken connection, and fail half done
        await client.close()


def _forget_unsent(client: Client) -> None:
    client._pending.clear()
    client._pending_data_size = 0


def _close_half_made(client: Client) -> None:
    """Close what a failed try to reconnect has opened: the client only forgets it."""
    if client._transport is not None:
        client._transport.close()  # type: ignore[no-untyped-call]  # the library leaves it unannotated


def is_stream_missing(error: BaseException | None) -> bool:
    """Whether an error of the client, or what caused it, means that a stream or bucket does not exist."""
    while error is not None:
        if isinstance(
            error,
            nats.errors.NoRespondersError | js_errors.BucketNotFoundError | js_errors.NoStreamResponseError,
        ):
            return True
        if isinstance(error, js_errors.APIError) and error.err_code == STREAM_NOT_FOUND:
            return True
        error = error.__cause__ or error.__context__
    return False


def describe(error: BaseException) -> str:
    """A short reason: the error's own words, or its kind when it has none."""
    return str(error) or type(error).__name__
