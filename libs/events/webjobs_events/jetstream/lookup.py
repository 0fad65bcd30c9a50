"""Looks up single stored messages; in a cluster the leader of the stream is asked.

Any server that keeps a stream answers a direct read, also one that has not yet stored what the leader has
acknowledged: of 100 reads right after a write about four miss it. So nothing is decided by direct reads
in a cluster.
"""

import base64
from collections.abc import Mapping
from typing import Any

import msgspec
from nats.js import errors as js_errors

from webjobs_events.jetstream.connection import Connection, is_stream_missing
from webjobs_events.jetstream.message import StreamMessage
from webjobs_events.jetstream.timestamp import ns_of_timestamp

_NOT_FOUND = 404


class _Error(msgspec.Struct, frozen=True):
    code: int = 0
    err_code: int = 0
    description: str = ""


class _Stored(msgspec.Struct, frozen=True):
    subject: str
    seq: int
    time: str
    data: str = ""
    hdrs: str = ""


class _Reply(msgspec.Struct, frozen=True):
    """What the leader of a stream answers."""

    message: _Stored | None = None
    error: _Error | None = None


_decoder = msgspec.json.Decoder(_Reply)


async def last_on(connection: Connection, stream: str, subject: str) -> StreamMessage | None:
    """The latest message on a subject; None when there is none. Call it within `Connection.asking`."""
    return await _found(connection, stream, {"last_by_subj": subject})


async def first_from(
    connection: Connection, stream: str, pattern: str, sequence: int
) -> StreamMessage | None:
    """The first message whose subject matches, from a sequence on. Call it within `Connection.asking`."""
    return await _found(connection, stream, {"seq": max(1, sequence), "next_by_subj": pattern})


async def first_since_time(
    connection: Connection, stream: str, pattern: str, time: str
) -> StreamMessage | None:
    """The first message whose subject matches, stored at an instant (RFC 3339) or later."""
    return await _found(connection, stream, {"start_time": time, "next_by_subj": pattern})


async def at_sequence(connection: Connection, stream: str, sequence: int) -> StreamMessage | None:
    """The message with a sequence; None when there is none. Call it within `Connection.asking`."""
    return await _found(connection, stream, {"seq": sequence})


async def _found(connection: Connection, stream: str, request: Mapping[str, object]) -> StreamMessage | None:
    try:
        if connection.is_clustered:
            return await _request_leader(connection, stream, request)
        return await _read_directly(connection, stream, request)
    except js_errors.NotFoundError as error:
        if is_stream_missing(error):
            raise
        return None


async def _request_leader(
    connection: Connection, stream: str, request: Mapping[str, object]
) -> StreamMessage:
    reply = await connection.client.request(
        f"$JS.API.STREAM.MSG.GET.{stream}", msgspec.json.encode(request), timeout=connection.answer_timeout
    )
    answer = _decoder.decode(reply.data)
    if answer.message is None:
        error = answer.error or _Error(description="no message")
        kind = js_errors.NotFoundError if error.code == _NOT_FOUND else js_errors.APIError
        raise kind(code=error.code, err_code=error.err_code, description=error.description)
    found = answer.message
    return StreamMessage(
        found.subject,
        _headers(base64.b64decode(found.hdrs)),
        base64.b64decode(found.data),
        found.seq,
        ns_of_timestamp(found.time),
    )


async def _read_directly(connection: Connection, stream: str, request: Mapping[str, Any]) -> StreamMessage:
    subject, body = f"$JS.API.DIRECT.GET.{stream}", b""
    if "last_by_subj" in request:
        subject = f"{subject}.{request['last_by_subj']}"
    else:
        body = msgspec.json.encode(request)
    reply = await connection.client.request(subject, body, timeout=connection.answer_timeout)
    headers = reply.headers or {}
    status = headers.get("Status")
    if status is not None:
        kind = js_errors.NotFoundError if status == str(_NOT_FOUND) else js_errors.APIError
        raise kind(code=int(status), description=headers.get("Description", status))
    return StreamMessage(
        headers["Nats-Subject"],
        headers,
        reply.data,
        int(headers["Nats-Sequence"]),
        ns_of_timestamp(headers["Nats-Time-Stamp"]),
    )


def _headers(stored: bytes) -> dict[str, str]:
    """The headers of a stored message: a first line, then one a line."""
    lines = stored.decode(errors="replace").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines if line)
    return {name.strip(): value.strip() for name, _, value in pairs}
