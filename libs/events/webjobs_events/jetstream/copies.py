"""Streams as a whole: removed, and made again to take a copy. For a restore, while no service runs."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from nats.js import errors as js_errors

from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream.bus import Bus
from webjobs_events.jetstream.connection import open_connection
from webjobs_events.jetstream.pipeline import PublishPipeline
from webjobs_events.jetstream.stream_watch import StreamWatch
from webjobs_events.jetstream.streams import ensure_streams, stream_configs
from webjobs_events.subjects import Subjects

_PATIENCE = 30.0  # seconds from the connection to the first answer of JetStream
_WINDOW = 256  # messages on their way
_WINDOW_BYTES = 4 * 1024 * 1024


@asynccontextmanager
async def connect_alone(url: str, *, name: str, subjects: Subjects, replicas: int = 1) -> AsyncIterator[Bus]:
    """The bus for the one program that uses it: missing streams are made now, and not again later.

    Raises:
        BusUnavailable: The server's JetStream does not answer.
        ReplicasUnsupported: More than one replica is asked for, and the server is not part of a cluster.
    """
    async with open_connection(url, name) as connection:
        await ensure_streams(connection.js, subjects, replicas=replicas, patience=_PATIENCE)
        async with PublishPipeline(connection) as publisher:
            yield Bus(connection, publisher, StreamWatch(connection, subjects, replicas), subjects)


class StreamCopies:
    """Replaces all streams by empty ones, and fills them."""

    def __init__(self, bus: Bus, replicas: int = 1) -> None:
        self._bus = bus
        self._configs = stream_configs(bus.subjects, replicas)

    async def replace_all(self, first_event: int) -> None:
        """Remove every stream, bucket and object store with all it holds, and make empty ones.

        Args:
            first_event: Sequence that the first event gets.

        Raises:
            BusUnavailable: NATS does not answer, or the user may not do that.
        """
        connection = self._bus.connection
        for config in self._configs:
            async with connection.asking(f"making {config.name} again"):
                with suppress(js_errors.NotFoundError):
                    await connection.js.delete_stream(config.name or "")
                is_of_events = config.name == self._bus.subjects.events_stream
                await connection.js.add_stream(
                    replace(config, first_seq=first_event) if is_of_events and first_event > 1 else config
                )

    @asynccontextmanager
    async def filling(self) -> AsyncIterator["Filling"]:
        """Publish many messages; at the end of the body all of them are stored.

        Raises:
            StorageFull: JetStream has no space.
            BusUnavailable: NATS does not answer.
        """
        async with self._bus.pipeline() as pipeline:
            filling = Filling(pipeline)
            yield filling
            await filling.finish()


class Filling:
    """Messages on their way into streams, in order."""

    def __init__(self, pipeline: PublishPipeline) -> None:
        self._pipeline = pipeline
        self._waiting: deque[tuple[asyncio.Future[int], int]] = deque()
        self._bytes = 0
        self.last = 0
        """Sequence of the last message that is stored for certain."""

    async def publish(self, subject: str, data: bytes, headers: Mapping[str, str]) -> None:
        """Send a message; waits while too many are on their way."""
        self._waiting.append((await self._pipeline.send(subject, data, headers), len(data)))
        self._bytes += len(data)
        while len(self._waiting) > _WINDOW or self._bytes > _WINDOW_BYTES:
            await self._settle()

    async def finish(self) -> None:
        """Wait until all are stored."""
        while self._waiting:
            await self._settle()

    async def _settle(self) -> None:
        future, size = self._waiting.popleft()
        try:
            async with asyncio.timeout(self._pipeline.answer_timeout):
                self.last = await future
        except TimeoutError as error:
            raise BusUnavailable("publishing", "no answer in time") from error
        self._bytes -= size
