"""Publishing in order, one message or many: the acknowledgements come back as futures."""

import asyncio
import itertools
from collections.abc import Callable, Mapping

import msgspec
import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from webjobs_rules.errors import WebJobsError

from webjobs_events.errors import (
    BusUnavailable,
    CommandRefused,
    MessageTooLarge,
    RevisionConflict,
    StorageFull,
)
from webjobs_events.jetstream.connection import Connection, describe
from webjobs_events.jetstream.space import is_refused_for_space

EXPECTED_SEQUENCE_HEADER = "Nats-Expected-Last-Subject-Sequence"
EXPECTED_SUBJECT_HEADER = "Nats-Expected-Last-Subject-Sequence-Subject"  # a filter, instead of the own one
_PUBLISH_TIMEOUT = 5.0  # seconds
_PUBLISH_TIMEOUT_IN_CLUSTER = 3.0  # less than a stream needs to have a leader again, so that none is missed
_WRONG_LAST_SEQUENCE = (10071, 10164)
_PER_SUBJECT_LIMIT = "maximum messages per subject exceeded"


class _Refusal(msgspec.Struct, frozen=True):
    err_code: int = 0
    description: str = "refused"


class _Reply(msgspec.Struct, frozen=True):
    """What JetStream answers to a publish."""

    seq: int = 0
    error: _Refusal | None = None


_decoder = msgspec.json.Decoder(_Reply)


class PublishPipeline:
    """An async context manager that publishes in the order of the calls.

    The caller keeps the window: it does not `send` more than it is willing to send again. When the
    connection breaks, every unanswered future fails, and the caller begins again at the first of them.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._inbox = connection.client.new_inbox()
        self._numbers = itertools.count(1)
        self._waiting: dict[str, tuple[str, asyncio.Future[int]]] = {}  # with their subjects
        self._subscription: Subscription | None = None

    async def __aenter__(self) -> "PublishPipeline":
        self._subscription = await self._connection.client.subscribe(f"{self._inbox}.*", cb=self._receive)
        self._unhooks = [
            self._connection.on_disconnect(self._lose_all),
            self._connection.on_give_up(self._give_up),
        ]
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for unhook in self._unhooks:
            unhook()
        self._lose_all()
        if self._subscription is not None and not self._connection.client.is_closed:
            await self._subscription.unsubscribe()

    @property
    def answer_timeout(self) -> float:
        """Seconds without an acknowledgement after which a message is to be sent again."""
        return _PUBLISH_TIMEOUT_IN_CLUSTER if self._connection.is_clustered else _PUBLISH_TIMEOUT

    async def publish(self, subject: str, data: bytes, headers: Mapping[str, str]) -> int:
        """Publish and wait until the stream has it; answers the message's sequence in the stream.

        Raises:
            CommandRefused: The subject takes one message at a time and holds one.
            RevisionConflict: The subject's last sequence is not the one the headers expect.
            MessageTooLarge: NATS takes no message of this size.
            StorageFull: JetStream has no space for it.
            BusUnavailable: No answer, or JetStream is in trouble; the message may or may not be stored.
        """
        return await _answer_in_time(await self.send(subject, data, headers), subject, self.answer_timeout)

    async def confirm(self, subject: str, data: bytes, timeout: float) -> None:
        """Publish what the server takes for itself, an acknowledgement, and wait for its empty answer.

        Raises:
            BusUnavailable: No answer; the server may or may not have it.
        """
        await _answer_in_time(await self.send(subject, data, {}), subject, timeout)

    async def send(self, subject: str, data: bytes, headers: Mapping[str, str]) -> asyncio.Future[int]:
        """Publish; the future answers the message's sequence in the stream, or fails as `publish` does.

        Raises:
            BusUnavailable: The connection is down; nothing was sent.
            MessageTooLarge: NATS takes no message of this size; nothing was sent.
        """
        client = self._connection.client
        if not client.is_connected:
            raise BusUnavailable(f"publishing on {subject}", "the connection is down")
        number = str(next(self._numbers))
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[number] = subject, future
        try:
            await client.publish(
                subject, data, reply=f"{self._inbox}.{number}", headers=dict(headers) or None
            )
        except BaseException as error:
            self._waiting.pop(number, None)
            if isinstance(error, nats.errors.MaxPayloadError):
                raise MessageTooLarge(subject, len(data), client.max_payload) from error
            if isinstance(error, nats.errors.Error | OSError):
                raise BusUnavailable(f"publishing on {subject}", describe(error)) from error
            raise
        return future

    async def _receive(self, message: Msg) -> None:
        subject, future = self._waiting.pop(message.subject.rpartition(".")[2], ("", None))
        if future is None or future.done():
            return
        if not message.data:
            if message.headers:  # the status `503 No Responders`
                self._connection.stream_missed.set()
                _fail(future, BusUnavailable(f"publishing on {subject}", "no stream takes this subject"))
            else:
                future.set_result(0)
            return
        answer = _decoder.decode(message.data)
        if answer.error is not None:
            _fail(future, _error_of(answer.error, subject))
        else:
            future.set_result(answer.seq)

    def _lose_all(self) -> None:
        self._fail_waiting(lambda subject: BusUnavailable(f"publishing on {subject}", "the connection broke"))

    def _give_up(self, reason: str) -> None:
        self._fail_waiting(lambda subject: StorageFull(f"a message on {subject}", reason))

    def _fail_waiting(self, error_of: Callable[[str], WebJobsError]) -> None:
        waiting, self._waiting = self._waiting, {}
        for subject, future in waiting.values():
            if not future.done():
                _fail(future, error_of(subject))


async def _answer_in_time(future: asyncio.Future[int], subject: str, timeout: float) -> int:
    try:
        async with asyncio.timeout(timeout):
            return await future
    except TimeoutError as error:
        raise BusUnavailable(f"publishing on {subject}", "no answer in time") from error


def _error_of(refusal: _Refusal, subject: str) -> WebJobsError:
    if refusal.err_code in _WRONG_LAST_SEQUENCE:
        return RevisionConflict(subject)
    if refusal.description == _PER_SUBJECT_LIMIT:
        return CommandRefused(subject)
    if is_refused_for_space(refusal.err_code, refusal.description):
        return StorageFull(f"a message on {subject}", refusal.description)
    return BusUnavailable(f"publishing on {subject}", refusal.description)


def _fail(future: asyncio.Future[int], error: WebJobsError) -> None:
    future.set_exception(error)
    future.exception()  # the caller may have gone; a lost publish is no surprise to the loop
