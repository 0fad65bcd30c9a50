"""Overwrites what a bucket no longer holds: a removed or replaced value otherwise stays in the server's file.

nats-server keeps removed messages in their block until the block is compacted, which may be never. Only the
deletion of a single message overwrites it, at once. A bucket whose values are secrets therefore keeps a few
revisions of a key, and each writer of a key deletes those before its own. What a crash leaves is found
by a look at the whole bucket: at start, and every minute when there are more messages than keys.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec
import nats.errors
from nats.js import errors as js_errors

from webjobs_events.errors import BusUnavailable
from webjobs_events.jetstream.batch import messages_from
from webjobs_events.jetstream.connection import Connection
from webjobs_events.jetstream.stored import Streams
from webjobs_events.log import logger

REVISIONS = 8
"""Revisions of a key that a bucket with secrets keeps until they are overwritten."""

_SWEEP_SECONDS = 60.0  # between looks for what was left
_REFUSED_SECONDS = 60.0  # without a try after the server did not answer one: the user may not delete
_HINT = "an earlier release made this bucket; docs/secrets.md says how to create it again"


class Eraser:
    """Erases replaced and removed values of one bucket."""

    def __init__(self, connection: Connection, stream: str, is_secret: Callable[[str], bool]) -> None:
        """Nothing is erased yet.

        Args:
            connection: To NATS.
            stream: Behind the bucket.
            is_secret: Whether the values on a subject are to be erased.
        """
        self._connection = connection
        self._stream = stream
        self.is_secret = is_secret
        self._not_before = 0.0  # monotonic
        self._has_warned = False

    async def erase_before(self, subject: str, revision: int) -> bool:
        """Erase what a subject held before a revision; False when that is left to `erase_replaced`."""
        if time.monotonic() < self._not_before:
            return False
        try:
            found, _ = await messages_from(self._connection, self._stream, subject, 1, REVISIONS)
            for message in found:
                if message.sequence < revision:
                    await self._erase(message.sequence)
        except BusUnavailable as error:
            self._not_before = time.monotonic() + _REFUSED_SECONDS
            logger.warning("replaced value not erased yet", stream=self._stream, error=str(error))
            return False
        return True

    async def erase_replaced(self) -> None:
        """Erase everything that is not the latest revision of its key.

        Raises:
            BusUnavailable: NATS does not answer.
        """
        if not await self._has_more_messages_than_keys():
            return
        latest: dict[str, int] = {}
        async for batch in Streams(self._connection).stored(self._stream, [">"]):
            for message in batch:
                before = latest.get(message.subject)
                latest[message.subject] = message.sequence
                if before is not None and self.is_secret(message.subject):
                    await self._erase(before)

    async def _has_more_messages_than_keys(self) -> bool:
        async with self._connection.asking(f"looking at {self._stream}"):
            reply = await self._connection.client.request(f"$JS.API.STREAM.INFO.{self._stream}", timeout=5.0)
        info = msgspec.json.decode(reply.data)
        if info.get("config", {}).get("deny_delete"):
            if not self._has_warned:
                logger.warning("replaced values stay on the disk of NATS", stream=self._stream, hint=_HINT)
            self._has_warned = True
            return False
        state = info.get("state", {})
        return bool(state.get("messages", 0) > state.get("num_subjects", 0))

    async def _erase(self, sequence: int) -> None:
        async with self._connection.asking("erasing a replaced value"):
            with contextlib.suppress(js_errors.APIError):  # another service has just erased it
                await self._connection.js.delete_msg(self._stream, sequence)


@asynccontextmanager
async def erasing(erasers: Sequence[Eraser]) -> AsyncIterator[None]:
    """Erase what crashes left in buckets, now and then, while the body runs."""

    async def erase_periodically() -> None:
        while True:
            for eraser in erasers:
                try:
                    await eraser.erase_replaced()
                except (BusUnavailable, nats.errors.Error) as error:
                    logger.info("replaced values not looked for", error=str(error))
            await asyncio.sleep(_SWEEP_SECONDS)

    task = asyncio.create_task(erase_periodically(), name="erasure of replaced values")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
