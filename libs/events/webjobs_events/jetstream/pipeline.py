"""Publishing many messages in order without waiting for each: the acknowledgements come back as futures."""

import asyncio
import itertools
import json
from collections.abc import Mapping

import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from webjobs_events.errors import BusUnavailable, MessageTooLarge
from webjobs_events.jetstream.connection import Connection, describe


class PublishPipeline:
    """An async context manager that publishes in the order of the calls.

    The caller keeps the window: it does not `send` more than it is willing to send again. When the
    connection breaks, every unanswered future fails, and the caller begins again at the first of them.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._inbox = connection.client.new_inbox()
        self._numbers = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[int]] = {}
        self._subscription: Subscription | None = None

    async def __aenter__(self) -> "PublishPipeline":
        self._subscription = await self._connection.client.subscribe(f"{self._inbox}.*", cb=self._receive)
        self._unhook = self._connection.on_disconnect(self._lose_all)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._unhook()
        self._lose_all()
        if self._subscription is not None and not self._connection.client.is_closed:
            await self._subscription.unsubscribe()

    async def send(self, subject: str, data: bytes, headers: Mapping[str, str]) -> asyncio.Future[int]:
        """Publish; the future answers the message's sequence in the stream, or fails with `BusUnavailable`.

        Raises:
            BusUnavailable: The connection is down; nothing was sent.
            MessageTooLarge: NATS takes no message of this size; nothing was sent.
        """
        client = self._connection.client
        if not client.is_connected:
            raise BusUnavailable(f"publishing on {subject}", "the connection is down")
        number = str(next(self._numbers))
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            await client.publish(subject, data, reply=f"{self._inbox}.{number}", headers=dict(headers))
        except BaseException as error:
            self._waiting.pop(number, None)
            if isinstance(error, nats.errors.MaxPayloadError):
                raise MessageTooLarge(subject, len(data), client.max_payload) from error
            if isinstance(error, nats.errors.Error | OSError):
                raise BusUnavailable(f"publishing on {subject}", describe(error)) from error
            raise
        return future

    async def _receive(self, message: Msg) -> None:
        future = self._waiting.pop(message.subject.rpartition(".")[2], None)
        if future is None or future.done():
            return
        answer = json.loads(message.data or b"{}")
        if "seq" in answer and "error" not in answer:
            future.set_result(int(answer["seq"]))
        elif "error" in answer:
            _fail(future, str(answer["error"].get("description")))
        else:
            _fail(future, "no stream takes this subject")

    def _lose_all(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                _fail(future, "the connection broke")


def _fail(future: asyncio.Future[int], reason: str) -> None:
    future.set_exception(BusUnavailable("publishing", reason))
    future.exception()  # the caller may have gone; a lost publish is no surprise to the loop
