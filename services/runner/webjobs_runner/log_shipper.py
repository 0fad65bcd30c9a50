"""Ships what log files hold to the stream of logs, so that a log outlives its runner."""

import asyncio
from collections import deque

from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream import Bus, PublishPipeline

from webjobs_runner.log import logger
from webjobs_runner.log_file import LogFile

_CHUNK_BYTES = 256 * 1024
_WINDOW_BYTES = 4 * 1024 * 1024  # sent and not yet acknowledged
_GATHER_SECONDS = 0.02  # a busy script's small writes travel together
_ANSWER_TIMEOUT = 5.0  # seconds
_RETRY_DELAY = 0.25  # seconds


class LogShipper:
    """Takes note of files that grew, and publishes their bytes in order, each file for itself.

    While NATS is away the files keep what is to be shipped; afterwards shipping goes on where it stood.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._unshipped: dict[LogFile, None] = {}  # in the order in which they are served
        self._in_flight: deque[tuple[LogFile, int, asyncio.Future[int]]] = deque()
        self._in_flight_bytes = 0
        self._waiters: dict[LogFile, asyncio.Future[None]] = {}
        self._wake = asyncio.Event()
        self._urgent = asyncio.Event()

    def note(self, file: LogFile) -> None:
        """Say that a file has grown."""
        self._unshipped[file] = None
        self._wake.set()

    async def shipped(self, file: LogFile, timeout: float) -> bool:
        """Ship a file now and wait until all of it is stored; False when that took too long."""
        if file.shipped == file.end:
            return True
        waiter = self._waiters.get(file)
        if waiter is None:
            waiter = self._waiters[file] = asyncio.get_running_loop().create_future()
        self.note(file)
        self._urgent.set()
        try:
            async with asyncio.timeout(timeout):
                await asyncio.shield(waiter)
        except TimeoutError:
            return False
        return True

    def is_shipped(self, file: LogFile) -> bool:
        """Whether all of a file is stored in the stream."""
        return file.shipped == file.end

    async def run(self) -> None:
        """Ship until cancelled."""
        async with self._bus.pipeline() as pipeline:
            while True:
                try:
                    await self._ship(pipeline)
                except BusUnavailable as error:
                    logger.debug("logs wait for nats", files=len(self._unshipped), error=str(error))
                    self._begin_again()
                    await asyncio.sleep(_RETRY_DELAY)

    def close_all(self) -> None:
        """Close every file that is still waiting; what is unshipped is found again at the next start."""
        for file in self._unshipped:
            file.close()

    async def _ship(self, pipeline: PublishPipeline) -> None:
        while True:
            self._wake.clear()
            sent = await self._send_some(pipeline)
            settled = self._settle()
            if sent or settled:
                continue
            await self._wait()

    async def _send_some(self, pipeline: PublishPipeline) -> bool:
        """One chunk of each file that has unsent bytes, as the window allows."""
        sent = False
        for file in list(self._unshipped):
            if self._in_flight_bytes >= _WINDOW_BYTES:
                break
            if file.sent == file.end:
                self._rest_if_done(file)
                continue
            start, data = file.read_unsent(_CHUNK_BYTES)
            if not data:
                self._rest_if_done(file)
                continue
            future = await pipeline.send(file.subject, data, file.headers(start, len(data)))
            future.add_done_callback(self._answered)
            self._in_flight.append((file, start + len(data), future))
            self._in_flight_bytes += len(data)
            sent = True
        return sent

    def _answered(self, future: "asyncio.Future[int]") -> None:
        if not future.cancelled():
            future.exception()  # looked at in order by _settle; here only marked as seen
        self._wake.set()

    def _settle(self) -> bool:
        settled = False
        while self._in_flight and self._in_flight[0][2].done():
            file, end, future = self._in_flight.popleft()
            future.result()
            self._in_flight_bytes -= end - file.shipped
            file.shipped = end
            self._rest_if_done(file)
            settled = True
        return settled

    def _rest_if_done(self, file: LogFile) -> None:
        if file.shipped < file.end:
            return
        self._unshipped.pop(file, None)
        file.rest()
        waiter = self._waiters.pop(file, None)
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def _wait(self) -> None:
        if self._in_flight:
            try:
                async with asyncio.timeout(_ANSWER_TIMEOUT):
                    await self._wake.wait()
            except TimeoutError as error:
                raise BusUnavailable("shipping logs", "no acknowledgement came") from error
            return
        await self._wake.wait()
        if not self._waiters:
            # Small writes gather for a moment, unless somebody comes to wait for the end of a log.
            self._urgent.clear()
            try:
                async with asyncio.timeout(_GATHER_SECONDS):
                    await self._urgent.wait()
            except TimeoutError:
                return

    def _begin_again(self) -> None:
        self._in_flight.clear()
        self._in_flight_bytes = 0
        for file in self._unshipped:
            file.sent = file.shipped
