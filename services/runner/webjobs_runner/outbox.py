"""Events on their way out: written to disk first, published in order, again and again until stored."""

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import msgspec
from webjobs_events.envelope import NO_CAUSE, Cause, encode_event
from webjobs_events.errors import BusUnavailable
from webjobs_events.events import Event
from webjobs_events.jetstream import Bus, PublishPipeline
from webjobs_rules.status import TERMINAL_STATUSES

from webjobs_runner.journal import Journal
from webjobs_runner.log import logger

_WINDOW = 256  # events published and not yet acknowledged
_GATHER_SECONDS = 0.01  # events of a moment travel together, and leave a script that starts its processor
_MOST_FILTERS = 32  # for more jobs than that the whole stream is read
_ENDS = frozenset(status.value for status in TERMINAL_STATUSES)


class OutboxRecord(msgspec.Struct, frozen=True, array_like=True):
    """An event as it is published; `after` is a sequence that the stream had reached before."""

    subject: str
    headers: dict[str, str]
    body: str
    after: int = 0


@dataclass(slots=True)
class _Entry:
    record: OutboxRecord
    size: int  # bytes in the journal
    stored: "asyncio.Future[int]"
    is_sent: bool = False  # at least once, so the stream may have it


class Outbox:
    """An async context manager over one journal file.

    `add` puts an event into the journal before anything else happens, so a kill at any moment loses
    none; `run` publishes them in the order of `add`, each until the stream has acknowledged it. After
    a broken connection, and at start, it reads in the stream which of them are there already, so that a
    subscriber sees each once however long the outage was.
    """

    def __init__(self, bus: Bus, journal: Path) -> None:
        self._bus = bus
        self._outage = bus.connection.outage_of("publishing of events")
        self._journal = Journal(journal, "events", OutboxRecord)
        self._entries: deque[_Entry] = deque()
        self._in_flight: deque[asyncio.Future[int]] = deque()  # of the first entries
        self._reached = 0  # sequence that the stream had when it last answered
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()

    async def __aenter__(self) -> "Outbox":
        loop = asyncio.get_running_loop()
        for record, size in self._journal.open():
            self._entries.append(_Entry(record, size, loop.create_future(), is_sent=True))
        try:
            self._reached = await self._bus.last_sequence(self._bus.subjects.events_stream)
        except BusUnavailable as error:
            logger.debug("position of events unknown; all of them are read if need be", error=str(error))
        self._unhook = self._bus.streams.on_replaced(self._bus.subjects.events_stream, self._forget_position)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unhook()
        for entry in self._entries:
            entry.stored.cancel()
        self._journal.close()

    @property
    def reached(self) -> int:
        """A sequence that the stream of events has by now; what is added from here on comes behind it."""
        return self._reached

    @property
    def waiting(self) -> int:
        """Events not yet acknowledged by the stream."""
        return len(self._entries)

    def add(self, event: Event, cause: Cause = NO_CAUSE, *, may_wait: bool = False) -> "asyncio.Future[int]":
        """Take an event; from now on nothing but the loss of the disk can lose it.

        Args:
            event: What has happened.
            cause: What led to it.
            may_wait: Publish it a moment later, with those that follow, unless `hurry` is called.

        Returns:
            The event's sequence in the stream, once it is stored there. To be shielded when awaited.
        """
        headers, body = encode_event(event, cause)
        record = OutboxRecord(event.subject(self._bus.subjects), headers, body.decode(), self._reached)
        size = self._journal.append(record)
        entry = _Entry(record, size, asyncio.get_running_loop().create_future())
        self._entries.append(entry)
        self._wake.set()
        if not may_wait:
            self.hurry()
        return entry.stored

    def hurry(self) -> None:
        """Publish at once what was added."""
        if len(self._in_flight) < len(self._entries):
            self._hurry.set()

    async def drained(self, timeout: float | None = None) -> bool:
        """Wait until everything is stored; False when `timeout` seconds were not enough."""
        try:
            async with asyncio.timeout(timeout):
                while self._entries:
                    self.hurry()
                    await asyncio.shield(self._entries[-1].stored)
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Publish until cancelled."""
        await self._outage.retry(self._ship_unacknowledged)

    async def _ship_unacknowledged(self) -> None:
        self._in_flight.clear()
        await self._drop_stored()
        async with self._bus.pipeline() as pipeline:
            await self._ship(pipeline)

    async def _ship(self, pipeline: PublishPipeline) -> None:
        while True:
            self._wake.clear()
            if len(self._in_flight) < len(self._entries):
                await self._gather()
            while len(self._in_flight) < min(len(self._entries), _WINDOW):
                entry = self._entries[len(self._in_flight)]
                entry.is_sent = True
                record = entry.record
                future = await pipeline.send(record.subject, record.body.encode(), record.headers)
                future.add_done_callback(self._answered)
                self._in_flight.append(future)
            has_settled = False
            while self._in_flight and self._in_flight[0].done():
                sequence = self._in_flight.popleft().result()
                self._reached = max(self._reached, sequence)
                self._settle(self._entries.popleft(), sequence)
                has_settled = True
                self._outage.ended()
            if not has_settled:
                await self._wait(pipeline.answer_timeout)

    async def _gather(self) -> None:
        try:
            async with asyncio.timeout(_GATHER_SECONDS):
                await self._hurry.wait()
        except TimeoutError:
            return
        self._hurry.clear()

    def _answered(self, future: "asyncio.Future[int]") -> None:
        if not future.cancelled():
            future.exception()  # looked at in order by _ship; here only marked as seen
        self._wake.set()

    async def _wait(self, answer_timeout: float) -> None:
        if not self._in_flight:
            await self._wake.wait()
            return
        try:
            async with asyncio.timeout(answer_timeout):
                await self._wake.wait()
        except TimeoutError as error:
            raise BusUnavailable("publishing events", "no acknowledgement came") from error

    async def _known_to_be_before(self, entries: list[_Entry]) -> int:
        """A sequence behind which all of these come, if the stream has them; 0 in a new stream."""
        after = min(entry.record.after for entry in entries)
        return after if after <= await self._bus.last_sequence(self._bus.subjects.events_stream) else 0

    def _forget_position(self) -> None:
        """The stream was replaced by another one, which gives its sequences again."""
        self._reached = 0
        for entry in self._entries:
            entry.record = msgspec.structs.replace(entry.record, after=0)

    def _settle(self, entry: _Entry, sequence: int) -> None:
        if not entry.stored.done():
            entry.stored.set_result(sequence)
        self._journal.settled(entry.size)
        if not self._entries:
            self._journal.clear()
        elif self._journal.is_wasteful:
            sizes = self._journal.rewrite([entry.record for entry in self._entries])
            for waiting, size in zip(self._entries, sizes, strict=True):
                waiting.size = size

    async def _drop_stored(self) -> None:
        """Settle what the stream has already, and steps of runs that another runner has ended meanwhile.

        Read from the place that the stream had reached when the oldest of them was added.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        doubtful = [entry for entry in self._entries if entry.is_sent]
        if not doubtful:
            return
        found: dict[str, int] = {}
        ended: dict[str, int] = {}
        filters = {entry.record.subject.rpartition(".")[0] + ".*" for entry in doubtful}
        async with contextlib.aclosing(
            self._bus.stored(
                self._bus.subjects.events_stream,
                sorted(filters) if len(filters) <= _MOST_FILTERS else [],
                start_sequence=await self._known_to_be_before(doubtful) + 1,
            )
        ) as batches:
            async for batch in batches:
                for message in batch:
                    found[message.headers.get("ce-id", "")] = message.sequence
                    if message.subject.rpartition(".")[2] in _ENDS:
                        ended[message.headers.get("ce-subject", "")] = message.sequence
        stored: list[tuple[_Entry, int]] = []
        waiting: deque[_Entry] = deque()
        for entry in self._entries:
            headers = entry.record.headers
            sequence = found.get(headers["ce-id"]) or ended.get(headers["ce-subject"])
            if sequence is None:
                entry.is_sent = False
                waiting.append(entry)
            else:
                stored.append((entry, sequence))
        self._entries = waiting
        for entry, sequence in stored:
            self._settle(entry, sequence)
        logger.info("events looked up in the stream", stored=len(stored), waiting=len(waiting))
