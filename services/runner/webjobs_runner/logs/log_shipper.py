"""Ships what log files hold to the stream of logs, so that a log outlives its runner."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus, PublishPipeline, stream_state
from webjobs_rules.log_format import LineCount, LogChunk

from webjobs_runner.log import logger
from webjobs_runner.logs.answer_watch import AnswerWatch
from webjobs_runner.logs.delayed_files import DelayedFiles
from webjobs_runner.logs.log_file import LogFile

_CHUNK_BYTES = 64 * 1024  # the api holds two of them for each reader
_WINDOW_BYTES = 4 * 1024 * 1024  # sent and not yet acknowledged
_GATHER_SECONDS = 0.2  # after the first line of a log: the log of a short run is one chunk
_PAUSE_SECONDS = 0.02  # after a file has grown: a busy script's small writes travel together
# Sent between two pauses. What scripts write faster waits in its file: capturing it goes before shipping it.
_ROUND_BYTES = 1024 * 1024
_ANSWER_TIMEOUT = 5.0  # seconds
_HELD_SECONDS = 1.0  # between questions whether shipping may go on
_RECENT_SECONDS = 10.0  # within which a stream that was replaced is noticed


@dataclass(frozen=True, slots=True)
class _Chunk:
    file: LogFile
    end: int  # offset
    count: LineCount  # of the lines before the end
    size: int
    stored: "asyncio.Future[int]"


class LogShipper:
    """Takes note of files that grew, and publishes their bytes in order, each file for itself.

    While NATS is away the files keep what is to be shipped; afterwards shipping goes on where it stood.
    A new log gathers its first chunk for a moment. While scripts write, shipping pauses between rounds.
    Neither delays a caller that waits for the end of a log.

    Args:
        bus: To NATS.
        may_ship: False while nothing is to be shipped; asked again every second.
    """

    def __init__(self, bus: Bus, may_ship: Callable[[], bool] = lambda: True) -> None:
        self._bus = bus
        self._may_ship = may_ship
        self._is_held = False
        self._outage = bus.connection.outage_of("shipping of logs")
        self._unfinished: dict[LogFile, None] = {}  # something of them is not stored yet
        self._unsent: dict[LogFile, None] = {}  # something of them is to be sent now; served in turn
        self._new = DelayedFiles(_GATHER_SECONDS, self._send_soon)
        self._recent = DelayedFiles(_RECENT_SECONDS, _forget)  # all of them was stored
        self._in_flight: deque[_Chunk] = deque()
        self._in_flight_bytes = 0
        self._waiters: dict[LogFile, list[asyncio.Future[bool]]] = {}
        self._oversized: dict[LogFile, None] = {}  # the stream has more of them than it has to keep
        self._grown_at = 0.0  # time of the loop
        self._stream = ""  # when the stream of logs was made, as far as known
        self._is_replaced = False
        self._wake = asyncio.Event()
        self._urgent = asyncio.Event()
        self._answers = AnswerWatch(_ANSWER_TIMEOUT, self._wake.set)

    def note(self, file: LogFile) -> None:
        """Say that a file has grown."""
        self._adopt(file)
        self._unfinished[file] = None
        if file.sent == 0 and file not in self._unsent and file not in self._waiters:
            self._new.add(file)
        if not self._gathers(file):
            self._send_soon(file)

    def _gathers(self, file: LogFile) -> bool:
        """Whether what is unsent of a new log waits for more, to travel as one chunk."""
        return file in self._new and file.end - file.sent < _CHUNK_BYTES

    def _send_soon(self, file: LogFile) -> None:
        self._unsent[file] = None
        self._grown_at = asyncio.get_running_loop().time()
        self._wake.set()

    async def shipped(self, file: LogFile, timeout: float | None) -> bool:
        """Ship a file now and wait until all of it is stored; False when that took too long."""
        self._adopt(file)
        if file.is_shipped:
            return True
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        give_up = loop.call_later(timeout, _resolve, waiter, False) if timeout is not None else None
        self._waiters.setdefault(file, []).append(waiter)
        self._new.discard(file)
        self._unfinished[file] = self._unsent[file] = None
        self._wake.set()
        self._urgent.set()
        try:
            return await waiter
        finally:
            if give_up is not None:
                give_up.cancel()
            self._remove_waiter(file, waiter)

    def _remove_waiter(self, file: LogFile, waiter: "asyncio.Future[bool]") -> None:
        """A caller that waits no more makes nothing urgent."""
        waiters = self._waiters.get(file, [])
        if waiter in waiters:
            waiters.remove(waiter)
            if not waiters:
                del self._waiters[file]

    def discard(self, file: LogFile) -> None:
        """Ship no more of a file, and remove what is in it."""
        file.discard()
        for noted in (self._unfinished, self._unsent, self._oversized):
            noted.pop(file, None)
        self._new.discard(file)

    async def run(self) -> None:
        """Ship until cancelled."""
        unhook = self._bus.streams.on_replaced(self._bus.subjects.logs_stream, self._replaced)
        try:
            await self._outage.retry(self._ship_unacknowledged)
        finally:
            for timed in (self._new, self._recent, self._answers):
                timed.close()
            unhook()

    async def _ship_unacknowledged(self) -> None:
        self._begin_again()
        await self._read_stream()  # a chunk in a new stream must not be the first
        async with self._bus.pipeline() as pipeline:
            await self._ship(pipeline)

    def close_all(self) -> None:
        """Close every file that is still waiting; what is unshipped is found again at the next start."""
        for file in self._unfinished:
            file.close()

    async def _read_stream(self) -> None:
        """Find out which stream of logs there is; into another one than before, logs are shipped again.

        Until that was noticed, parts of some logs may have come into it that must not be the first.
        """
        stream = self._bus.subjects.logs_stream
        created_at = (await stream_state(self._bus, stream)).created_at.isoformat()
        touched = [*self._unfinished, *(file for file in self._recent if file not in self._unfinished)]
        if self._stream and self._stream != created_at:
            for subject in {file.subject for file in touched}:
                await self._bus.purge_subject(stream, subject)
        self._stream, self._is_replaced = created_at, False
        for file in touched:
            self._adopt(file)
            if not file.is_shipped:
                self.note(file)

    def _adopt(self, file: LogFile) -> None:
        """Ship a file from its beginning if the stream that has its bytes was replaced by another one."""
        if self._stream and file.stream != self._stream:
            if file.stream:
                file.ship_again()
            file.stream = self._stream

    def _replaced(self) -> None:
        self._is_replaced = True
        self._wake.set()

    async def _ship(self, pipeline: PublishPipeline) -> None:
        while True:
            self._wake.clear()
            if self._is_replaced:
                raise BusUnavailable("shipping logs", "their stream was replaced by an empty one")
            self._is_held = bool(self._unsent) and not self._may_ship()
            if not self._is_held:
                await self._send_round(pipeline)
            if not self._settle() and not self._can_send:
                await self._wait()
            if self._oversized:
                await self._remove_old_chunks()
            if not self._waiters:
                await self._pause()

    @property
    def _can_send(self) -> bool:
        return bool(self._unsent) and not self._is_held and self._in_flight_bytes < _WINDOW_BYTES

    async def _send_round(self, pipeline: PublishPipeline) -> None:
        """One chunk of each file that has unsent bytes, as round and window allow."""
        full_at = min(self._in_flight_bytes + _ROUND_BYTES, _WINDOW_BYTES)
        for file in list(self._unsent):
            if self._in_flight_bytes >= full_at:
                return
            del self._unsent[file]
            chunk = self._read(file)
            if chunk is None:
                self._rest_if_done(file)
                continue
            if file.sent < file.end and not self._gathers(file):
                self._unsent[file] = None
            count, size = file.sent_count, len(chunk.data)
            future = await pipeline.send(file.subject, chunk.data, file.headers(chunk))
            future.add_done_callback(self._answered)
            self._answers.expect()
            self._in_flight.append(_Chunk(file, chunk.end, count, size, future))
            self._in_flight_bytes += size

    def _read(self, file: LogFile) -> LogChunk | None:
        try:
            chunk = file.read_unsent(_CHUNK_BYTES)
        except OSError as error:
            logger.error("log cannot be read; a part of it is not shipped", file=file.name, error=str(error))
            file.give_up()
            return None
        return chunk if chunk.data else None

    def _answered(self, future: "asyncio.Future[int]") -> None:
        if not future.cancelled():
            future.exception()  # looked at in order by _settle; here only marked as seen
        self._wake.set()

    def _settle(self) -> bool:
        has_settled = False
        while self._in_flight and self._in_flight[0].stored.done():
            chunk = self._in_flight.popleft()
            self._in_flight_bytes -= chunk.size
            chunk.file.sequence = chunk.stored.result()
            chunk.file.acknowledge(chunk.end, chunk.count)
            if chunk.file.marks and chunk.file.sequence_to_remove():
                self._oversized[chunk.file] = None
            self._rest_if_done(chunk.file)
            has_settled = True
            self._outage.ended()
        if has_settled:
            self._answers.came(more=bool(self._in_flight))
        return has_settled

    async def _remove_old_chunks(self) -> None:
        stream = self._bus.subjects.logs_stream
        for file in list(self._oversized):
            sequence = file.sequence_to_remove()
            if sequence:
                await self._bus.purge_subject(stream, file.subject, until=sequence)
                file.removed(sequence)
            del self._oversized[file]

    def _rest_if_done(self, file: LogFile) -> None:
        if not file.is_shipped:
            return
        self._unfinished.pop(file, None)
        self._recent.discard(file)
        self._recent.add(file)
        file.rest()
        for waiter in self._waiters.pop(file, ()):
            _resolve(waiter, True)

    async def _wait(self) -> None:
        """Wait until an acknowledgement comes or a file grows."""
        if self._is_held and not self._in_flight:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_HELD_SECONDS):
                    await self._wake.wait()
            return
        await self._wake.wait()
        if self._answers.is_overdue:
            raise BusUnavailable("shipping logs", "no acknowledgement came")

    async def _pause(self) -> None:
        """Rest for a moment if a file has just grown, until a caller waits for the end of a log."""
        if asyncio.get_running_loop().time() - self._grown_at > _PAUSE_SECONDS:
            return
        self._urgent.clear()
        try:
            async with asyncio.timeout(_PAUSE_SECONDS):
                await self._urgent.wait()
        except TimeoutError:
            return

    def _begin_again(self) -> None:
        self._in_flight.clear()
        self._in_flight_bytes = 0
        self._answers.reset()
        self._new.clear()
        for file in self._unfinished:
            file.send_again()
            self._unsent[file] = None


def _resolve(waiter: "asyncio.Future[bool]", result: bool) -> None:
    if not waiter.done():
        waiter.set_result(result)


def _forget(_file: LogFile) -> None:
    """Nothing remains to be done with a log that was shipped a while ago."""
