"""The newest messages of a stream, read from NATS once for all who follow them."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Any

import structlog
from webjobs_events.jetstream import Bus, StreamMessage, StreamReader, stream_state
from webjobs_service.lifetime import cancel_all

log = structlog.stdlib.get_logger(__name__)

_KEPT_MESSAGES = 2000
_KEPT_BYTES = 4 * 1024 * 1024
_ALL_KEPT_BYTES = 12 * 1024 * 1024  # of all tails together
_BATCH = 64  # messages handed to a follower at once
_BATCH_BYTES = 64 * 1024  # of them, unless one alone is larger
_WINDOW = 64  # messages asked for ahead
_WINDOW_BYTES = 68 * 1024  # of them


class StreamTail:
    """Reads what a stream takes from now on, and keeps the newest of it."""

    def __init__(
        self, bus: Bus, stream: str, subject: str, kept_bytes: Callable[[], int] = lambda: _KEPT_BYTES
    ) -> None:
        self._bus = bus
        self._most_kept_bytes = kept_bytes
        self._stream = stream
        self._subject = subject
        self._kept: deque[StreamMessage] = deque()
        self._kept_bytes = 0
        self._task: asyncio.Task[None] | None = None
        self.first = 1
        """Everything from this sequence up to `last` is kept."""
        self.last = 0
        self.news = asyncio.Event()
        """Set at the next change, and then replaced by another one."""
        self.has_ended = False
        self.beginnings = 1
        """Grows when the stream lost messages that were sent: its followers start over."""

    async def start(self) -> None:
        """Begin after the last message of now.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        self.last = await self._bus.last_sequence(self._stream)
        self.first = self.last + 1
        self._task = asyncio.create_task(self._read(), name=f"tail of {self._subject}")

    async def stop(self) -> None:
        """Let all followers end."""
        self.end()
        await cancel_all(self._task)

    def end(self) -> None:
        """Notify the followers that the tail has ended."""
        self.has_ended = True
        self._announce()

    def after(self, position: int) -> list[StreamMessage]:
        """The oldest of the messages that are kept and come after a position."""
        newer: list[StreamMessage] = []
        for message in reversed(self._kept):
            if message.sequence <= position:
                break
            newer.append(message)
        found: list[StreamMessage] = []
        size = 0
        for message in reversed(newer[-_BATCH:]):
            size += len(message.data)
            if found and size > _BATCH_BYTES:
                break
            found.append(message)
        return found

    async def _read(self) -> None:
        reader = self._bus.read_stream(
            self._stream,
            [self._subject],
            start_sequence=self.last + 1,
            window=_WINDOW,
            window_bytes=_WINDOW_BYTES,
        )
        try:
            async with reader, contextlib.aclosing(reader.batches(max_messages=_BATCH)) as batches:
                async for batch in batches:
                    for message in batch:
                        self._keep(message)
                    self._announce()
        except Exception:  # the followers must get it, whatever it is
            log.exception("the tail of a stream ended", stream=self._stream, subject=self._subject)
        finally:
            self.end()

    def _keep(self, message: StreamMessage) -> None:
        if message.sequence <= self.last:
            self._kept.clear()
            self._kept_bytes = 0
            self.first = message.sequence
            self.beginnings += 1
        self._kept.append(message)
        self._kept_bytes += len(message.data)
        self.last = message.sequence
        self.shrink()

    def shrink(self) -> None:
        """Keep no more than is allowed."""
        most_bytes = self._most_kept_bytes()
        while len(self._kept) > _KEPT_MESSAGES or (self._kept_bytes > most_bytes and len(self._kept) > 1):
            dropped = self._kept.popleft()
            self._kept_bytes -= len(dropped.data)
            self.first = dropped.sequence + 1

    def _announce(self) -> None:
        news, self.news = self.news, asyncio.Event()
        news.set()


class Follower:
    """One reader's way through a stream: by a reader of its own until it has caught up with the tail.

    A follower holds a few messages at most, however slow its client is: one that falls behind what the tail
    keeps reads from NATS again what it missed.
    """

    def __init__(
        self, bus: Bus, stream: str, tail: StreamTail, filters: Sequence[str], position: int
    ) -> None:
        self._bus = bus
        self._stream = stream
        self._tail = tail
        self._filters = filters
        self._reader: StreamReader | None = None
        self._batches: AsyncGenerator[list[StreamMessage], None] | None = None
        self._arrival: asyncio.Future[list[StreamMessage]] | None = None
        self._target = 0
        self._beginnings = tail.beginnings
        self.position = position
        """Sequence up to which everything was handed out."""
        self.lost_until = 0
        """Nothing up to this sequence is left in the stream, though the reader asked for it; 0: all is."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self._tail.has_ended

    async def next(self, timeout: float | None = None) -> list[StreamMessage]:
        """Some messages in order, or none when there were none within `timeout` seconds, or at the end."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout if timeout is not None else None
        while not self._tail.has_ended:
            news = self._tail.news
            if self._reader is not None:
                batch = await self._read_on(deadline)
            elif self._is_near:
                batch = self._from_tail()
                if not batch:
                    try:
                        async with asyncio.timeout_at(deadline):
                            await news.wait()
                    except TimeoutError:
                        return []
                    continue
            else:
                self._catch_up()
                continue
            if batch or (deadline is not None and loop.time() >= deadline):
                return batch
        return []

    async def close(self) -> None:
        """Read no more."""
        arrival, self._arrival = self._arrival, None
        await cancel_all(arrival)
        if self._batches is not None:
            await self._batches.aclose()
        if self._reader is not None:
            await self._reader.close()
        self._reader = self._batches = None

    @property
    def _is_near(self) -> bool:
        """Whether the tail keeps all that comes next."""
        if self._beginnings != self._tail.beginnings:
            self._beginnings, self.position = self._tail.beginnings, self._tail.first - 1
        return self.position + 1 >= self._tail.first

    def _from_tail(self) -> list[StreamMessage]:
        batch = self._tail.after(self.position)
        if batch:
            self.position = batch[-1].sequence
        return batch

    def _catch_up(self) -> None:
        self._target = self._tail.last
        self._reader = self._bus.read_stream(
            self._stream,
            self._filters,
            start_sequence=self.position + 1,
            window=_WINDOW,
            window_bytes=_WINDOW_BYTES,
        )
        self._batches = self._reader.batches(max_messages=_BATCH)

    async def _read_on(self, deadline: float | None) -> list[StreamMessage]:
        assert self._reader is not None and self._batches is not None
        loop = asyncio.get_running_loop()
        self._arrival = self._arrival or asyncio.ensure_future(anext(self._batches))
        signs = (self._reader.caught_up, self._tail.news)
        waiting: set[asyncio.Future[Any]] = {loop.create_task(sign.wait()) for sign in signs}
        try:
            await asyncio.wait(
                {self._arrival} | waiting,
                timeout=max(0.0, deadline - loop.time()) if deadline is not None else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            for task in waiting:
                task.cancel()
        if self._arrival.done():
            batch, self._arrival = self._arrival.result(), None
            self.position = batch[-1].sequence
            if self.position + 1 >= self._tail.first:
                await self.close()
            return batch
        if self._reader.caught_up.is_set():  # nothing that passes the filters was left up to there
            await self.close()
            self.position = max(self.position, self._target)
        return []


class Tails:
    """An async context manager: the tails that have followers at the moment, each once."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._tails: dict[tuple[str, str], StreamTail] = {}
        self._followers: dict[StreamTail, int] = {}
        self._starting = asyncio.Lock()
        self.closing = asyncio.Event()
        """Set when all followers have to end: the service stops."""

    async def __aenter__(self) -> "Tails":
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.end()
        await asyncio.gather(*(tail.stop() for tail in self._followers))

    def end(self) -> None:
        """Let every follower end."""
        self.closing.set()
        for tail in self._followers:
            tail.end()

    @contextlib.asynccontextmanager
    async def follow(
        self, stream: str, subject: str, *, after: int | None = None, filters: Sequence[str] = ()
    ) -> AsyncIterator[Follower]:
        """A follower of a stream.

        Args:
            stream: To be followed.
            subject: Of what is read for all who follow it.
            after: Sequence after which to begin; None: from now on.
            filters: What is read of the past only; the follower sees more than that later on.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        tail = await self._joined(stream, subject)
        try:
            # Asked for, because the tail may not know yet of what is stored already.
            state = await stream_state(self._bus, stream)
            position = state.last if after is None else after if after <= state.last else 0
            follower = Follower(self._bus, stream, tail, list(filters) or [subject], position)
            follower.lost_until = state.first - 1 if 0 < position < state.first - 1 else 0
            try:
                yield follower
            finally:
                await follower.close()
        finally:
            await self._leave(stream, subject, tail)

    def _kept_bytes_of_each(self) -> int:
        return min(_KEPT_BYTES, _ALL_KEPT_BYTES // max(1, len(self._followers)))

    async def _joined(self, stream: str, subject: str) -> StreamTail:
        async with self._starting:
            tail = self._tails.get((stream, subject))
            if tail is None or tail.has_ended:
                tail = StreamTail(self._bus, stream, subject, self._kept_bytes_of_each)
                await tail.start()
                self._tails[stream, subject] = tail
                self._followers[tail] = 0
                for each in self._followers:
                    each.shrink()
            self._followers[tail] += 1
            if self.closing.is_set():
                tail.end()
            return tail

    async def _leave(self, stream: str, subject: str, tail: StreamTail) -> None:
        self._followers[tail] -= 1
        if self._followers[tail]:
            return
        del self._followers[tail]
        if self._tails.get((stream, subject)) is tail:
            del self._tails[stream, subject]
        await tail.stop()
