"""Reading a handful of stored messages without a consumer."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
import nats.errors
from nats.aio.msg import Msg

from webjobs_events.jetstream.connection import Connection
from webjobs_events.jetstream.lookup import first_from
from webjobs_events.jetstream.message import StreamMessage

_ANSWER_TIMEOUT = 5.0  # seconds
_END_OF_BATCH = "204"
_NOT_FOUND = "404"
_NO_RESPONDERS = "503"


async def messages_from(
    connection: Connection,
    stream: str,
    pattern: str,
    start_sequence: int,
    count: int,
    *,
    is_append_only: bool = False,
) -> tuple[list[StreamMessage], int]:
    """The first messages from a sequence on whose subject matches, and about how many more there are.

    The second number is 0 only if there are no more. In a cluster the leader of the stream is asked for one
    message at a time: any other server may lag behind (see `lookup`). What such a server has of a stream that
    only grows is its beginning, so there the leader is asked only for what follows.

    Args:
        connection: To NATS.
        stream: To be read; it must allow direct reads.
        pattern: Subject or filter.
        start_sequence: The first to look at; 1 is the first of the stream.
        count: At most so many messages are read.
        is_append_only: Whether messages come to the end of the stream only, and none is removed while it
            matters: then it is read in bulk in a cluster too.

    Raises:
        BusUnavailable: NATS does not answer, or the answer has a gap.
    """
    if not connection.is_clustered:
        return await _read_directly(connection, stream, pattern, start_sequence, count)
    found: list[StreamMessage] = []
    following = start_sequence
    if is_append_only:
        found, behind = await _read_directly(connection, stream, pattern, start_sequence, count)
        if behind:
            return found, behind
        following = found[-1].sequence + 1 if found else start_sequence
    async with connection.asking(f"reading {pattern}"):
        while (message := await first_from(connection, stream, pattern, following)) is not None:
            if len(found) == count:
                break
            found.append(message)
            following = message.sequence + 1
    if message is None:
        return found, 0
    _, behind = await _read_directly(connection, stream, pattern, message.sequence + 1, 1)
    return found, 1 + behind


async def _read_directly(
    connection: Connection, stream: str, pattern: str, start_sequence: int, count: int
) -> tuple[list[StreamMessage], int]:
    """By one question, which any server that keeps the stream may answer."""
    body = {"seq": max(1, start_sequence), "next_by_subj": pattern, "batch": count}
    return await _request(connection, stream, pattern, body)


async def last_message_before(
    connection: Connection, stream: str, subject: str, sequence: int
) -> StreamMessage | None:
    """The latest message on a subject below a sequence; None when there is none.

    Raises:
        BusUnavailable: NATS does not answer.
    """
    if sequence <= 1:  # the server takes 0 for the end of the stream
        return None
    found, _ = await _request(
        connection, stream, subject, {"multi_last": [subject], "up_to_seq": sequence - 1}
    )
    return found[0] if found else None


async def _request(
    connection: Connection, stream: str, pattern: str, body: Mapping[str, Any]
) -> tuple[list[StreamMessage], int]:
    client = connection.client
    batch = _Batch()
    async with connection.asking(f"reading {pattern}"):
        inbox = client.new_inbox()
        subscription = await client.subscribe(inbox, cb=batch.receive)
        try:
            request = msgspec.json.encode(body)
            await client.publish(f"$JS.API.DIRECT.GET.{stream}", request, reply=inbox)
            async with asyncio.timeout(_ANSWER_TIMEOUT):
                return batch.messages, await batch.left
        finally:
            if not client.is_closed:
                await subscription.unsubscribe()


class _Batch:
    """The messages of one answer; kept as they arrive, since an answer may be of megabytes."""

    def __init__(self) -> None:
        self.messages: list[StreamMessage] = []
        self.left: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """How many more there are, once all of the answer is there."""

    async def receive(self, message: Msg) -> None:
        headers = message.headers or {}
        status = headers.get("Status")
        if self.left.done():
            return
        if status is None:
            subject, sequence = headers["Nats-Subject"], int(headers["Nats-Sequence"])
            self.messages.append(StreamMessage(subject, headers, message.data, sequence, 0))
        elif status == _NOT_FOUND:
            self.left.set_result(0)
        elif status == _END_OF_BATCH:
            self.left.set_result(int(headers.get("Nats-Num-Pending", "0")))
        elif status == _NO_RESPONDERS:
            self.left.set_exception(nats.errors.NoRespondersError())
        else:
            self.left.set_exception(nats.errors.Error(headers.get("Description", status)))
