"""Events on their way out: written to disk first, published in order, again and again until stored."""

import asyncio
import os
from collections import deque
from pathlib import Path
from types import TracebackType

import msgspec
from webjobs_events.envelope import NO_CAUSE, Cause, encode_event
from webjobs_events.errors import BusUnavailable
from webjobs_events.events import Event
from webjobs_events.jetstream import Bus, PublishPipeline

from webjobs_runner.log import logger

_WINDOW = 256  # events published and not yet acknowledged
_ANSWER_TIMEOUT = 5.0  # seconds without any acknowledgement, after which the window is sent again
_RETRY_DELAY = 0.25  # seconds
_COMPACT_BYTES = 4 * 1024 * 1024


class OutboxRecord(msgspec.Struct, frozen=True, array_like=True):
    """An event as it is published."""

    subject: str
    headers: dict[str, str]
    body: str

    @property
    def event_id(self) -> str:
        """The event's id."""
        return self.headers["ce-id"]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(OutboxRecord)


class Outbox:
    """An async context manager over one journal file.

    `add` puts an event into the journal before anything else happens, so a kill at any moment loses
    none; `run` publishes them in the order of `add`, each until the stream has acknowledged it. After
    a broken connection, and at start, it looks which of them the stream has already, so that a
    subscriber sees each once however long the outage was.
    """

    def __init__(self, bus: Bus, journal: Path) -> None:
        self._bus = bus
        self._path = journal
        self._file = -1
        self._size = 0
        self._records: deque[OutboxRecord] = deque()
        self._futures: deque[asyncio.Future[int]] = deque()
        self._waiters: dict[str, asyncio.Future[int]] = {}
        self._wake = asyncio.Event()
        self._unsure = False  # the oldest records may be stored already

    async def __aenter__(self) -> "Outbox":
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._records.extend(_read_journal(self._path))
        self._unsure = bool(self._records)
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._compact()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for future in self._waiters.values():
            future.cancel()
        os.close(self._file)

    @property
    def waiting(self) -> int:
        """Events not yet acknowledged by the stream."""
        return len(self._records)

    def add(self, event: Event, cause: Cause = NO_CAUSE) -> None:
        """Take an event; from now on nothing but the loss of the disk can lose it."""
        headers, body = encode_event(event, cause)
        self._append(OutboxRecord(event.subject(self._bus.subjects), headers, body.decode()))

    async def add_and_wait(self, event: Event, cause: Cause = NO_CAUSE) -> int:
        """Take an event and wait until the stream has it, however long; answers its sequence."""
        waiter: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiters[event.event_id] = waiter
        self.add(event, cause)
        return await waiter

    async def drained(self, timeout: float) -> bool:
        """Wait until everything is stored; answers False when `timeout` seconds were not enough."""
        try:
            async with asyncio.timeout(timeout):
                while self._records:
                    waiter = self._waiters.setdefault(
                        self._records[-1].event_id, asyncio.get_running_loop().create_future()
                    )
                    await asyncio.shield(waiter)
        except TimeoutError:
            return False
        return True

    def _append(self, record: OutboxRecord) -> None:
        line = _encoder.encode(record) + b"\n"
        os.write(self._file, line)
        self._size += len(line)
        self._records.append(record)
        self._wake.set()

    async def run(self) -> None:
        """Publish until cancelled."""
        async with self._bus.pipeline() as pipeline:
            while True:
                try:
                    if self._unsure:
                        await self._drop_stored()
                    await self._ship(pipeline)
                except BusUnavailable as error:
                    logger.debug("events wait for nats", waiting=len(self._records), error=str(error))
                    self._futures.clear()
                    self._unsure = True
                    await asyncio.sleep(_RETRY_DELAY)

    async def _ship(self, pipeline: PublishPipeline) -> None:
        while True:
            self._wake.clear()
            while len(self._futures) < min(len(self._records), _WINDOW):
                record = self._records[len(self._futures)]
                future = await pipeline.send(record.subject, record.body.encode(), record.headers)
                future.add_done_callback(self._answered)
                self._futures.append(future)
            settled = False
            while self._futures and self._futures[0].done():
                self._settle(self._futures.popleft().result())
                settled = True
            if not settled:
                await self._wait(bool(self._futures))

    def _answered(self, future: "asyncio.Future[int]") -> None:
        if not future.cancelled():
            future.exception()  # looked at in order by _ship; here only marked as seen
        self._wake.set()

    async def _wait(self, in_flight: bool) -> None:
        if not in_flight:
            await self._wake.wait()
            return
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT):
                await self._wake.wait()
        except TimeoutError as error:
            raise BusUnavailable("publishing events", "no acknowledgement came") from error

    def _settle(self, sequence: int) -> None:
        record = self._records.popleft()
        waiter = self._waiters.pop(record.event_id, None)
        if waiter is not None and not waiter.done():
            waiter.set_result(sequence)
        if not self._records or self._size > _COMPACT_BYTES:
            self._compact()

    async def _drop_stored(self) -> None:
        """Settle what the stream has: everything up to the last record that is the newest of its subject.

        Records are stored in order by one publisher, so if the stream has one, it has all before it.
        """
        last_index, last_sequence = -1, 0
        looked_at: dict[str, tuple[str, int]] = {}
        for index, record in enumerate(self._records):
            if record.subject not in looked_at:
                newest = await self._bus.last_message(self._bus.subjects.events_stream, record.subject)
                looked_at[record.subject] = (
                    (newest.headers.get("ce-id", ""), newest.sequence) if newest else ("", 0)
                )
            event_id, sequence = looked_at[record.subject]
            if event_id == record.event_id:
                last_index, last_sequence = index, sequence
        for _ in range(last_index + 1):
            self._settle(last_sequence)
        self._unsure = False

    def _compact(self) -> None:
        """Let the journal hold just what is not acknowledged."""
        if not self._records:
            os.ftruncate(self._file, 0)
            self._size = 0
            return
        content = b"".join(_encoder.encode(record) + b"\n" for record in self._records)
        if len(content) * 2 > self._size:
            return
        beside = self._path.with_suffix(".new")
        beside.write_bytes(content)
        beside.rename(self._path)
        os.close(self._file)
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self._size = len(content)


def _read_journal(path: Path) -> list[OutboxRecord]:
    """Records of a journal; a last line cut short by a kill was never added, and is dropped."""
    if not path.exists():
        return []
    records = []
    for line in path.read_bytes().splitlines():
        try:
            records.append(_decoder.decode(line))
        except msgspec.MsgspecError:
            logger.warning("unreadable line in the journal of events dropped", journal=str(path))
    return records
