"""The bus: one connection, the streams and buckets of webjobs, and what each service does with them."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from nats.aio.msg import Msg
from nats.js import errors as js_errors
from webjobs_rules.trace import Trace

from webjobs_events.commands import Command, encode_command
from webjobs_events.envelope import MESSAGE_ID_HEADER, NO_CAUSE, Cause, decode_event, encode_event
from webjobs_events.errors import CommandRefused, RevisionConflict
from webjobs_events.events import Event
from webjobs_events.jetstream.bucket import Bucket
from webjobs_events.jetstream.connection import Connection, open_connection
from webjobs_events.jetstream.erasure import erasing
from webjobs_events.jetstream.live_settings import LiveSettings
from webjobs_events.jetstream.message import StreamMessage
from webjobs_events.jetstream.objects import ObjectBucket
from webjobs_events.jetstream.pipeline import (
    EXPECTED_SEQUENCE_HEADER,
    EXPECTED_SUBJECT_HEADER,
    PublishPipeline,
)
from webjobs_events.jetstream.queue import ConsumerTerms, QueuedMessage, TakenMessage, WorkQueue
from webjobs_events.jetstream.service import Handler, ask, serve_endpoints
from webjobs_events.jetstream.stored import Streams
from webjobs_events.jetstream.stream_watch import StreamWatch
from webjobs_events.jetstream.streams import ensure_streams
from webjobs_events.jetstream.tunnels import Acceptor, Tunnels
from webjobs_events.redaction import redacted_copy
from webjobs_events.subjects import Subjects

_JETSTREAM_PATIENCE = 30.0  # seconds from the connection to the first answer of JetStream
_COMMANDS_AT_ONCE = 1000
_PARKED_BYTES, _PARKED_HEADERS, _PARKED_HEADER_LENGTH = 512 * 1024, 30, 1000  # that are kept of a dead letter


class Bus(Streams):
    """Everything webjobs does on NATS. Made by `connect_bus`."""

    def __init__(
        self, connection: Connection, publisher: PublishPipeline, watch: StreamWatch, subjects: Subjects
    ) -> None:
        super().__init__(connection)
        self._publisher = publisher
        self.subjects = subjects
        self.streams = watch
        self.jobs = Bucket(connection, publisher, subjects.jobs_bucket, secrets="")
        self.leases = Bucket(connection, publisher, subjects.leases_bucket)
        self.requests = Bucket(connection, publisher, subjects.requests_bucket)
        self.settings = Bucket(connection, publisher, subjects.settings_bucket, secrets="")
        self.hooks = Bucket(connection, publisher, subjects.hooks_bucket, secrets=Subjects.hook_key(""))
        self.packages = ObjectBucket(connection, subjects.packages_bucket)

    @property
    def is_connected(self) -> bool:
        """Whether NATS is there right now."""
        return self.connection.is_connected

    # Commands

    async def publish_command(self, command: Command) -> int:
        """Put a command into the queue; returns its sequence there.

        Raises:
            CommandRefused: The job has an unfinished command of this verb: on this subject, or, when the
                command has no slot, in any slot.
            BusUnavailable: NATS does not answer.
        """
        subject = command.subject(self.subjects)
        headers = {MESSAGE_ID_HEADER: command.command_id, **command.trace.headers}
        slots = command.slots(self.subjects)
        if slots is not None:
            headers[EXPECTED_SUBJECT_HEADER], headers[EXPECTED_SEQUENCE_HEADER] = slots, "0"
        try:
            return await self._publisher.publish(subject, encode_command(command), headers)
        except RevisionConflict as error:
            raise CommandRefused(subject) from error

    async def withdraw_command(self, sequence: int) -> bool:
        """Take a command back; answers False when it is gone already.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        async with self.connection.asking("withdrawing a command"):
            try:
                return await self.connection.js.delete_msg(self.subjects.commands_stream, sequence)
            except js_errors.APIError:
                return False

    async def is_command_taken(self, queue: str, sequence: int) -> bool:
        """Whether a runner was given a command; False for one that waits, or when there is no such queue.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        async with self.connection.asking("looking whether a command is taken"):
            try:
                info = await self.connection.js.consumer_info(self.subjects.commands_stream, queue)
            except js_errors.NotFoundError:
                return False
        return info.delivered is not None and (info.delivered.stream_seq or 0) >= sequence

    async def pending_command(self, subject: str) -> StreamMessage | None:
        """The unfinished command on a subject; None when there is none.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        return await self.last_message(self.subjects.commands_stream, subject)

    async def pending_subjects(self, patterns: Sequence[str]) -> list[str]:
        """Subjects that hold an unfinished command, of those that match one of some patterns.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        stream = self.subjects.commands_stream
        async with self.connection.asking("looking for pending commands"):
            infos = await asyncio.gather(
                *(self.connection.js.stream_info(stream, subjects_filter=pattern) for pattern in patterns)
            )
        return [subject for info in infos for subject in info.state.subjects or {}]

    async def pending_commands(self, pattern: str) -> list[StreamMessage]:
        """The unfinished commands whose subject matches, oldest first.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        pages = self.pages_from(self.subjects.commands_stream, pattern, count=_COMMANDS_AT_ONCE)
        async with contextlib.aclosing(pages):
            return [message async for page in pages for message in page]

    def work_queue(
        self,
        *,
        durable: str,
        filters: Sequence[str],
        room: Callable[[], int],
        on_message: Callable[[QueuedMessage], None],
    ) -> WorkQueue:
        """The queue of commands, taken from by all runners under one durable name."""
        return WorkQueue(
            self.connection,
            self._publisher,
            self.subjects.commands_stream,
            durable=durable,
            filters=filters,
            room=room,
            on_message=on_message,
        )

    # Events

    async def publish_event(
        self, event: Event, cause: Cause = NO_CAUSE, *, after: tuple[str, int] | None = None
    ) -> int:
        """Publish one event and wait for its sequence; a repeat answers the first one's.

        Args:
            event: What has happened.
            cause: What led to it.
            after: A filter of subjects, and the sequence that the last message on them must have.

        Raises:
            RevisionConflict: The last message on these subjects is another one.
            BusUnavailable: NATS does not answer; the event may or may not be stored.
        """
        headers, data = encode_event(event, cause)
        if after is not None:
            headers[EXPECTED_SUBJECT_HEADER], headers[EXPECTED_SEQUENCE_HEADER] = after[0], str(after[1])
        subject = event.subject(self.subjects)
        return await self._publisher.publish(subject, data, headers)

    def pipeline(self) -> PublishPipeline:
        """Many publishes in order; see `PublishPipeline`."""
        return PublishPipeline(self.connection)

    async def subscribe_events(
        self, pattern: str = "", *, start_sequence: int = 1
    ) -> AsyncGenerator[tuple[int, Event], None]:
        """Every event whose subject matches, in order and once, from a sequence on, for ever.

        Raises:
            UndecodableMessage: An event is not of this vocabulary.
        """
        reader = self.read_stream(
            self.subjects.events_stream,
            [pattern or self.subjects.all_events],
            start_sequence=start_sequence,
        )
        async with contextlib.aclosing(reader.batches()) as batches:
            async for batch in batches:
                for message in batch:
                    yield message.sequence, decode_event(message.subject, message.headers, message.data)

    # Subscriptions that remember on the server how far they have come

    def subscription(
        self,
        stream: str,
        *,
        durable: str,
        filters: Sequence[str],
        terms: ConsumerTerms,
        room: Callable[[], int],
        on_message: Callable[[QueuedMessage], None],
    ) -> WorkQueue:
        """Messages of a stream, shared between all who take them under one durable name."""
        return WorkQueue(
            self.connection,
            self._publisher,
            stream,
            durable=durable,
            filters=filters,
            room=room,
            on_message=on_message,
            terms=terms,
        )

    async def publish(
        self,
        subject: str,
        data: bytes,
        *,
        message_id: str | None = None,
        trace: Trace | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> int:
        """Give a stream a message; answers its sequence.

        Raises:
            MessageTooLarge: NATS takes no message of this size.
            BusUnavailable: NATS does not answer; the message may or may not be stored.
        """
        sent = dict(headers or {})
        if message_id:
            sent[MESSAGE_ID_HEADER] = message_id
        if trace is not None:
            sent |= trace.headers
        return await self._publisher.publish(subject, data, sent)

    # Unreadable messages

    async def park(self, service: str, message: StreamMessage | TakenMessage, reason: str) -> None:
        """Keep a copy of a message that cannot be read, with the reason, where an operator finds it.

        Values of `env` are not copied. Of a large message the beginning is kept; `Webjobs-Size` is the size
        that it had.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        # With the reason beside it a message of the largest size would be too large, and never be parked.
        first = list(message.headers.items())[:_PARKED_HEADERS]
        headers = {name: value[:_PARKED_HEADER_LENGTH] for name, value in first if name != MESSAGE_ID_HEADER}
        headers |= {
            "Webjobs-Subject": message.subject,
            "Webjobs-Reason": reason[:_PARKED_HEADER_LENGTH],
            "Webjobs-Size": str(len(message.data)),
        }
        data = redacted_copy(message.data)[:_PARKED_BYTES]
        await self._publisher.publish(self.subjects.dead_letter(service), data, headers)

    # Settings

    @asynccontextmanager
    async def live_settings(
        self, environment: Mapping[str, str], *, restore: bool = False
    ) -> AsyncIterator[LiveSettings]:
        """App settings: `environment` overlaid by the bucket; `restore` as for `BucketMirror`."""
        async with self.settings.mirror(restore=restore) as mirror:
            yield LiveSettings(environment, mirror)

    def erasing(self, *buckets: Bucket) -> AbstractAsyncContextManager[None]:
        """Overwrite replaced and removed secrets that crashes left in buckets, while the body runs."""
        return erasing([bucket.eraser for bucket in buckets])

    # Questions

    def serve(
        self, name: str, version: str, handlers: Mapping[str, Handler]
    ) -> AbstractAsyncContextManager[None]:
        """Answer queries; see `serve_endpoints`."""
        return serve_endpoints(self.connection, name, version, self.subjects.queries_group, handlers)

    async def ask(self, query: str, data: bytes, *, timeout: float = 5.0) -> bytes:
        """The answer to a query named in `queries.py`.

        Raises:
            QueryRefused: It was answered with an error.
            BusUnavailable: No service answers at the moment.
        """
        return await ask(self.connection, self.subjects.query(query), data, timeout=timeout)

    # Files

    @property
    def max_payload(self) -> int:
        """Most bytes that NATS takes in one message."""
        return self.connection.client.max_payload

    def serve_files(
        self, instance_id: str, handlers: Mapping[str, Handler]
    ) -> AbstractAsyncContextManager[None]:
        """Answer questions about the files of this runner, by operation; see `files.py`."""
        return serve_endpoints(
            self.connection, "files", "1.0.0", self.subjects.files_group(instance_id), handlers
        )

    async def ask_files(
        self, instance_id: str, operation: str, data: bytes, *, timeout: float = 5.0
    ) -> bytes:
        """The answer of one runner to a question about its files.

        Raises:
            QueryRefused: It was answered with an error.
            NoResponders: The runner is not there.
            BusUnavailable: It does not answer at the moment.
        """
        subject = f"{self.subjects.files_group(instance_id)}.{operation}"
        return await ask(self.connection, subject, data, timeout=timeout)

    # Tunnels

    def tunnels(self) -> Tunnels:
        """An end that opens tunnels to runners, which listen below `Subjects.tunnels`."""
        return Tunnels(self.connection, self.connection.client.new_inbox())

    def tunnels_of(self, instance_id: str, accept: Acceptor) -> Tunnels:
        """The end of a runner, which takes tunnels."""
        return Tunnels(self.connection, self.subjects.tunnels(instance_id), accept)

    # Plain messages, which are not stored

    async def broadcast(self, subject: str, data: bytes) -> None:
        """Send a message to current subscribers; while NATS is away it is dropped."""
        if self.connection.is_connected:
            await self.connection.client.publish(subject, data)

    @asynccontextmanager
    async def hearing(self, subject: str, on_message: Callable[[str, bytes], None]) -> AsyncIterator[None]:
        """Call back with the subject and body of each message while the body runs."""

        async def received(message: Msg) -> None:
            on_message(message.subject, message.data)

        subscription = await self.connection.client.subscribe(subject, cb=received)
        try:
            yield
        finally:
            if not self.connection.client.is_closed:
                await subscription.unsubscribe()

    # Replies

    async def reply(self, subject: str, data: bytes) -> None:
        """Send a reply to the subject on which a client waits."""
        await self.connection.client.publish(subject, data)

    @asynccontextmanager
    async def await_replies(self, on_reply: Callable[[bytes], None]) -> AsyncIterator[str]:
        """A subject of our own to be answered on."""

        async def received(message: Msg) -> None:
            on_reply(message.data)

        inbox = self.connection.client.new_inbox()
        subscription = await self.connection.client.subscribe(inbox, cb=received)
        try:
            yield inbox
        finally:
            if not self.connection.client.is_closed:
                await subscription.unsubscribe()


@asynccontextmanager
async def connect_bus(url: str, *, name: str, subjects: Subjects, replicas: int = 1) -> AsyncIterator[Bus]:
    """Connect to NATS, trying until it answers, and ensure that the JetStream objects exist.

    A server that answers may need a moment until its JetStream does.

    Args:
        url: `nats://[user:password@]host:port`, several separated by commas.
        name: Of the service, shown in the server's list of connections.
        subjects: Names of everything.
        replicas: Servers of a cluster that keep each stream; those that have fewer are raised.

    Raises:
        BusUnavailable: The server's JetStream does not answer; is it enabled?
        ReplicasUnsupported: More than one replica is asked for, and the server is not part of a cluster.
    """
    async with open_connection(url, name) as connection:
        await ensure_streams(connection.js, subjects, replicas=replicas, patience=_JETSTREAM_PATIENCE)
        async with PublishPipeline(connection) as publisher:
            watch = StreamWatch(connection, subjects, replicas)
            watching = asyncio.create_task(watch.run(), name="watch of the streams")
            try:
                yield Bus(connection, publisher, watch, subjects)
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
