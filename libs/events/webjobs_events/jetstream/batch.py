"""Reading a handful of stored messages by one question, without a consumer."""

import asyncio

import msgspec
import nats.errors
from nats.aio.msg import Msg

from webjobs_events.jetstream.connection import Connection
from webjobs_events.jetstream.reader import StreamMessage

_ANSWER_TIMEOUT = 5.0  # seconds
_END_OF_BATCH = "204"
_NOT_FOUND = "404"
_NO_RESPONDERS = "503"


async def messages_from(
    connection: Connection, stream: str, pattern: str, start_sequence: int, count: int
) -> tuple[list[StreamMessage], int]:
    """The first messages from a sequence on whose subject matches, and how many more there are.

    Args:
        connection: To NATS.
        stream: To be read; it must allow direct reads.
        pattern: Subject or filter.
        start_sequence: The first to look at; 1 is the first of the stream.
        count: At most so many messages are read.

    Raises:
        BusUnavailable: NATS does not answer, or the answer has a gap.
    """
    client = connection.client
    body = msgspec.json.encode({"seq": max(1, start_sequence), "next_by_subj": pattern, "batch": count})
    arrived: asyncio.Queue[Msg] = asyncio.Queue()

    async def receive(message: Msg) -> None:
        arrived.put_nowait(message)

    found: list[StreamMessage] = []
    async with connection.asking(f"reading {pattern}"):
        inbox = client.new_inbox()
        subscription = await client.subscribe(inbox, cb=receive)
        try:
            await client.publish(f"$JS.API.DIRECT.GET.{stream}", body, reply=inbox)
            async with asyncio.timeout(_ANSWER_TIMEOUT):
                while True:
                    message = await arrived.get()
                    headers = message.headers or {}
                    status = headers.get("Status")
                    if status == _NOT_FOUND:
                        return found, 0
                    if status == _END_OF_BATCH:
                        return found, int(headers.get("Nats-Num-Pending", "0"))
                    if status == _NO_RESPONDERS:
                        raise nats.errors.NoRespondersError
                    if status is not None:
                        raise nats.errors.Error(headers.get("Description", status))
                    subject, sequence = headers["Nats-Subject"], int(headers["Nats-Sequence"])
                    found.append(StreamMessage(subject, headers, message.data, sequence, 0))
        finally:
            if not client.is_closed:
                await subscription.unsubscribe()
