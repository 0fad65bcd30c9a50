"""Publishing many messages in order without waiting for each: the acknowledgements come back as futures."""

import asyncio
import itertools
import json
from collections.abc import Mapping

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream.connection import Connection


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
        self._unhook = connection.on_disconnect(self._lose_all)

    async def __aenter__(self) -> "PublishPipeline":
        self._subscription = await self._connection.client.subscribe(f"{self._inbox}.*", cb=self._receive)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._unhook()
        self._lose_all()
        if self._subscription is not None and not self._connection.client.is_closed:
            await self._subscription.unsubscribe()

    async def send(self, subject: str, data: bytes, headers: Mapping[str, str]) -> asyncio.Future[int]:
        """Publish; the future answers the message's sequence in the stream, or fails.

        Raises:
            BusUnavailable: The connection is down; nothing was sent.
        """
        if not self._connection.is_connected:
            raise BusUnavailable(f"publishing on {subject}", "the connection is down")
        number = str(next(self._numbers))
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        await self._connection.client.publish(
            subject, data, reply=f"{self._inbox}.{number}", headers=dict(headers)
        )
        return future

    async def _receive(self, message: Msg) -> None:
        future = self._waiting.pop(message.subject.rpartition(".")[2], None)
        if future is None or future.done():
            return
        if not message.data:
            future.set_exception(BusUnavailable("publishing", "no stream takes this subject"))
            return
        answer = json.loads(message.data)
        if "error" in answer:
            future.set_exception(BusUnavailable("publishing", str(answer["error"].get("description"))))
        else:
            future.set_result(int(answer["seq"]))

    def _lose_all(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(BusUnavailable("publishing", "the connection broke"))
                future.exception()  # the caller may have gone; a lost publish is no surprise to the loop
